// Command unchanged runs a command and fails if that changed a file of the
// tree: what is generated and committed must be what its source gives.
package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: unchanged command [argument ...]")
	}
	before := sums()
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fail("unchanged: %v", err)
	}
	after := sums()
	var changed []string
	for path := range maps.Keys(after) {
		if before[path] != after[path] {
			changed = append(changed, path)
		}
	}
	if len(changed) > 0 {
		slices.Sort(changed)
		fail("these files were not what is generated (they are now):\n  %s", strings.Join(changed, "\n  "))
	}
}

// sums returns the hash of every file of the tree.
func sums() map[string][sha256.Size]byte {
	all := make(map[string][sha256.Size]byte)
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == ".git":
			return filepath.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all[path] = sha256.Sum256(b)
		return nil
	})
	if err != nil {
		fail("unchanged: %v", err)
	}
	return all
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
