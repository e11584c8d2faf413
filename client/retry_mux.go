package client

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// openTimeout is how long OpenStream may take, the wait for a session included.
const openTimeout = 30 * time.Second

// OpenStream opens a stream of the current session, or, where that is over, of
// the next. It waits at most 30 s for the session and the server's answer, then
// it returns geminio.ErrTimeout.
func (r *RetryEnd) OpenStream(opts ...*options.OpenStreamOptions) (geminio.Stream, error) {
	until := time.Now().Add(openTimeout)
	s := r.current.Load()
	stream, err := s.end.OpenStream(opts...)
	for err == io.EOF {
		if s, err = r.await(context.Background(), until, s); err == nil {
			stream, err = s.openUntil(until, opts)
		}
		if r.isClosed() && err != nil {
			return nil, err
		}
	}
	return stream, err
}

// openUntil opens a stream of s, and waits for it until the time is over. One
// that comes later is closed.
func (s *session) openUntil(until time.Time, opts []*options.OpenStreamOptions) (geminio.Stream, error) {
	type opened struct {
		stream geminio.Stream
		err    error
	}
	done, late := make(chan opened), make(chan struct{})
	go func() {
		stream, err := s.end.OpenStream(opts...)
		select {
		case done <- opened{stream, err}:
		case <-late:
			if err == nil {
				stream.Close()
			}
		}
	}()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case o := <-done:
		return o.stream, o.err
	case <-timer.C:
		close(late)
		return nil, geminio.ErrTimeout
	}
}

// AcceptStream waits for the next stream that the server opened, over all
// sessions. After Close it returns the streams that are queued, then io.EOF.
func (r *RetryEnd) AcceptStream() (geminio.Stream, error) {
	s := r.accepting.at.Load()
	for {
		stream, err := s.end.AcceptStream()
		if err != io.EOF {
			return stream, err
		}
		next, err := r.await(context.Background(), time.Time{}, s)
		if err != nil {
			return nil, err
		}
		s = r.accepting.move(s, next)
	}
}

// Accept is AcceptStream for those who want a net.Conn.
func (r *RetryEnd) Accept() (net.Conn, error) {
	stream, err := r.AcceptStream()
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// ListStreams returns the RetryEnd as its default stream, and the opened and
// accepted streams of the current session that are not closed; nothing while
// there is no session.
func (r *RetryEnd) ListStreams() []geminio.Stream {
	end := r.current.Load().end
	list := end.ListStreams()
	for i, stream := range list {
		if stream == geminio.Stream(end) {
			list[i] = r
		}
	}
	return list
}
