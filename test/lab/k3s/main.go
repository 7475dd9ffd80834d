// Command k3s is the lab's stand-in for k3s: the upstream components behind k3s's own surface.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Children carry a parent-death signal, which fires when the *thread* that started them ends.
// Only the main goroutine starts children, so it stays on the main thread.
func init() { runtime.LockOSThread() }

const usage = `usage: k3s server|agent|kubectl|ctr|crictl|secrets-encrypt status|check-config|--version`

func main() {
	args := os.Args[1:]
	// k3s is also installed under the names of the tools it carries.
	switch name := filepath.Base(os.Args[0]); name {
	case "kubectl", "ctr", "crictl":
		args = append([]string{name}, args...)
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(1)
	}
	os.Exit(dispatch(args[0], args[1:]))
}

func dispatch(name string, args []string) int {
	switch name {
	case "server":
		return report(runServer(args))
	case "agent":
		return report(fmt.Errorf("the lab's k3s has no agent: one server is the whole cluster"))
	case "kubectl":
		return runKubectl(args)
	case "ctr":
		return report(runCtr(args))
	case "crictl":
		return report(runCrictl(args))
	case "secrets-encrypt":
		return report(runSecretsEncrypt(args))
	case "check-config":
		return runCheckConfig()
	case "--version", "-v":
		fmt.Printf("k3s version %s (lab)\ngo version %s\n", release(), runtime.Version())
		return 0
	case "--help", "-h", "help":
		fmt.Println(usage)
		return 0
	}
	if isComponent(name) {
		return runComponent(name, args)
	}
	return report(fmt.Errorf("no such command: %s\n%s", name, usage))
}

func report(err error) int {
	if err == nil {
		return 0
	}
	logf("fatal", "%v", err)
	return 1
}
