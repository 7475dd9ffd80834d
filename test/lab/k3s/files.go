package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeFile replaces a file in one step, so that no reader sees half of it.
func writeFile(file string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp := file + ".tmp"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	if err := os.Chmod(tmp, mode); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}

func copyFile(from, to string, mode os.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeFile(to, data, mode)
}

func makeFolders(p *plan) error {
	for dir, mode := range map[string]os.FileMode{
		p.server():                       0o700,
		p.server("cred"):                 0o700,
		p.server("db", "etcd"):           0o700,
		p.server("manifests"):            0o700,
		p.server("tls"):                  0o700,
		p.agent("images"):                0o755,
		p.agent("etc", "kubelet.conf.d"): 0o700,
		filepath.Dir(p.kubeconfig):       0o755,
		p.agent("pod-manifests"):         0o700,
	} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return err
		}
	}
	return os.Chmod(p.server("db"), 0o700)
}

// writeToken keeps the form K10<CA hash>::server:<password>, whose hash pins the authority on a join.
func writeToken(p *plan) error {
	file := p.server("token")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		return err
	}
	ca, err := os.ReadFile(p.tls("server-ca.crt"))
	if err != nil {
		return err
	}
	password := p.text("token", "")
	if password == "" {
		raw := make([]byte, 16)
		rand.Read(raw)
		password = hex.EncodeToString(raw)
	}
	if _, after, full := strings.Cut(password, "::server:"); full {
		password = after
	}
	line := fmt.Sprintf("K10%x::server:%s\n", sha256.Sum256(ca), password)
	if err := writeFile(file, []byte(line), 0o600); err != nil {
		return err
	}
	for _, link := range []string{"node-token", "agent-token"} {
		os.Remove(p.server(link))
		if err := os.Symlink(file, p.server(link)); err != nil {
			return err
		}
	}
	return nil
}

func writeKubeconfigs(p *plan) error {
	type target struct {
		file, pair string
		mode       os.FileMode
	}
	for _, t := range []target{
		{p.adminKubeconfig(), p.tls("client-admin"), 0o600},
		{p.server("cred", "controller.kubeconfig"), p.tls("client-controller"), 0o600},
		{p.server("cred", "scheduler.kubeconfig"), p.tls("client-scheduler"), 0o600},
		{p.agent("kubelet.kubeconfig"), p.agent("client-kubelet"), 0o600},
		{p.agent("kubeproxy.kubeconfig"), p.tls("client-kube-proxy"), 0o600},
		{p.kubeconfig, p.tls("client-admin"), p.kubeconfigMode},
	} {
		data, err := kubeconfig(p, t.pair)
		if err != nil {
			return err
		}
		if err := writeFile(t.file, data, t.mode); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfig(p *plan, pair string) ([]byte, error) {
	var parts []any
	parts = append(parts, p.port)
	for _, file := range []string{p.tls("server-ca.crt"), pair + ".crt", pair + ".key"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parts = append(parts, base64.StdEncoding.EncodeToString(raw))
	}
	return fmt.Appendf(nil, `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %[2]s
    server: https://127.0.0.1:%[1]s
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: %[3]s
    client-key-data: %[4]s
`, parts...), nil
}
