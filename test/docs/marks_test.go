package docs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// tried are the pages that a new user follows.
var tried = []string{"README.md", "docs/usage.md", "examples/README.md"}

// cloned begins the command that a test cannot run: it does not know from where.
const cloned = "git clone REPOSITORY"

// A use is a command of a page, or the first one of a block.
type use struct{ page, command string }

// notRun are the commands of these pages that no test of this package runs, and
// why.
var notRun = map[use]string{
	{"README.md", "make test"}:                    "it would run this test again",
	{"README.md", "git clone REPOSITORY geminio"}: "a copy of this tree takes its place",
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
