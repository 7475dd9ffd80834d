package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// runCheckConfig looks at what this kernel and host really offer, in the form of k3s's own check.
func runCheckConfig() int {
	failures := 0
	check := func(name string, ok bool, needed bool) {
		switch {
		case ok:
			fmt.Printf("- %s: good\n", name)
		case needed:
			failures++
			fmt.Printf("- %s: missing (fail)\n", name)
		default:
			fmt.Printf("- %s: missing\n", name)
		}
	}
	fmt.Print("\nVerifying binaries:\n")
	for _, tool := range []string{"iptables", "ip", "mount", "containerd", "runc"} {
		_, err := exec.LookPath(tool)
		check(tool, err == nil, true)
	}
	fmt.Print("\nSystem:\n")
	swap, _ := os.ReadFile("/proc/swaps")
	check("swap off", strings.Count(string(swap), "\n") <= 1, false)
	route, _ := os.ReadFile("/proc/net/route")
	check("default route", strings.Contains(string(route), "\t00000000\t"), true)
	fmt.Print("\nGenerally Necessary:\n")
	_, v2 := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	fmt.Printf("- cgroup hierarchy: %s\n", map[bool]string{true: "cgroups V2", false: "cgroups V1"}[v2 == nil])
	groups, _ := os.ReadFile("/proc/cgroups")
	for _, controller := range []string{"cpu", "cpuset", "memory", "pids"} {
		check("cgroup "+controller, strings.Contains(string(groups), controller+"\t"), true)
	}
	systems, _ := os.ReadFile("/proc/filesystems")
	check("overlay filesystem", strings.Contains(string(systems), "overlay"), true)
	_, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables")
	check("bridge netfilter", err == nil, true)
	check("iptables nat table", exec.Command("iptables", "-t", "nat", "-S").Run() == nil, true)
	if failures > 0 {
		fmt.Printf("\nSTATUS: %d (fail)\n", failures)
		return 1
	}
	fmt.Print("\nSTATUS: pass\n")
	return 0
}
