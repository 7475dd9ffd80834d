package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

type leaf struct {
	file   string
	signer string
	cn     string
	groups []string
	sans   []string
	usage  x509.ExtKeyUsage
}

// writePKI makes what is missing, under k3s's own file names. Certificates are made again when
// their names change or 90 days are left, as k3s does at start.
func writePKI(p *plan) error {
	authorities := map[string]*authority{}
	for _, name := range []string{"server-ca", "client-ca", "request-header-ca"} {
		a, err := loadAuthority(p.tls(name))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		authorities[name] = a
	}
	for _, l := range leaves(p) {
		if err := l.ensure(authorities[l.signer]); err != nil {
			return fmt.Errorf("%s: %w", l.file, err)
		}
	}
	if err := ensureKey(p.tls("service.key")); err != nil {
		return err
	}
	for _, ca := range []string{"server-ca.crt", "client-ca.crt"} {
		if err := copyFile(p.tls(ca), p.agent(ca), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func leaves(p *plan) []leaf {
	api := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + p.domain,
		"localhost", p.nodeName, "127.0.0.1", "::1", p.apiIP.String(), p.nodeIP, p.advertise}
	api = append(api, p.items("tls-san")...)
	client := func(file, cn string, groups ...string) leaf {
		return leaf{p.tls("client-" + file), "client-ca", cn, groups, nil, x509.ExtKeyUsageClientAuth}
	}
	kubelet := client("kubelet", "system:node:"+p.nodeName, "system:nodes")
	kubelet.file = p.agent("client-kubelet")
	return []leaf{
		{p.tls("serving-kube-apiserver"), "server-ca", "kube-apiserver", nil, api, x509.ExtKeyUsageServerAuth},
		{p.agent("serving-kubelet"), "server-ca", p.nodeName, nil, []string{p.nodeName, "localhost", "127.0.0.1", p.nodeIP}, x509.ExtKeyUsageServerAuth},
		{p.tls("client-auth-proxy"), "request-header-ca", "system:auth-proxy", nil, nil, x509.ExtKeyUsageClientAuth},
		client("admin", "system:admin", "system:masters"),
		client("kube-apiserver", "system:apiserver", "system:masters"),
		client("controller", "system:kube-controller-manager"),
		client("scheduler", "system:kube-scheduler"),
		client("kube-proxy", "system:kube-proxy"),
		kubelet,
	}
}

func loadAuthority(base string) (*authority, error) {
	if _, err := os.Stat(base + ".crt"); os.IsNotExist(err) {
		now := time.Now().UTC()
		t := &x509.Certificate{
			Subject:   pkix.Name{CommonName: fmt.Sprintf("k3s-%s@%d", filepath.Base(base), now.Unix())},
			NotBefore: now, NotAfter: now.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		}
		if err := sign(base, t, nil); err != nil {
			return nil, err
		}
	}
	cert, key, err := loadPair(base)
	return &authority{cert, key}, err
}

func (l leaf) ensure(ca *authority) error {
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: l.cn, Organization: l.groups},
		// As in k3s: valid since the authority is, so that a clock set back later does no harm.
		NotBefore: ca.cert.NotBefore, NotAfter: time.Now().UTC().AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{l.usage},
	}
	for _, san := range slices.Compact(slices.Sorted(slices.Values(l.sans))) {
		if ip := net.ParseIP(san); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, san)
		}
	}
	if have, _, err := loadPair(l.file); err == nil && sameNames(have, t) &&
		time.Until(have.NotAfter) > 90*24*time.Hour && have.CheckSignatureFrom(ca.cert) == nil {
		return nil
	}
	return sign(l.file, t, ca)
}

func sameNames(have, want *x509.Certificate) bool {
	return have.Subject.String() == want.Subject.String() && slices.Equal(have.DNSNames, want.DNSNames) &&
		slices.EqualFunc(have.IPAddresses, want.IPAddresses, net.IP.Equal)
}

// sign writes base.key and base.crt; without an authority the certificate signs itself. A leaf's
// file carries the authority after it, as k3s's do.
func sign(base string, t *x509.Certificate, ca *authority) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	parent, signer := t, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	var chain bytes.Buffer
	pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	if ca != nil {
		pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
	}
	if err := writeKey(base+".key", key); err != nil {
		return err
	}
	return writeFile(base+".crt", chain.Bytes(), 0o644)
}

func ensureKey(file string) error {
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writeKey(file, key)
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writeFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

func loadPair(base string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	block := func(file string) ([]byte, error) {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if b, _ := pem.Decode(raw); b != nil {
			return b.Bytes, nil
		}
		return nil, fmt.Errorf("%s holds no PEM block", file)
	}
	der, err := block(base + ".crt")
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	if der, err = block(base + ".key"); err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(der)
	return cert, key, err
}
