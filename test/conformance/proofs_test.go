package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const repository = "../.."

// proof is a row of docs/proofs.md: | promise | file | `Test…` |.
var proof = regexp.MustCompile("^\\|[^|]+\\| *`?([^|` ]+_test\\.go)`? *\\|([^|]+)\\|$")

// testsOf returns the names of the tests in a file.
func testsOf(t *testing.T, file string) map[string]bool {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil &&
			(strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
			names[f.Name.Name] = true
		}
	}
	return names
}

func TestEveryProofThatIsListedExistsAndEveryTestFromOutsideIsListed(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(repository, "docs", "proofs.md"))
	require.NoError(t, err)
	files := map[string]map[string]bool{}
	listed := map[string]bool{}
	for n, line := range strings.Split(string(doc), "\n") {
		m := proof.FindStringSubmatch(line)
		if m == nil {
			require.NotContains(t, line, "_test.go", "line %d is no row of the table", n+1)
			continue
		}
		if files[m[1]] == nil {
			files[m[1]] = testsOf(t, filepath.Join(repository, m[1]))
		}
		for _, name := range strings.Fields(strings.NewReplacer("`", " ", ",", " ").Replace(m[2])) {
			require.True(t, files[m[1]][name], "line %d: %s has no %s", n+1, m[1], name)
			listed[m[1]+" "+name] = true
		}
	}
	for _, dir := range []string{"test/e2e", "test/session", "test/process"} {
		paths, err := filepath.Glob(filepath.Join(repository, dir, "*_test.go"))
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			for name := range testsOf(t, path) {
				if name != "TestMain" {
					require.True(t, listed[dir+"/"+filepath.Base(path)+" "+name], "%s of %s is not in docs/proofs.md", name, path)
				}
			}
		}
	}
}
