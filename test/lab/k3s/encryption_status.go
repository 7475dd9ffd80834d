package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiserver "k8s.io/apiserver/pkg/apis/apiserver/v1"
)

// encryptionState has the field names of k3s's own answer.
type encryptionState struct {
	Stage        string   `json:"stage"`
	ActiveKey    string   `json:"activekey"`
	Enable       *bool    `json:"enable,omitempty"`
	HashMatch    bool     `json:"hashmatch,omitempty"`
	HashError    string   `json:"hasherror,omitempty"`
	InactiveKeys []string `json:"inactivekeys,omitempty"`
}

func runSecretsEncrypt(args []string) error {
	if len(args) == 0 || args[0] != "status" {
		return fmt.Errorf("the lab's k3s answers only: secrets-encrypt status [-o json]")
	}
	asJSON := false
	switch rest := strings.Join(args[1:], " "); rest {
	case "":
	case "-o json", "--output json", "-o=json", "--output=json":
		asJSON = true
	default:
		return fmt.Errorf("flag provided but not defined: %s", rest)
	}
	s, err := loadSettings(nil)
	if err != nil {
		return err
	}
	p, err := newPlan(s)
	if err != nil {
		return err
	}
	state, err := readEncryptionState(p)
	if err != nil {
		return err
	}
	if asJSON {
		out, err := json.MarshalIndent(state, "", "\t")
		fmt.Println(string(out))
		return err
	}
	state.print()
	return nil
}

// readEncryptionState compares three things that can differ: the file, what the node's annotation
// says this server started with, and what the running API server has loaded.
func readEncryptionState(p *plan) (*encryptionState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := adminClient(p)
	if err != nil {
		return nil, err
	}
	metrics, err := client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("see server log for details: %w", err)
	}
	state := &encryptionState{}
	data, err := os.ReadFile(p.encryptionConfig())
	if os.IsNotExist(err) {
		return state, nil
	} else if err != nil {
		return nil, err
	}
	var config apiserver.EncryptionConfiguration
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, err
	}
	node, err := client.CoreV1().Nodes().Get(ctx, p.nodeName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	stage, recorded, _ := strings.Cut(node.Annotations[hashAnnotation], "-")
	state.Stage = stage
	hash := fmt.Sprintf("%x", sha256.Sum256(data))
	switch loaded := loadedHash(string(metrics)); {
	case loaded != hash:
		state.HashError = fmt.Sprintf("the API server has loaded %q, the file is %q", loaded, hash)
	case recorded != hash:
		state.HashError = fmt.Sprintf("node %s started with %q, the file is %q", p.nodeName, recorded, hash)
	default:
		state.HashMatch = true
	}
	for _, r := range config.Resources {
		for _, name := range r.Resources {
			if name == "secrets" {
				state.readProviders(r.Providers, loadedHash(string(metrics)) != "")
			}
		}
	}
	return state, nil
}

// loadedHash is empty when the API server runs without an encryption configuration.
func loadedHash(metrics string) string {
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "apiserver_encryption_config_controller_last_config_info{") {
			_, rest, _ := strings.Cut(line, `,hash="sha256:`)
			hash, _, _ := strings.Cut(rest, `"`)
			return hash
		}
	}
	return ""
}

func (s *encryptionState) readProviders(providers []apiserver.ProviderConfiguration, inUse bool) {
	var keys []string
	for _, c := range providers {
		if c.AESCBC != nil {
			for _, k := range c.AESCBC.Keys {
				keys = append(keys, "AES-CBC "+k.Name)
			}
		}
		if c.Secretbox != nil {
			for _, k := range c.Secretbox.Keys {
				keys = append(keys, "XSalsa20-POLY1305 "+k.Name)
			}
		}
	}
	enabled := inUse && len(providers) > 0 && providers[0].Identity == nil && len(keys) > 0
	s.Enable = &enabled
	if enabled {
		s.ActiveKey, keys = keys[0], keys[1:]
	}
	s.InactiveKeys = keys
}

func (s *encryptionState) print() {
	if s.Enable == nil {
		fmt.Println("Encryption Status: Disabled, no configuration file found")
		return
	}
	status, hashes := "Disabled", s.HashError
	if *s.Enable {
		status = "Enabled"
	}
	if s.HashMatch {
		hashes = "All hashes match"
	}
	fmt.Printf("Encryption Status: %s\nCurrent Rotation Stage: %s\nServer Encryption Hashes: %s\n\n", status, s.Stage, hashes)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Active\tKey Type\tName\n------\t--------\t----\n")
	row := func(mark, key string) {
		if kind, name, ok := strings.Cut(key, " "); ok {
			fmt.Fprintf(w, "%s\t%s\t%s\n", mark, kind, name)
		}
	}
	row(" *", s.ActiveKey)
	for _, k := range s.InactiveKeys {
		row("", k)
	}
	w.Flush()
}
