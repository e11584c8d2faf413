package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/singchia/geminio/examples/filepush/internal/push"
)

// source is a file that is pushed. It may change or be replaced at any time.
type source struct {
	path string

	lock chan struct{} // holds one while somebody uses what follows
	sum  []byte        // SHA-256 of the file when it was as below; nil if unknown
	size int64
	time time.Time
}

// openSources looks at the files, and fails for one that cannot be pushed.
func openSources(paths []string) ([]*source, error) {
	var sources []*source
	seen := make(map[string]bool)
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		s := &source{path: path, lock: make(chan struct{}, 1)}
		f, _, err := s.open()
		if err != nil {
			return nil, err
		}
		f.Close()
		if err := push.CheckName(s.name()); err != nil {
			return nil, err
		}
		if seen[s.name()] {
			return nil, fmt.Errorf("two files of the name %s", s.name())
		}
		seen[s.name()] = true
		sources = append(sources, s)
	}
	return sources, nil
}

func (s *source) name() string { return filepath.Base(s.path) }

func (s *source) open() (*os.File, fs.FileInfo, error) {
	// Looked at first: to open a named pipe could take for ever.
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", s.path)
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// offer opens the file and says what it is now. Whoever asks for the hash
// first computes it, the others wait for that.
func (s *source) offer(ctx context.Context) (*os.File, push.Offer, error) {
	f, info, err := s.open()
	if err != nil {
		return nil, push.Offer{}, err
	}
	sum, err := s.hash(ctx, f, info)
	if err != nil {
		f.Close()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, push.Offer{}, errChanged
		}
		return nil, push.Offer{}, fmt.Errorf("%s: hash: %w", s.name(), err)
	}
	return f, push.Offer{Name: s.name(), Size: info.Size(), SHA256: sum, Block: push.BlockSize(info.Size())}, nil
}

func (s *source) hash(ctx context.Context, f *os.File, info fs.FileInfo) ([]byte, error) {
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.sum == nil || s.size != info.Size() || !s.time.Equal(info.ModTime()) {
		sum, err := push.Hash(ctx, f, info.Size())
		if err != nil {
			return nil, err
		}
		s.sum, s.size, s.time = sum, info.Size(), info.ModTime()
	}
	return s.sum, nil
}

// forget has the next offer compute the hash again: the file was not what it
// was thought to be.
func (s *source) forget() {
	s.lock <- struct{}{}
	s.sum = nil
	<-s.lock
}
