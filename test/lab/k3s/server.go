package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var errStopped = errors.New("stopped by a signal")

func runServer(args []string) error {
	settings, err := loadSettings(args)
	if err != nil {
		return err
	}
	p, err := newPlan(settings)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("must run as root")
	}
	knobs, err := readKnobs()
	if err != nil {
		return err
	}
	if err := openLog(p); err != nil {
		return err
	}
	logf("info", "Starting k3s %s", release())
	for _, step := range []func(*plan) error{makeFolders, writePKI, writeToken, writeEncryptionConfig, writeKubeconfigs, writeNodeFiles, writeManifests} {
		if err := step(p); err != nil {
			return err
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	s := newSupervisor()
	err = s.run(ctx, p, knobs)
	stopped := errors.Is(err, errStopped)
	if !stopped {
		logf("error", "Shutting down: %v", err)
	}
	s.stop()
	if stopped {
		logf("info", "Stopped")
		return nil
	}
	return err
}

func (s *supervisor) run(ctx context.Context, p *plan, knobs labKnobs) error {
	os.Remove(etcdSocket(p))
	os.Remove(p.server("db", "peer:0"))
	if err := s.start("etcd", p.server("db"), etcdArgs(p, knobs)); err != nil {
		return err
	}
	if err := s.wait(ctx, "datastore", func() error { return dial(etcdSocket(p)) }); err != nil {
		return err
	}
	if err := s.start("kube-apiserver", "/", apiserverArgs(p)); err != nil {
		return err
	}
	if err := s.wait(ctx, "API server", func() error { return apiReady(ctx, p) }); err != nil {
		return err
	}
	if err := s.start("kube-controller-manager", "/", controllerArgs(p)); err != nil {
		return err
	}
	if err := s.start("kube-scheduler", "/", schedulerArgs(p)); err != nil {
		return err
	}
	logf("info", "k3s is up and running")
	notify("READY=1")

	if err := s.wait(ctx, "containerd", func() error { return dial(containerdSocket) }); err != nil {
		return err
	}
	if err := importImages(p); err != nil {
		return err
	}
	if err := s.start("kubelet", "/", kubeletArgs(p, knobs)); err != nil {
		return err
	}
	if err := s.start("kube-proxy", "/", proxyArgs(p, knobs)); err != nil {
		return err
	}
	if err := s.wait(ctx, "packaged manifests", func() error { return applyManifests(p) }); err != nil {
		return err
	}
	if err := s.wait(ctx, "node", func() error { return describeNode(ctx, p) }); err != nil {
		return err
	}
	return s.watch(ctx, nil)
}

// wait repeats a check until it passes; a dead component or a signal ends it early.
func (s *supervisor) wait(ctx context.Context, what string, check func() error) error {
	said := time.Now()
	for {
		err := check()
		if err == nil {
			return nil
		}
		if time.Since(said) > 15*time.Second {
			logf("info", "Waiting for %s: %v", what, err)
			said = time.Now()
		}
		if err := s.watch(ctx, time.After(200*time.Millisecond)); err != nil {
			return err
		}
	}
}

func (s *supervisor) watch(ctx context.Context, until <-chan time.Time) error {
	select {
	case <-ctx.Done():
		return errStopped
	case e := <-s.exits:
		return fmt.Errorf("%s exited: %v", e.name, e.err)
	case <-until:
		return nil
	}
}

func dial(socket string) error {
	c, err := net.DialTimeout("unix", socket, time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

func apiReady(ctx context.Context, p *plan) error {
	client, err := adminClient(p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := client.RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return err
	}
	_, err = client.CoreV1().Namespaces().Get(ctx, "kube-system", metav1.GetOptions{})
	return err
}

func notify(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	c, err := net.Dial("unixgram", socket)
	if err != nil {
		logf("warning", "cannot tell systemd %s: %v", state, err)
		return
	}
	defer c.Close()
	c.Write([]byte(state))
}

// openLog sends everything, the components' output too, to the file that `log` names.
func openLog(p *plan) error {
	file := p.text("log", "")
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return syscall.Dup3(int(f.Fd()), 2, 0)
}
