package main

import "os"

func main() {
	if os.Args[1] == "kubectl" {
		os.Exit(runKubectl(os.Args[2:]))
	}
	os.Exit(runComponent(os.Args[1], os.Args[2:]))
}
