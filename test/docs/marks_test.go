package docs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// tried are the pages that a new user follows.
var tried = []string{"README.md", "docs/usage.md", "examples/README.md"}

// A use is a command of a page, or the first one of a block.
type use struct{ page, command string }

// notRun are the commands of these pages that no test of this package runs, and
// why.
var notRun = map[use]string{
	{"README.md", "make test"}:                    "it would run this test again",
	{"README.md", "git clone REPOSITORY geminio"}: "test/conformance does the whole block, and runs the program behind it",
	{"examples/README.md", "go run ./server"}:     "people type into it; examples/chatroom has tests that do",
}

func TestEveryBlockOfANewUserIsTriedOrSaidNotToBe(t *testing.T) {
	used := make(map[use]bool)
	for _, name := range tried {
		for _, b := range read(t, name).blocks {
			for i, command := range strings.Split(b.code, "\n") {
				this := use{name, strings.TrimSpace(strings.SplitN(command, " #", 2)[0])}
				if notRun[this] == "" {
					continue
				}
				used[this] = true
				if i == 0 && b.mark == "" {
					b.mark = "not run"
				}
			}
			if b.lang != "" {
				assert.NotEmpty(t, b.mark, "%s:%d: mark it, or say in notRun why it is not tried", name, b.line)
			}
		}
	}
	for this := range notRun {
		assert.True(t, used[this], "%s has no %q", this.page, this.command)
	}
}

// TestTheTranslationOfREADMEHasTheSameCommands lets README.md be tried for
// both: only comments are translated.
func TestTheTranslationOfREADMEHasTheSameCommands(t *testing.T) {
	typed := func(name string) (all []string) {
		for _, b := range read(t, name).blocks {
			for _, command := range strings.Split(b.code, "\n") {
				if b.lang == "sh" {
					command, _, _ = strings.Cut(command, " #")
				}
				all = append(all, strings.TrimRight(command, " "))
			}
		}
		return all
	}
	assert.Equal(t, typed("README.md"), typed("README.zh-CN.md"))
}
