package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// difference is a row of docs/compat.md: | what | change | tests |. The tests
// are those of test/e2e, or of the package that is named before them.
var (
	difference   = regexp.MustCompile(`^\|.*\|([^|]*Test[^|]*)\|$`)
	packageNamed = regexp.MustCompile("^`([a-z0-9/]+)`:")
	testNamed    = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
)

// testsIn returns the names of the tests of a directory.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(repository, dir, "*_test.go"))
	require.NoError(t, err)
	require.NotEmpty(t, paths, "no tests in %s", dir)
	all := map[string]bool{}
	for _, path := range paths {
		for name := range testsOf(t, path) {
			all[name] = true
		}
	}
	return all
}

func TestEveryDifferenceIsShownByATestThatExists(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(repository, "docs", "compat.md"))
	require.NoError(t, err)
	tests := map[string]map[string]bool{}
	named, rows := 0, 0
	for n, line := range strings.Split(string(doc), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what ") {
			continue
		}
		rows++
		m := difference.FindStringSubmatch(line)
		require.NotNil(t, m, "line %d names no test", n+1)
		for _, part := range strings.Split(m[1], ";") {
			dir := "test/e2e"
			if p := packageNamed.FindStringSubmatch(strings.TrimSpace(part)); p != nil {
				dir = p[1]
			}
			if tests[dir] == nil {
				tests[dir] = testsIn(t, dir)
			}
			for _, name := range testNamed.FindAllStringSubmatch(part, -1) {
				named++
				require.True(t, tests[dir][name[1]], "line %d: %s has no %s", n+1, dir, name[1])
			}
		}
	}
	require.Positive(t, rows)
	require.GreaterOrEqual(t, named, rows)
}
