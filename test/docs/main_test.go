// Package docs tries the pages of the repository as a new user would: links
// are followed, fragments compiled, programs and commands run.
//
// What is to be tried is marked in the page, by a comment before the block
// that readers do not see:
//
//	<!-- test: compile -->   a fragment of Go that must compile
//	<!-- test: run -->       a Go program, a Go test, or commands of a shell
//	<!-- test: output -->    what the block before it prints
//
// Every block of Go and of commands in the pages of a new user is marked, or
// listed with the reason why it is not.
package docs

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
