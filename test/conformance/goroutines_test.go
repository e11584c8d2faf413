package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// named finds the files of the first column of a table.
var named = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| .* \\| .* \\| .* \\| .* \\| .* \\|$")

func TestEveryGoStatementHasItsRowInTheTableOfGoroutines(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "goroutines.md"))
	require.NoError(t, err)
	rows := make(map[string]bool)
	for _, row := range named.FindAllStringSubmatch(string(page), -1) {
		for _, file := range strings.Split(row[1], ", ") {
			rows[strings.Trim(file, "`")] = true
		}
	}
	require.NotEmpty(t, rows)

	starts := filesThatStartGoroutines(t)
	require.NotEmpty(t, starts)
	for file, line := range starts {
		assert.True(t, rows[file], "%s:%d has a go statement and no row in docs/goroutines.md", file, line)
	}
	for file := range rows {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(file)))
		assert.NoError(t, err, "docs/goroutines.md names it")
	}
}

// filesThatStartGoroutines returns the files of the library, those of tests
// and examples apart, in which a go statement stands, and where the first does.
func filesThatStartGoroutines(t *testing.T) map[string]int {
	t.Helper()
	starts := make(map[string]int)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			if name == "test" || name == "examples" || name != "." && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if stmt, ok := n.(*ast.GoStmt); ok && starts[name] == 0 {
				starts[name] = files.Position(stmt.Go).Line
			}
			return true
		})
		return nil
	}))
	return starts
}
