package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
)

const hashSize = sha256.Size

// Hash returns the SHA-256 of the first size bytes of r, or
// io.ErrUnexpectedEOF if there are less.
func Hash(ctx context.Context, r io.ReaderAt, size int64) ([]byte, error) {
	return hashAt(ctx, r, 0, size)
}

// Blocks returns the SHA-256 of each block of the first size bytes of r.
func Blocks(ctx context.Context, r io.ReaderAt, size, block int64) ([][]byte, error) {
	var sums [][]byte
	for at := int64(0); at < size; at += block {
		sum, err := hashAt(ctx, r, at, min(block, size-at))
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

// Common returns how many bytes from the beginning on are, block by block, the
// same in r, of so many bytes, as in what the peer has.
func Common(ctx context.Context, r io.ReaderAt, size, block int64, has Has) (int64, error) {
	most, at := min(size, has.Bytes), int64(0)
	for _, theirs := range has.Blocks {
		n := min(block, most-at)
		if n <= 0 {
			break
		}
		ours, err := hashAt(ctx, r, at, n)
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(ours, theirs) {
			break
		}
		at += n
	}
	return at, nil
}

func hashAt(ctx context.Context, r io.ReaderAt, at, n int64) ([]byte, error) {
	h := sha256.New()
	read, err := io.Copy(h, &reader{ctx, io.NewSectionReader(r, at, n)})
	if err == nil && read < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// reader reads until its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
