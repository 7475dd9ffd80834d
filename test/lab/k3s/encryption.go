package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiserver "k8s.io/apiserver/pkg/apis/apiserver/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const hashAnnotation = "k3s.io/encryption-config-hash"

func writeEncryptionConfig(p *plan) error {
	if _, err := os.Stat(p.encryptionConfig()); !os.IsNotExist(err) || !p.on("secrets-encryption") {
		return err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	keys := []apiserver.Key{{Name: p.provider + "key", Secret: base64.StdEncoding.EncodeToString(secret)}}
	first := apiserver.ProviderConfiguration{AESCBC: &apiserver.AESConfiguration{Keys: keys}}
	if p.provider == "secretbox" {
		first = apiserver.ProviderConfiguration{Secretbox: &apiserver.SecretboxConfiguration{Keys: keys}}
	}
	data, err := json.Marshal(apiserver.EncryptionConfiguration{
		TypeMeta: metav1.TypeMeta{Kind: "EncryptionConfiguration", APIVersion: "apiserver.config.k8s.io/v1"},
		Resources: []apiserver.ResourceConfiguration{{
			Resources: []string{"secrets"},
			Providers: []apiserver.ProviderConfiguration{first, {Identity: &apiserver.IdentityConfiguration{}}},
		}},
	})
	if err != nil {
		return err
	}
	return writeFile(p.encryptionConfig(), data, 0o600)
}

// describeNode gives the node k3s's role label, and records which encryption configuration this
// server started with. The stand-in rotates no keys, so a start is the only stage it can record.
func describeNode(ctx context.Context, p *plan) error {
	annotations := map[string]string{}
	data, err := os.ReadFile(p.encryptionConfig())
	if err == nil {
		annotations[hashAnnotation] = fmt.Sprintf("start-%x", sha256.Sum256(data))
	} else if !os.IsNotExist(err) {
		return err
	}
	client, err := adminClient(p)
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": annotations,
		"labels":      map[string]string{"node-role.kubernetes.io/control-plane": "true"},
	}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, p.nodeName, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

func adminClient(p *plan) (*kubernetes.Clientset, error) {
	c, err := clientcmd.BuildConfigFromFlags("", p.adminKubeconfig())
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(c)
}
