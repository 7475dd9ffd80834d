package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultConfig     = "/etc/rancher/k3s/config.yaml"
	defaultKubeconfig = "/etc/rancher/k3s/k3s.yaml"
	defaultDataDir    = "/var/lib/rancher/k3s"
	containerdSocket  = "/run/containerd/containerd.sock"
)

// plan is a validated configuration with every default filled in.
type plan struct {
	settings
	dataDir, nodeName, nodeIP, advertise, bind, port string
	podCIDR, nodeCIDR, serviceCIDR, dns, domain      string
	kubeconfig                                       string
	kubeconfigMode                                   os.FileMode
	provider                                         string
	apiIP                                            netip.Addr
}

func newPlan(s settings) (*plan, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	p := &plan{
		settings:    s,
		dataDir:     s.text("data-dir", defaultDataDir),
		nodeName:    strings.ToLower(s.text("node-name", host)),
		nodeIP:      s.text("node-ip", outboundIP()),
		bind:        s.text("bind-address", "0.0.0.0"),
		port:        s.text("https-listen-port", "6443"),
		podCIDR:     s.text("cluster-cidr", "10.42.0.0/16"),
		serviceCIDR: s.text("service-cidr", "10.43.0.0/16"),
		domain:      s.text("cluster-domain", "cluster.local"),
		kubeconfig:  s.text("write-kubeconfig", defaultKubeconfig),
		provider:    s.text("secrets-encryption-provider", "aescbc"),
	}
	p.advertise = s.text("advertise-address", p.nodeIP)
	if _, err := netip.ParseAddr(p.nodeIP); err != nil {
		return nil, fmt.Errorf("node-ip: no usable address (%q): give the host a default route or set node-ip", p.nodeIP)
	}
	pods, err := netip.ParsePrefix(p.podCIDR)
	if err != nil || !pods.Addr().Is4() || pods.Bits() > 24 {
		return nil, fmt.Errorf("cluster-cidr: %q is not an IPv4 range of /24 or larger", p.podCIDR)
	}
	// One node, so the first /24 is the one the controller manager will hand out.
	p.nodeCIDR = netip.PrefixFrom(pods.Masked().Addr(), 24).String()
	services, err := netip.ParsePrefix(p.serviceCIDR)
	if err != nil || !services.Addr().Is4() {
		return nil, fmt.Errorf("service-cidr: %q is not an IPv4 range", p.serviceCIDR)
	}
	p.apiIP = services.Masked().Addr().Next()
	tenth := services.Masked().Addr()
	for range 10 {
		tenth = tenth.Next()
	}
	p.dns = s.text("cluster-dns", tenth.String())
	mode, err := strconv.ParseUint(s.text("write-kubeconfig-mode", "0600"), 8, 32)
	if err != nil {
		return nil, fmt.Errorf("write-kubeconfig-mode: %w", err)
	}
	p.kubeconfigMode = os.FileMode(mode)
	if !slices.Contains([]string{"aescbc", "secretbox"}, p.provider) {
		return nil, fmt.Errorf("secrets-encryption-provider: %q is neither aescbc nor secretbox", p.provider)
	}
	for _, item := range s.items("disable") {
		if !slices.Contains([]string{"coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"}, item) {
			return nil, fmt.Errorf("disable: no packaged component is named %q", item)
		}
	}
	return p, nil
}

func (p *plan) server(parts ...string) string {
	return filepath.Join(append([]string{p.dataDir, "server"}, parts...)...)
}
func (p *plan) agent(parts ...string) string {
	return filepath.Join(append([]string{p.dataDir, "agent"}, parts...)...)
}
func (p *plan) tls(name string) string         { return p.server("tls", name) }
func (p *plan) encryptionConfig() string       { return p.server("cred", "encryption-config.json") }
func (p *plan) adminKubeconfig() string        { return p.server("cred", "admin.kubeconfig") }
func (p *plan) disabled(component string) bool { return slices.Contains(p.items("disable"), component) }

// outboundIP is the address of the default route's interface; nothing is sent.
func outboundIP() string {
	c, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return ""
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).IP.String()
}
