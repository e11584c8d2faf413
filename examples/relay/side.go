package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/singchia/geminio"
)

// side is one of the two connections that rproxy joins. rproxy copies both
// ways with io.Copy, which uses WriteTo, and closes both connections as soon as
// one of the copies returns. WriteTo therefore passes the end of one direction
// on and returns when both have ended: a user may end what it sends and still
// get its answer.
//
// A side that is closed before that is reset: what was cut off must not look
// like what has ended.
type side struct {
	net.Conn
	to     target           // where it leads to, if it is the one that rproxy accepted
	finish func(whole bool) // closes Conn; whole: both directions had ended

	read, written atomic.Bool   // whether the directions have ended
	over          chan struct{} // closed with read
	closed        chan struct{}
	once          sync.Once
}

// duplex are the halves of a *net.TCPConn and of a geminio.Stream.
type duplex interface {
	geminio.CloseWriter
	geminio.CloseReader
}

func newSide(conn net.Conn, to target, finish func(whole bool)) *side {
	return &side{Conn: conn, to: to, finish: finish, over: make(chan struct{}), closed: make(chan struct{})}
}

// LocalAddr is what rproxy takes for where the connection is to go.
func (s *side) LocalAddr() net.Addr {
	if s.to != (target{}) {
		return s.to
	}
	return s.Conn.LocalAddr()
}

// WriteTo copies what is read to w, another side, ends what w sends, and waits
// until w has been copied as well. rproxy calls it once.
func (s *side) WriteTo(w io.Writer) (int64, error) {
	other := w.(*side)
	sink := &sink{Writer: other.Conn}
	n, err := io.Copy(sink, s.Conn)
	switch {
	case sink.err != nil:
		// Nobody takes more of this direction; the other one, an answer that
		// did not wait for the whole question, goes on.
		_ = s.Conn.(duplex).CloseRead()
	case err != nil:
		select {
		case <-s.closed: // rproxy says nothing of net.ErrClosed
			return n, net.ErrClosed
		default:
			return n, err
		}
	default:
		if err := other.Conn.(duplex).CloseWrite(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return n, err
		}
	}
	other.written.Store(true)
	s.read.Store(true)
	close(s.over)
	select {
	case <-other.over:
		return n, nil
	case <-other.closed:
	case <-s.closed:
	}
	return n, net.ErrClosed
}

// Close may be called any number of times.
func (s *side) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.finish(s.read.Load() && s.written.Load())
	})
	return nil
}

// sink remembers the error of writing, to tell it from one of reading.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}
