// Command crash fails at once, for tests of apps that never come up.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "crash: failing on purpose")
	os.Exit(1)
}
