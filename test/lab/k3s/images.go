package main

import (
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// importImages loads the archives that lie ready for an air-gapped start. As in k3s, one that
// cannot be read is reported and does not stop the server.
func importImages(p *plan) error {
	var archives []string
	for _, pattern := range []string{"*.tar", "*.tar.zst", "*.tar.gz"} {
		found, err := filepath.Glob(p.agent("images", pattern))
		if err != nil {
			return err
		}
		archives = append(archives, found...)
	}
	sort.Strings(archives)
	for _, archive := range archives {
		logf("info", "Importing images from %s", archive)
		if err := importArchive(archive); err != nil {
			logf("error", "Error encountered while importing %s: %v", archive, err)
		}
	}
	return tagDigests()
}

func importArchive(archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	load := hostCtr("images", "import", "-")
	load.Stdin = file
	switch filepath.Ext(archive) {
	case ".zst":
		unpacked, err := zstd.NewReader(file)
		if err != nil {
			return err
		}
		defer unpacked.Close()
		load.Stdin = unpacked
	case ".gz":
		if load.Stdin, err = gzip.NewReader(file); err != nil {
			return err
		}
	}
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// tagDigests names every image by its digest too, so that a preloaded image can be used by digest.
// k3s does this itself on import.
func tagDigests() error {
	out, err := hostCtr("images", "list").Output()
	if err != nil {
		return fmt.Errorf("ctr images list: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		cells := strings.Fields(line)
		if len(cells) < 3 || !strings.HasPrefix(cells[2], "sha256:") || strings.Contains(cells[0], "@") || strings.HasPrefix(cells[0], "sha256:") {
			continue
		}
		colon := strings.LastIndex(cells[0], ":")
		if colon <= strings.LastIndex(cells[0], "/") {
			continue
		}
		name := cells[0][:colon] + "@" + cells[2]
		if out, err := hostCtr("images", "tag", "--force", cells[0], name).CombinedOutput(); err != nil {
			return fmt.Errorf("naming %s: %w: %s", name, err, out)
		}
	}
	return nil
}

func hostCtr(args ...string) *exec.Cmd {
	return exec.Command(ctrBinary, append([]string{"--address", containerdSocket, "--namespace", "k8s.io"}, args...)...)
}
