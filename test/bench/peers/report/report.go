// Package report turns the results of a comparison into docs/performance.md
// and the charts beside it. The same results give the same files.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// pageFile is the page; the charts are named after it.
const pageFile = "performance.md"

//go:embed performance.md.tmpl
var pageText string

var pageTemplate = template.Must(template.New(pageFile).Parse(pageText))

// Write writes the page and its charts into dir.
func Write(r results.Results, dir string) error {
	s := newSeries(r)
	if len(s.figures) == 0 {
		return fmt.Errorf("report: there are no samples")
	}
	files := map[string][]byte{}
	for _, c := range charts {
		drawn, err := c.draw(s)
		if err != nil {
			return fmt.Errorf("report: %s: %w", c.file(), err)
		}
		if drawn != nil {
			files[c.file()] = drawn
		}
	}
	var text bytes.Buffer
	if err := pageTemplate.Execute(&text, page{series: s, results: r, drawn: files}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	files[pageFile] = tidy(text.Bytes())
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}
