package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

type exit struct {
	name string
	err  error
}

type child struct {
	name string
	cmd  *exec.Cmd
	gone chan struct{}
}

// supervisor runs the components as children of this process; one that ends ends the server.
type supervisor struct {
	children []*child
	exits    chan exit
}

func newSupervisor() *supervisor { return &supervisor{exits: make(chan exit, 16)} }

// start must be called on the main goroutine (see init in main.go).
func (s *supervisor) start(name, dir string, args arguments) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	logf("info", "Running %s %s", name, strings.Join(args, " "))
	cmd := exec.Command(self, append([]string{name}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET=")
	// Own process group: Ctrl-C must reach only the parent, which stops the children in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c := &child{name, cmd, make(chan struct{})}
	s.children = append(s.children, c)
	go func() {
		err := cmd.Wait()
		close(c.gone)
		s.exits <- exit{name, err}
	}()
	return nil
}

// stop works backwards: clients of the API first, because open watches keep it from ending, and the
// datastore last, because an API server that lost it hangs for a minute.
func (s *supervisor) stop() {
	n := len(s.children)
	end(s.children[min(2, n):], 2*time.Second)
	end(s.children[min(1, n):min(2, n)], 3*time.Second)
	end(s.children[:min(1, n)], 5*time.Second)
}

func end(children []*child, patience time.Duration) {
	for _, c := range children {
		c.cmd.Process.Signal(syscall.SIGTERM)
	}
	limit := time.After(patience)
	for _, c := range children {
		select {
		case <-c.gone:
		case <-limit:
			logf("warning", "%s did not stop in time", c.name)
			c.cmd.Process.Kill()
			<-c.gone
			limit = time.After(0)
		}
	}
}
