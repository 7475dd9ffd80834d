package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

type valueKind int

const (
	text valueKind = iota
	boolean
	list
)

// settings holds the values of k3s's configuration keys as text; lists keep their order.
type settings map[string][]string

// knownKeys are real k3s keys. Real k3s only warns about an unknown key; the lab refuses it, so
// that a typo in our configuration fails a test instead of being ignored.
var knownKeys = map[string]valueKind{
	"advertise-address": text, "bind-address": text, "cluster-cidr": text, "cluster-dns": text,
	"cluster-domain": text, "data-dir": text, "https-listen-port": text, "log": text, "node-ip": text,
	"node-name": text, "secrets-encryption-provider": text, "service-cidr": text,
	"service-node-port-range": text, "token": text, "write-kubeconfig": text, "write-kubeconfig-mode": text,

	"protect-kernel-defaults": boolean, "secrets-encryption": boolean,

	"disable": list, "node-label": list, "node-taint": list, "tls-san": list,
	"kube-apiserver-arg": list, "kube-controller-manager-arg": list, "kube-scheduler-arg": list,
	"kubelet-arg": list, "kube-proxy-arg": list,
}

// withoutEffect are real keys about parts that the stand-in does not have.
var withoutEffect = map[string]valueKind{
	"flannel-backend": text, "disable-network-policy": boolean, "disable-cloud-controller": boolean,
	"disable-helm-controller": boolean, "embedded-registry": boolean, "prefer-bundled-bin": boolean,
	"tls-san-security": boolean,
}

func kindOf(key string) (valueKind, error) {
	if k, ok := knownKeys[key]; ok {
		return k, nil
	}
	if k, ok := withoutEffect[key]; ok {
		return k, nil
	}
	return 0, fmt.Errorf("unknown configuration key %q", key)
}

// loadSettings reads the main file, then its .d folder in alphabetical order, then the command line.
func loadSettings(args []string) (settings, error) {
	file, rest, err := configFlag(args)
	if err != nil {
		return nil, err
	}
	dropIns, err := filepath.Glob(file + ".d/*.y*ml")
	if err != nil {
		return nil, err
	}
	sort.Strings(dropIns)
	s := settings{}
	for _, f := range append([]string{file}, dropIns...) {
		if err := s.readFile(f); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	return s, s.readArgs(rest)
}

func (s settings) readFile(file string) error {
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return err
	}
	asJSON, err := yaml.YAMLToJSONStrict(raw)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(asJSON))
	dec.UseNumber()
	var values map[string]any
	if err := dec.Decode(&values); err != nil {
		return fmt.Errorf("not a map of keys: %w", err)
	}
	for key, value := range values {
		name, appends := strings.CutSuffix(key, "+")
		got, err := toText(name, value)
		if err != nil {
			return err
		}
		if appends {
			got = append(slices.Clone(s[name]), got...)
		}
		s[name] = got
	}
	return nil
}

func toText(key string, value any) ([]string, error) {
	kind, err := kindOf(key)
	if err != nil {
		return nil, err
	}
	if many, ok := value.([]any); ok {
		if kind != list {
			return nil, fmt.Errorf("%s takes one value, not a list", key)
		}
		var out []string
		for _, v := range many {
			out = append(out, fmt.Sprint(v))
		}
		return out, nil
	}
	if _, ok := value.(map[string]any); ok || value == nil {
		return nil, fmt.Errorf("%s has no usable value", key)
	}
	v := fmt.Sprint(value)
	if kind == boolean && v != "true" && v != "false" {
		return nil, fmt.Errorf("%s takes true or false, not %q", key, v)
	}
	return []string{v}, nil
}

func configFlag(args []string) (string, []string, error) {
	for i, a := range args {
		if a == "--config" || a == "-c" {
			if i+1 == len(args) {
				return "", nil, fmt.Errorf("%s needs a file", a)
			}
			return args[i+1], slices.Delete(slices.Clone(args), i, i+2), nil
		}
		if f, ok := strings.CutPrefix(a, "--config="); ok {
			return f, slices.Delete(slices.Clone(args), i, i+1), nil
		}
	}
	return defaultConfig, args, nil
}

// readArgs puts command line flags over the files: single values replace, lists grow.
func (s settings) readArgs(args []string) error {
	for i := 0; i < len(args); i++ {
		key, value, given := strings.Cut(strings.TrimPrefix(args[i], "--"), "=")
		kind, err := kindOf(key)
		if err != nil || !strings.HasPrefix(args[i], "--") {
			return fmt.Errorf("flag provided but not defined: %s", args[i])
		}
		switch {
		case !given && kind == boolean:
			value = "true"
		case !given:
			if i++; i == len(args) {
				return fmt.Errorf("flag needs a value: --%s", key)
			}
			value = args[i]
		}
		got, err := toText(key, value)
		if err != nil {
			return err
		}
		if kind == list {
			got = append(s[key], got...)
		}
		s[key] = got
	}
	return nil
}

func (s settings) text(key, fallback string) string {
	if v := s[key]; len(v) > 0 && v[len(v)-1] != "" {
		return v[len(v)-1]
	}
	return fallback
}

func (s settings) on(key string) bool { return s.text(key, "false") == "true" }

// items splits a list on commas too, as k3s does for names (never for component arguments).
func (s settings) items(key string) []string {
	var out []string
	for _, v := range s[key] {
		out = append(out, strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return out
}
