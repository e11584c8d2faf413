package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// names returns what the checker says of a package of one file.
func names(t *testing.T, source string) []string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "p.go", source)
	found, err := uncommented(dir)
	require.NoError(t, err)
	var names []string
	for _, line := range found {
		i := strings.LastIndex(line, ": ")
		require.Positive(t, i, line)
		names = append(names, line[i+2:])
	}
	return names
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func TestEveryKindOfIdentifierIsFound(t *testing.T) {
	require.Equal(t, []string{
		"Func", "Type", "Type.Field", "Type.Inner", "Type.Inner.Deep", "Type.Method", "Type.Value", "Asker", "Asker.Ask",
		"Generic.Get", "Pair.Get", "InGroup", "Alone", "A", "B",
	}, names(t, `package p

func Func() {}

type Type struct {
	Field int
	Inner struct{ Deep int }
}

func (*Type) Method() {}
func (Type) Value() {}

type Asker interface{ Ask() }

// Generic is.
type Generic[T any] struct{}

func (*Generic[T]) Get() {}

// Pair is.
type Pair[K, V any] struct{}

func (Pair[K, V]) Get() {}

// The group of types says nothing of one of them.
type (
	InGroup int
)

const Alone = 1

var A, B int
`))
}

func TestCommentsCountWhereTheyStand(t *testing.T) {
	require.Empty(t, names(t, `package p

// Func does.
func Func() {}

// Type is.
type Type struct {
	// Above says.
	Above int
	Behind int // says
	Embedded
}

// Embedded is.
type Embedded interface {
	error
	// Ask asks.
	Ask()
}

// Method does.
func (*Type) Method() {}

// Of the whole group.
const (
	One = iota
	Two
)

var (
	// Three is.
	Three int
	Four  int // is
)

type (
	// Five is.
	Five int
)
`))
}

func TestWhatIsNotExportedNeedsNone(t *testing.T) {
	require.Empty(t, names(t, `package p

func init() {}

type hidden struct{ Field int }

func (hidden) Method() {}

var local, _ = 1, 2
`))
}

func TestDirectivesAndEmptyCommentsSayNothing(t *testing.T) {
	require.Equal(t, []string{"Inlined", "Empty"}, names(t, `package p

//go:noinline
func Inlined() {}

//
func Empty() {}
`))
}

func TestTestsAreNotLookedAtAndOtherSystemsAre(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p_test.go", "package p\n\nfunc Helper() {}\n")
	write(t, dir, "p_plan9.go", "//go:build plan9\n\npackage p\n\nfunc Other() {}\n")
	found, err := uncommented(dir)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Regexp(t, `p_plan9\.go:5:6: Other$`, found[0])
}

func TestDirectoriesWithoutAPackageAreErrors(t *testing.T) {
	_, err := uncommented(t.TempDir())
	require.ErrorContains(t, err, "no Go files")

	dir := t.TempDir()
	write(t, dir, "p.go", "package p\n\nfunc {\n")
	_, err = uncommented(dir)
	require.Error(t, err)
}
