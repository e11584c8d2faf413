package client

import (
	"io"
	"net"

	"github.com/singchia/geminio/pkg/slab"
)

// Read reads what the server wrote on the default stream: the rest of a session
// that was lost, then geminio.ErrSessionLost once if anything was read in it,
// then what comes in the next.
func (r *RetryEnd) Read(p []byte) (int, error) {
	s := r.reading.at.Load()
	for {
		n, err := s.end.Read(p)
		if n > 0 {
			s.reading.use()
		}
		if err == nil {
			return n, nil
		}
		if s, err = r.goOn(&r.reading, &s.reading, s, err); err != nil {
			return n, err
		}
	}
}

// Write writes p on the default stream. It returns geminio.ErrSessionLost once,
// with the count of what was written before, if anything was written in the
// session that was lost; else it goes on with the next one.
func (r *RetryEnd) Write(p []byte) (int, error) {
	s := r.writing.at.Load()
	for {
		n, err := s.end.Write(p)
		if n > 0 {
			s.writing.use()
		}
		if err == nil {
			return n, nil
		}
		next, told := r.goOn(&r.writing, &s.writing, s, err)
		switch {
		case told != nil:
			return n, told
		case n > 0: // another Write was told of the same loss
			return n, err
		}
		s = next
	}
}

// WriteTo writes to w what Read would return, until that is an error: nil for
// io.EOF.
func (r *RetryEnd) WriteTo(w io.Writer) (n int64, err error) {
	to := &sink{Writer: w}
	s := r.reading.at.Load()
	for {
		k, err := s.end.WriteTo(to)
		n += k
		if k > 0 {
			s.reading.use()
		}
		if to.failed {
			return n, err
		}
		if err == nil {
			err = io.EOF
		}
		if s, err = r.goOn(&r.reading, &s.reading, s, err); err != nil {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
	}
}

// A sink tells the errors of a writer from those of what it is written by.
type sink struct {
	io.Writer
	failed bool
}

func (s *sink) Write(p []byte) (int, error) {
	s.failed = true // stays, should it panic
	n, err := s.Writer.Write(p)
	s.failed = err != nil || n != len(p)
	return n, err
}

// ReadFrom writes what it reads from src, until src ends, for which it returns
// nil, or an error occurs. What was read and could not be written is lost.
func (r *RetryEnd) ReadFrom(src io.Reader) (int64, error) { return slab.Copy(r, src) }

// CloseWrite ends the bytes of this direction for the rest of the current
// session.
func (r *RetryEnd) CloseWrite() error {
	if r.isClosed() {
		return net.ErrClosed
	}
	return r.current.Load().end.CloseWrite()
}

// CloseRead ends the bytes of the other direction for the rest of the current
// session.
func (r *RetryEnd) CloseRead() error {
	if r.isClosed() {
		return net.ErrClosed
	}
	return r.current.Load().end.CloseRead()
}
