// Package push is what the two sides of a push say to each other.
//
// The server calls MethodOffer with an Offer. The client answers what it Has of
// that file, block by block, and the server compares that with the file: this
// is where they begin. It opens a stream whose meta is a Start, and writes the
// bytes from there on. Then it publishes a message on the stream, which the
// client acknowledges when the whole file is on its disk and has the hash of
// the offer. When there is nothing more to push, the server publishes a Bye on
// the End.
package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MethodOffer is the method that clients register.
const MethodOffer = "offer"

// minBlock is the least size of a block, maxBlocks about how many blocks an
// offer has at most: their hashes travel in one response.
const (
	minBlock  = 1 << 20
	maxBlocks = 1 << 15
)

// ErrDamaged is the client's verdict on a file that does not have the hash of
// the offer: offering it again may help.
var ErrDamaged = errors.New("hash differs from the one offered")

// An Offer says which file there is.
type Offer struct {
	Name   string // of the file, without directory
	Size   int64
	SHA256 []byte // of the whole file
	Block  int64  // size of the blocks whose hashes are compared
}

// Has says what of an offered file is there.
type Has struct {
	Whole  bool     // all of it, under its name, with the hash of the offer
	Bytes  int64    // size of the part that is there, if not
	Blocks [][]byte // SHA-256 of each block of this part, the last one may be short
}

// A Start says what a stream carries: the bytes of Offer from From on.
type Start struct {
	Offer
	From int64
}

// A Bye says that there is nothing more to push.
type Bye struct {
	Error string // why not everything was pushed, or empty
}

// BlockSize returns the size of the blocks of a file of so many bytes.
func BlockSize(size int64) int64 {
	return max(minBlock, size/maxBlocks)
}

// Check returns an error for an offer that no honest server makes.
func (o Offer) Check() error {
	if err := CheckName(o.Name); err != nil {
		return err
	}
	if o.Size < 0 || o.Block != BlockSize(o.Size) || len(o.SHA256) != hashSize {
		return fmt.Errorf("%s: offer makes no sense", o.Name)
	}
	return nil
}

// Check returns an error for a start that no honest server makes.
func (s Start) Check() error {
	if err := s.Offer.Check(); err != nil {
		return err
	}
	if s.From < 0 || s.From > s.Size {
		return fmt.Errorf("%s: cannot begin at byte %d of %d", s.Name, s.From, s.Size)
	}
	return nil
}

// CheckName returns an error if name is not that of a plain file in whatever
// directory it is put: on any system, and harmless where it is printed. Names
// that begin with a dot are those of unfinished files.
func CheckName(name string) error {
	const longest = 200
	bad := func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`/\:`, r)
	}
	if name == "" || len(name) > longest || name[0] == '.' || !filepath.IsLocal(name) || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("bad file name %q", name)
	}
	return nil
}

// Encode returns v as it travels: strings, numbers and hashes, which cannot
// fail.
func Encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// Decode reads into v, a pointer, what Encode returned.
func Decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("peer says something else than expected: %w", err)
	}
	return nil
}
