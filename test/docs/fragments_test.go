package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// imports are the packages that fragments may name.
var imports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "io": "io", "net": "net", "os": "os",
	"time": "time", "tls": "crypto/tls",
	"log": "github.com/jumboframes/armorigo/log", "timer": "github.com/singchia/go-timer/v2",
	"geminio": "github.com/singchia/geminio", "client": "github.com/singchia/geminio/client",
	"server": "github.com/singchia/geminio/server", "options": "github.com/singchia/geminio/options",
	"delegate": "github.com/singchia/geminio/delegate", "packet": "github.com/singchia/geminio/packet",
}

// surroundings are what fragments use and do not declare.
const surroundings = `package fragment

import (
	"context"
	"crypto/tls"
	"net"
	"os"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/server"
)

var (
	ctx         context.Context
	end         geminio.End
	all         []geminio.End
	listener    server.Listener
	ln          net.Listener
	conn        net.Conn
	file        *os.File
	req         geminio.Request
	lines       []string
	certificate tls.Certificate
)

func serve(geminio.End)                                                      {}
func store(topic string, data []byte) error                                  { return nil }
func readSensor(context.Context, geminio.Request, geminio.Response)          {}
`

func TestFragmentsOfThePagesCompile(t *testing.T) {
	compile := newCompiler(t)
	for _, name := range pages(t) {
		for _, b := range read(t, name).blocks {
			if b.lang == "go" && b.mark == "compile" {
				assert.NoError(t, compile(b.code), "%s:%d", b.page, b.line)
			}
		}
	}
}

func TestAFragmentThatDoesNotCompileIsFound(t *testing.T) {
	compile := newCompiler(t)
	assert.NoError(t, compile("stream, err := end.OpenStream()\n"))
	assert.NoError(t, compile("type delegated struct{ *delegate.UnimplementedDelegate }\n"))
	assert.ErrorContains(t, compile("stream, err := end.OpenPipe()\n"), "OpenPipe")
	assert.ErrorContains(t, compile("end.OpenStream(ctx)\n"), "ctx")
	assert.ErrorContains(t, compile("stream, err = end.OpenStream()\n"), "undefined: stream")
	assert.Error(t, compile("if {\n"))
}

// newCompiler returns what checks a fragment: declarations, or statements of a
// function that returns an error. Variables need not be used.
func newCompiler(t *testing.T) func(code string) error {
	t.Helper()
	files := token.NewFileSet()
	exported := importer.ForCompiler(files, "gc", exports(t))
	around, err := parser.ParseFile(files, "surroundings.go", surroundings, parser.SkipObjectResolution)
	require.NoError(t, err)
	return func(code string) error {
		parse := func(text string) (*ast.File, error) {
			return parser.ParseFile(files, "fragment.go", text, parser.SkipObjectResolution)
		}
		const clause = "package fragment\n"
		text := code
		file, err := parse(clause + text)
		if err != nil {
			text = "func _() error {\n" + code + "return nil\n}\n"
			if file, err = parse(clause + text); err != nil {
				return err
			}
		}
		if file, err = parse(clause + importsOf(file) + text); err != nil {
			return err
		}
		var hard []error
		config := types.Config{Importer: exported, Error: func(err error) {
			var e types.Error
			if errors.As(err, &e) && !e.Soft {
				hard = append(hard, err)
			}
		}}
		_, _ = config.Check("fragment", files, []*ast.File{around, file}, nil) // its errors went to Error
		return errors.Join(hard...)
	}
}

// importsOf returns the imports of the packages that a fragment names.
func importsOf(file *ast.File) string {
	named := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" {
				named[x.Name] = true
			}
		}
		return true
	})
	var decls []string
	for name := range named {
		decls = append(decls, fmt.Sprintf("import %s %q\n", name, imports[name]))
	}
	sort.Strings(decls)
	return strings.Join(decls, "")
}

// exports returns where the compiled packages are found.
func exports(t *testing.T) importer.Lookup {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Export"}
	for _, path := range imports {
		args = append(args, path)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	found := make(map[string]string)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct{ ImportPath, Export string }
		err := dec.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		found[pkg.ImportPath] = pkg.Export
	}
	return func(path string) (io.ReadCloser, error) {
		if found[path] == "" {
			return nil, fmt.Errorf("no package %s", path)
		}
		return os.Open(found[path])
	}
}
