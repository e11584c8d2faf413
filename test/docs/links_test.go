package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	inlineCode = regexp.MustCompile("`[^`]*`")
	linked     = regexp.MustCompile(`\]\(([^()\s]+)\)|(?:src|href)="([^"]+)"|^\[[^\]]+\]:\s*(\S+)`)
	elsewhere  = regexp.MustCompile(`^[a-z]+:`)
)

func TestEveryLinkInsideTheRepositoryLeadsSomewhere(t *testing.T) {
	links := 0
	for _, name := range pages(t) {
		for _, l := range read(t, name).prose {
			for _, target := range targets(l.text) {
				if elsewhere.MatchString(target) {
					continue
				}
				links++
				assert.Empty(t, broken(t, name, target), "%s:%d: %s", name, l.n, target)
			}
		}
	}
	require.Greater(t, links, 50, "links that were found")
}

func TestALinkThatLeadsNowhereIsFound(t *testing.T) {
	assert.Empty(t, broken(t, "docs/design.md", "../README.md#use-it"))
	assert.Empty(t, broken(t, "README.md", "examples/"))
	assert.Empty(t, broken(t, "README.md", "#why"))
	assert.Equal(t, "no such file", broken(t, "README.md", "docs/nowhere.md"))
	assert.Equal(t, "no such file", broken(t, "docs/design.md", "README.md"))
	assert.Equal(t, "no such heading", broken(t, "README.md", "#nowhere"))
	assert.Equal(t, "not in the repository", broken(t, "README.md", "../README.md"))
}

func TestTargetsAreThoseOfLinksAndImagesButNotOfCode(t *testing.T) {
	assert.Equal(t, []string{"a.md", "b.svg", "c.md"}, targets("[`a`](a.md) ![b](b.svg) `[x](x.md)` <a href=\"c.md\">"))
	assert.Equal(t, []string{"d.md"}, targets("[d]: d.md"))
}

func TestAnchorsAreThoseThatReadersOfMarkdownMake(t *testing.T) {
	titles := []heading{{level: 1}, {level: 2}, {level: 2}, {level: 2}}
	titles[0].text = "From yamux or smux"
	titles[1].text = "Limits, honestly"
	titles[2].text = "[`Call`](x.md) & more"
	titles[3].text = "Limits, honestly"
	assert.Equal(t, map[string]bool{"from-yamux-or-smux": true, "limits-honestly": true, "call--more": true, "limits-honestly-1": true}, anchors(titles))
}

// pages returns the Markdown files of the repository.
func pages(t *testing.T) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (name != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".md"):
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	}))
	return names
}

// targets returns where the links of a line lead to.
func targets(text string) (to []string) {
	// Code is no link, but a link may have code in its text.
	text = inlineCode.ReplaceAllString(text, "code")
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		to = append(to, m[1]+m[2]+m[3])
	}
	return to
}

// broken tells what is wrong with a link of a page, or nothing.
func broken(t *testing.T, from, target string) string {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	name := from
	if file != "" {
		name = path.Join(path.Dir(from), file)
	}
	if name == ".." || strings.HasPrefix(name, "../") || path.IsAbs(file) {
		return "not in the repository"
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
		return "no such file"
	}
	if anchor != "" && !anchors(read(t, name).titles)[anchor] {
		return "no such heading"
	}
	return ""
}

var linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// anchors returns the anchors of headings: small letters, hyphens for spaces,
// no punctuation, and a number where two are alike.
func anchors(titles []heading) map[string]bool {
	all := make(map[string]bool)
	for _, title := range titles {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, linkText.ReplaceAllString(title.text, "$1"))
		unique := slug
		for i := 1; all[unique]; i++ {
			unique = slug + "-" + strconv.Itoa(i)
		}
		all[unique] = true
	}
	return all
}
