package main

import (
	"fmt"
	"os"
	"time"
)

// logf writes the line format of k3s, because the product reads effective flags from the journal.
func logf(level, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%q\n", time.Now().Format(time.RFC3339), level, fmt.Sprintf(format, args...))
}
