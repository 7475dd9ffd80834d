package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	criclient "k8s.io/cri-client/pkg"
)

// Named in full: /usr/local/bin/ctr may be a link to this program.
const ctrBinary = "/usr/bin/ctr"

// runCtr becomes the host's ctr; k3s carries its own, the lab's hosts have containerd's.
func runCtr(args []string) error {
	env := os.Environ()
	for name, value := range map[string]string{"CONTAINERD_ADDRESS": containerdSocket, "CONTAINERD_NAMESPACE": "k8s.io"} {
		if os.Getenv(name) == "" {
			env = append(env, name+"="+value)
		}
	}
	if err := syscall.Exec(ctrBinary, append([]string{"ctr"}, args...), env); err != nil {
		return fmt.Errorf("%s: %w", ctrBinary, err)
	}
	return nil
}

const crictlUsage = "the lab's crictl knows: version | images [-o json] | ps [-a] [-o json] | pods [-o json] | pull IMAGE | rmi IMAGE"

func runCrictl(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s", crictlUsage)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	const endpoint = "unix://" + containerdSocket
	runtime, err := criclient.NewRemoteRuntimeService(ctx, endpoint, time.Minute, nil, false)
	if err != nil {
		return err
	}
	images, err := criclient.NewRemoteImageService(ctx, endpoint, time.Minute, nil, false)
	if err != nil {
		return err
	}
	out := table{asJSON: strings.Contains(strings.Join(args, " "), "-o json") || slices.Contains(args, "-o=json")}
	switch args[0] {
	case "version":
		v, err := runtime.Version(ctx, "")
		if err != nil {
			return err
		}
		fmt.Printf("Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n", v.Version, v.RuntimeName, v.RuntimeVersion, v.RuntimeApiVersion)
		return nil
	case "images":
		list, err := images.ListImages(ctx, nil)
		if err != nil {
			return err
		}
		for _, i := range list {
			out.row(strings.Join(i.RepoTags, ","), short(i.Id), fmt.Sprint(i.Size))
		}
		return out.print("images", list, "IMAGE", "IMAGE ID", "SIZE")
	case "ps":
		filter := &cri.ContainerFilter{State: &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING}}
		if slices.Contains(args, "-a") || slices.Contains(args, "--all") {
			filter = nil
		}
		list, err := runtime.ListContainers(ctx, filter)
		if err != nil {
			return err
		}
		for _, c := range list {
			out.row(short(c.Id), c.State.String(), c.Metadata.Name, c.Labels["io.kubernetes.pod.name"], c.Labels["io.kubernetes.pod.namespace"])
		}
		return out.print("containers", list, "CONTAINER", "STATE", "NAME", "POD", "NAMESPACE")
	case "pods":
		list, err := runtime.ListPodSandbox(ctx, nil)
		if err != nil {
			return err
		}
		for _, s := range list {
			out.row(short(s.Id), s.State.String(), s.Metadata.Name, s.Metadata.Namespace)
		}
		return out.print("items", list, "POD ID", "STATE", "NAME", "NAMESPACE")
	case "pull", "rmi":
		if len(args) != 2 {
			return fmt.Errorf("%s", crictlUsage)
		}
		image := &cri.ImageSpec{Image: args[1]}
		if args[0] == "rmi" {
			return images.RemoveImage(ctx, image)
		}
		ref, err := images.PullImage(ctx, image, nil, nil)
		if err == nil {
			fmt.Println("Image is up to date for", ref)
		}
		return err
	}
	return fmt.Errorf("%s", crictlUsage)
}

type table struct {
	asJSON bool
	rows   [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(name string, list any, head ...string) error {
	if t.asJSON {
		raw, err := json.MarshalIndent(map[string]any{name: list}, "", "  ")
		fmt.Println(string(raw))
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, cells := range append([][]string{head}, t.rows...) {
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(13, len(id))]
}
