package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed coredns.yaml
var corednsManifest string

// corednsImage is set by the linker to the image that the airgap archive carries.
var corednsImage = "docker.io/rancher/mirrored-coredns-coredns:latest"

func writeManifests(p *plan) error {
	file := p.server("manifests", "coredns.yaml")
	if p.disabled("coredns") {
		os.Remove(file)
		return nil
	}
	for _, absent := range []string{"traefik", "servicelb", "local-storage", "metrics-server"} {
		if !p.disabled(absent) {
			logf("warning", "the lab's k3s does not carry the packaged component %s", absent)
		}
	}
	hosts := fmt.Sprintf("%s %s", p.nodeIP, p.nodeName)
	manifest := strings.NewReplacer("%{CLUSTER_DNS}%", p.dns, "%{CLUSTER_DOMAIN}%", p.domain,
		"%{IMAGE}%", corednsImage, "%{NODE_HOSTS}%", hosts).Replace(corednsManifest)
	return writeFile(file, []byte(manifest), 0o600)
}

// applyManifests applies the folder once per start; k3s also watches it.
func applyManifests(p *plan) error {
	files, err := filepath.Glob(p.server("manifests", "*.yaml"))
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := os.Stat(file + ".skip"); err == nil {
			continue
		}
		apply := exec.Command(self, "kubectl", "--kubeconfig", p.adminKubeconfig(), "apply", "--server-side",
			"--force-conflicts", "--field-manager=deploy@"+p.nodeName, "-f", file)
		if out, err := apply.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", file, err, out)
		}
		logf("info", "Applied manifest %s", file)
	}
	return nil
}
