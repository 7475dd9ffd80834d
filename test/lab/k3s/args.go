package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// arguments keeps the order of defaults and lets later arguments replace them by name, as k3s does.
type arguments []string

func (a arguments) with(extra []string) arguments {
	replaced := map[string]bool{}
	for _, e := range extra {
		replaced[argName(e)] = true
	}
	out := slices.DeleteFunc(slices.Clone(a), func(d string) bool { return replaced[argName(d)] })
	for _, e := range extra {
		out = append(out, "--"+strings.TrimPrefix(e, "--"))
	}
	return out
}

func argName(arg string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
	return name
}

func apiserverArgs(p *plan) arguments {
	issuer := "https://kubernetes.default.svc." + p.domain
	a := arguments{
		"--advertise-address=" + p.advertise,
		"--allow-privileged=true",
		"--anonymous-auth=false",
		"--api-audiences=" + issuer + ",k3s",
		"--authorization-mode=Node,RBAC",
		"--bind-address=" + p.bind,
		"--cert-dir=" + p.tls("temporary-certs"),
		"--client-ca-file=" + p.tls("client-ca.crt"),
		"--enable-admission-plugins=NodeRestriction",
		"--etcd-servers=unix://" + etcdSocket(p),
		"--kubelet-certificate-authority=" + p.tls("server-ca.crt"),
		"--kubelet-client-certificate=" + p.tls("client-kube-apiserver.crt"),
		"--kubelet-client-key=" + p.tls("client-kube-apiserver.key"),
		"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
		"--profiling=false",
		"--proxy-client-cert-file=" + p.tls("client-auth-proxy.crt"),
		"--proxy-client-key-file=" + p.tls("client-auth-proxy.key"),
		"--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-client-ca-file=" + p.tls("request-header-ca.crt"),
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--secure-port=" + p.port,
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + p.tls("service.key"),
		"--service-account-signing-key-file=" + p.tls("service.key"),
		"--service-cluster-ip-range=" + p.serviceCIDR,
		"--service-node-port-range=" + p.text("service-node-port-range", "30000-32767"),
		"--tls-cert-file=" + p.tls("serving-kube-apiserver.crt"),
		"--tls-private-key-file=" + p.tls("serving-kube-apiserver.key"),
		"--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	}
	if _, err := os.Stat(p.encryptionConfig()); err == nil && p.on("secrets-encryption") {
		a = append(a, "--encryption-provider-config="+p.encryptionConfig(), "--encryption-provider-config-automatic-reload=true")
	}
	return a.with(p.settings["kube-apiserver-arg"])
}

func controllerArgs(p *plan) arguments {
	a := arguments{
		"--allocate-node-cidrs=true",
		"--bind-address=127.0.0.1",
		"--cluster-cidr=" + p.podCIDR,
		"--cluster-signing-kube-apiserver-client-cert-file=" + p.tls("client-ca.crt"),
		"--cluster-signing-kube-apiserver-client-key-file=" + p.tls("client-ca.key"),
		"--cluster-signing-kubelet-client-cert-file=" + p.tls("client-ca.crt"),
		"--cluster-signing-kubelet-client-key-file=" + p.tls("client-ca.key"),
		"--cluster-signing-kubelet-serving-cert-file=" + p.tls("server-ca.crt"),
		"--cluster-signing-kubelet-serving-key-file=" + p.tls("server-ca.key"),
		"--cluster-signing-legacy-unknown-cert-file=" + p.tls("client-ca.crt"),
		"--cluster-signing-legacy-unknown-key-file=" + p.tls("client-ca.key"),
		"--kubeconfig=" + p.server("cred", "controller.kubeconfig"),
		"--leader-elect=false",
		"--profiling=false",
		"--root-ca-file=" + p.tls("server-ca.crt"),
		"--service-account-private-key-file=" + p.tls("service.key"),
		"--service-cluster-ip-range=" + p.serviceCIDR,
		"--use-service-account-credentials=true",
	}
	return a.with(p.settings["kube-controller-manager-arg"])
}

func schedulerArgs(p *plan) arguments {
	a := arguments{
		"--bind-address=127.0.0.1",
		"--kubeconfig=" + p.server("cred", "scheduler.kubeconfig"),
		"--leader-elect=false",
		"--profiling=false",
	}
	return a.with(p.settings["kube-scheduler-arg"])
}

func kubeletArgs(p *plan, knobs labKnobs) arguments {
	a := arguments{
		"--config-dir=" + p.agent("etc", "kubelet.conf.d"),
		"--hostname-override=" + p.nodeName,
		"--kubeconfig=" + p.agent("kubelet.kubeconfig"),
		"--node-ip=" + p.nodeIP,
		"--node-labels=" + strings.Join(nodeLabels(p), ","),
		"--read-only-port=0",
	}
	if taints := p.items("node-taint"); len(taints) > 0 {
		a = append(a, "--register-with-taints="+strings.Join(taints, ","))
	}
	if p.on("protect-kernel-defaults") {
		a = append(a, "--protect-kernel-defaults=true")
	}
	return a.with(knobs.list("KUBELET_ARGS")).with(p.settings["kubelet-arg"])
}

func nodeLabels(p *plan) []string {
	return append([]string{"node.kubernetes.io/instance-type=k3s"}, p.items("node-label")...)
}

func proxyArgs(p *plan, knobs labKnobs) arguments {
	a := arguments{
		"--cluster-cidr=" + p.podCIDR,
		"--conntrack-max-per-core=0",
		"--conntrack-tcp-timeout-close-wait=0s",
		"--conntrack-tcp-timeout-established=0s",
		"--healthz-bind-address=127.0.0.1",
		"--hostname-override=" + p.nodeName,
		"--kubeconfig=" + p.agent("kubeproxy.kubeconfig"),
		"--proxy-mode=iptables",
	}
	return a.with(knobs.list("KUBE_PROXY_ARGS")).with(p.settings["kube-proxy-arg"])
}

// etcdSocket keeps the datastore off TCP, as in k3s's default single server.
func etcdSocket(p *plan) string { return p.server("db", "etcd.sock") }

func etcdArgs(p *plan, knobs labKnobs) arguments {
	// etcd drops the path of a peer URL: this one becomes a socket in its working folder.
	const peer = "unix://peer:0"
	a := arguments{
		"--name=default",
		"--data-dir=" + p.server("db", "etcd"),
		"--listen-client-urls=unix://" + etcdSocket(p),
		// Must look like host:port; nothing listens there and the one member asks nobody.
		"--advertise-client-urls=http://localhost:2379",
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=default=" + peer,
		"--log-level=warn",
	}
	return a.with(knobs.list("ETCD_ARGS"))
}

// labKnobs come from a file that only the lab's hosts have: what a nested host cannot do stays out
// of the product's configuration.
type labKnobs map[string]string

const knobsFile = "/etc/kipper-lab/k3s.env"

func readKnobs() (labKnobs, error) {
	raw, err := os.ReadFile(knobsFile)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	knobs := labKnobs{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !slices.Contains([]string{"KUBELET_ARGS", "KUBE_PROXY_ARGS", "ETCD_ARGS"}, name) {
			return nil, fmt.Errorf("%s: cannot use line %q", knobsFile, line)
		}
		knobs[name] = strings.Trim(value, `"'`)
	}
	return knobs, nil
}

func (k labKnobs) list(name string) []string { return strings.Fields(k[name]) }
