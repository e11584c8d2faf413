package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// root is the directory of the repository, seen from this package.
var root = filepath.Join("..", "..")

// A page is a Markdown file.
type page struct {
	name   string // relative to root, with slashes
	blocks []block
	prose  []line    // what is in no block
	titles []heading // in the order of the page
}

type line struct {
	n    int
	text string
}

type heading struct {
	line
	level int
}

// A block is a fenced one.
type block struct {
	page    string
	line    int
	lang    string // empty for output
	mark    string // of "<!-- test: mark -->" before it, or empty
	code    string
	heading string // the text of the heading above it
	output  string // of the block marked so that follows, or empty
}

var marker = regexp.MustCompile(`^<!-- test: (compile|run|output) -->$`)

func read(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return parse(t, name, string(text))
}

func parse(t *testing.T, name, text string) page {
	t.Helper()
	p := page{name: name}
	var open *block
	var fence, mark, title string
	for i, s := range strings.Split(text, "\n") {
		n := i + 1
		switch trimmed := strings.TrimSpace(s); {
		case open != nil && trimmed == fence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.code += s + "\n"
		case strings.HasPrefix(trimmed, "```"):
			fence = "```"
			open = &block{page: name, line: n, lang: strings.TrimPrefix(trimmed, fence), mark: mark, heading: title}
			mark = ""
		case trimmed == "":
			continue
		case strings.HasPrefix(trimmed, "<!-- test:"):
			m := marker.FindStringSubmatch(trimmed)
			require.NotNil(t, m, "%s:%d: no mark that is known", name, n)
			mark = m[1]
		default:
			require.Empty(t, mark, "%s:%d: the mark before it is of no block", name, n)
			if level := len(s) - len(strings.TrimLeft(s, "#")); level > 0 && strings.HasPrefix(s[level:], " ") {
				title = strings.TrimSpace(s[level:])
				p.titles = append(p.titles, heading{line{n, title}, level})
			}
			p.prose = append(p.prose, line{n, s})
		}
	}
	require.Nil(t, open, "%s: a block does not end", name)
	for i := range p.blocks {
		b := &p.blocks[i]
		if i+1 < len(p.blocks) && p.blocks[i+1].mark == "output" {
			b.output = p.blocks[i+1].code
		}
	}
	return p
}

func TestAPageIsItsBlocksItsProseAndItsTitles(t *testing.T) {
	p := parse(t, "page.md", strings.Join([]string{
		"# Title", "", "<!-- test: run -->", "```sh", "# no title", "go version", "```", "", "prints", "",
		"<!-- test: output -->", "```", "go version", "```", "end",
	}, "\n"))
	require.Len(t, p.blocks, 2)
	assert.Equal(t, block{page: "page.md", line: 4, lang: "sh", mark: "run", code: "# no title\ngo version\n",
		heading: "Title", output: "go version\n"}, p.blocks[0])
	assert.Equal(t, []heading{{line{1, "Title"}, 1}}, p.titles)
	assert.Equal(t, []line{{1, "# Title"}, {9, "prints"}, {15, "end"}}, p.prose)
}
