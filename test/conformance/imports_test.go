package conformance

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/singchia/geminio"

// mayImport tells, for each package of the module and those below it, which
// others of the module its code may import; "*" stands for any, "pkg" for all
// below pkg. Tests may import what they like.
var mayImport = map[string][]string{
	".":           {"options"},
	"options":     {},
	"delegate":    {"."},
	"pkg":         {},
	"packet":      {"pkg/id"},
	"conn":        {".", "delegate", "packet", "pkg"},
	"multiplexer": {".", "delegate", "packet", "pkg"},
	"application": {".", "options", "delegate", "packet", "pkg", "multiplexer"},
	"client":      {".", "options", "delegate", "packet", "pkg", "conn", "multiplexer", "application"},
	"server":      {".", "options", "delegate", "packet", "pkg", "conn", "multiplexer", "application"},
	"examples":    {".", "client", "server", "options", "delegate", "examples"},
	"test":        {"*"},
}

// mayRequire are the modules that go.mod may require, and linked those
// packages of them that the library itself, apart from tests and examples, is
// made of.
var (
	mayRequire = []string{
		"github.com/golang/mock", "github.com/jumboframes/armorigo", "github.com/singchia/go-timer/v2",
		"github.com/stretchr/testify", "go.uber.org/goleak", "golang.org/x/net",
	}
	linked = []string{"github.com/jumboframes/armorigo/log", "github.com/singchia/go-timer/v2"}
)

func TestEachPackageImportsOnlyWhatItMayKnow(t *testing.T) {
	for _, pkg := range list(t) {
		name := nameInModule(pkg.ImportPath)
		allowed, known := mayImport[strings.Split(name, "/")[0]]
		if !assert.True(t, known, "%s has no row in the table", name) {
			continue
		}
		for _, imported := range pkg.Imports {
			if inModule(imported) {
				other := nameInModule(imported)
				assert.True(t, covered(allowed, other), "%s must not import %s", name, other)
			}
		}
	}
}

func TestTheCodecKnowsNoNetwork(t *testing.T) {
	for _, pkg := range list(t) {
		if nameInModule(pkg.ImportPath) == "packet" {
			assert.NotContains(t, pkg.Imports, "net")
		}
	}
}

func TestTheLibraryLinksNothingButTheLoggerAndTheTimer(t *testing.T) {
	for _, pkg := range list(t) {
		name := nameInModule(pkg.ImportPath)
		if covered([]string{"test", "examples"}, name) {
			continue
		}
		for _, imported := range pkg.Imports {
			host, _, _ := strings.Cut(imported, "/")
			if strings.Contains(host, ".") && !inModule(imported) {
				assert.Contains(t, linked, imported, "imported by %s", name)
			}
		}
	}
}

func TestTheModuleRequiresNothingButTheModulesAllowed(t *testing.T) {
	var mod struct {
		Module  struct{ Path string }
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod))
	assert.Equal(t, module, mod.Module.Path)
	for _, required := range mod.Require {
		if !required.Indirect {
			assert.Contains(t, mayRequire, required.Path)
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

// list returns every package of the module, those of nested modules apart.
func list(t *testing.T) []listed {
	t.Helper()
	readDirs(t)
	out := goTool(t, "list", "-e", "-json=ImportPath,Imports", "./...")
	var pkgs []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg listed
		err := dec.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, pkgs)
			return pkgs
		}
		require.NoError(t, err)
		pkgs = append(pkgs, pkg)
	}
}

// readDirs opens every directory of the module, so that go test knows what
// this test depends on and does not return an old result for new imports.
func readDirs(t *testing.T) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && path != root && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		return err
	}))
}

// root is the directory of go.mod, seen from this package.
var root = filepath.Join("..", "..")

func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return out
}

func inModule(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// nameInModule is the path below the module's own, "." for the root package.
func nameInModule(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// covered tells whether name is one of names or below one.
func covered(names []string, name string) bool {
	for _, n := range names {
		if n == "*" || n == name || strings.HasPrefix(name, n+"/") {
			return true
		}
	}
	return false
}
