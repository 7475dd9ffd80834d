package main

import (
	"fmt"
	"os"
)

// writeNodeFiles prepares what the kubelet and containerd read. The kubelet's defaults are a drop-in,
// as in k3s: later files in that folder win, and so do kubelet arguments.
func writeNodeFiles(p *plan) error {
	os.Remove(p.agent("etc", "kubelet.conf.d", "cli-config.conf"))
	defaults := fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[1]s}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
clusterDNS: [%[2]s]
clusterDomain: %[3]s
containerRuntimeEndpoint: unix://%[4]s
evictionHard: {imagefs.available: 5%%, nodefs.available: 5%%}
evictionMinimumReclaim: {imagefs.available: 10%%, nodefs.available: 10%%}
failSwapOn: false
healthzBindAddress: 127.0.0.1
resolvConf: %[5]s
serializeImagePulls: false
staticPodPath: %[6]s
tlsCertFile: %[7]s
tlsPrivateKeyFile: %[8]s
`, p.agent("client-ca.crt"), p.dns, p.domain, containerdSocket, resolvConf(), p.agent("pod-manifests"),
		p.agent("serving-kubelet.crt"), p.agent("serving-kubelet.key"))
	if err := writeFile(p.agent("etc", "kubelet.conf.d", "00-k3s-defaults.conf"), []byte(defaults), 0o600); err != nil {
		return err
	}
	network := fmt.Sprintf(`{"cniVersion":"1.0.0","name":"cbr0","plugins":[
{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,
 "ipam":{"type":"host-local","ranges":[[{"subnet":%q}]],"routes":[{"dst":"0.0.0.0/0"}]}},
{"type":"portmap","capabilities":{"portMappings":true}}]}
`, p.nodeCIDR)
	if err := writeFile("/etc/cni/net.d/10-k3s.conflist", []byte(network), 0o600); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"net/ipv4/ip_forward":                "1",
		"net/bridge/bridge-nf-call-iptables": "1",
	} {
		if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
			logf("warning", "Failed to set sysctl: %v", err)
		}
	}
	return nil
}

// resolvConf avoids systemd-resolved's stub, which a pod cannot reach.
func resolvConf() string {
	const stubFree = "/run/systemd/resolve/resolv.conf"
	if _, err := os.Stat(stubFree); err == nil {
		return stubFree
	}
	return "/etc/resolv.conf"
}
