package application

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/multiplexer"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/pkg/wait"
)

// openTimeout is how long the peer may take to answer OpenStream.
const openTimeout = 30 * time.Second

// An acceptQueue holds the streams that the peer opened, in that order, until
// AcceptStream takes them. End.mu guards it.
type acceptQueue struct {
	streams []pendingStream
	waiting wait.Queue
}

type pendingStream struct {
	stream *Stream
	ready  bool // DialogueOnline has agreed
}

func (q *acceptQueue) push(e *End, s *Stream) {
	e.mu.Lock()
	q.streams = append(q.streams, pendingStream{stream: s})
	e.mu.Unlock()
}

func (q *acceptQueue) index(s *Stream) int {
	return slices.IndexFunc(q.streams, func(p pendingStream) bool { return p.stream == s })
}

// ready lets s be accepted when it is the first.
func (q *acceptQueue) ready(e *End, s *Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	q.streams[q.index(s)].ready = true
	q.wakeNext()
}

// remove takes out s, if it is there: it was refused.
func (q *acceptQueue) remove(e *End, s *Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := q.index(s); i >= 0 {
		q.streams = slices.Delete(q.streams, i, i+1)
		q.wakeNext()
		if len(q.streams) == 0 && e.hasEnded() {
			q.waiting.WakeAll()
		}
	}
}

// wakeNext wakes who has waited longest, if the first stream can be taken.
func (q *acceptQueue) wakeNext() {
	if w := q.waiting.Front(); w != nil && len(q.streams) > 0 && q.streams[0].ready {
		w.Wake()
	}
}

// take returns the first stream, if it can be taken.
func (q *acceptQueue) take() *Stream {
	if len(q.streams) == 0 || !q.streams[0].ready {
		return nil
	}
	s := q.streams[0].stream
	q.streams = slices.Delete(q.streams, 0, 1)
	return s
}

// AcceptStream waits for the next stream that the peer opened.
func (e *End) AcceptStream() (geminio.Stream, error) {
	if e.cfg.AcceptStreamFunc != nil {
		return nil, ErrAcceptChNotEnabled
	}
	s, err := e.nextStream()
	if err != nil {
		return nil, err
	}
	s.list()
	e.mux.Accepted()
	return s, nil
}

func (e *End) nextStream() (*Stream, error) {
	w := e.mux.Waiter()
	q := &e.accepted
	e.mu.Lock()
	defer e.mu.Unlock()
	defer w.Put()
	for {
		if q.waiting.Front() == w || q.waiting.Len() == 0 {
			if s := q.take(); s != nil {
				q.waiting.Remove(w)
				q.wakeNext()
				if e.hasEnded() {
					q.waiting.WakeAll()
				}
				return s, nil
			}
		}
		if len(q.streams) == 0 && e.hasEnded() {
			q.waiting.Remove(w)
			return nil, io.EOF
		}
		if !q.waiting.Has(w) {
			q.waiting.Push(w)
		}
		e.mu.Unlock()
		<-w.C
		e.mu.Lock()
	}
}

// Accept is AcceptStream for those who want a net.Conn.
func (e *End) Accept() (net.Conn, error) {
	s, err := e.AcceptStream()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// OpenStream opens a stream, and waits at most 30 s for the peer's answer,
// unless opts say that it shall not wait for that.
func (e *End) OpenStream(opts ...*options.OpenStreamOptions) (geminio.Stream, error) {
	s, err := e.openStream(options.MergeOpenStreamOptions(opts...))
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (e *End) openStream(opt *options.OpenStreamOptions) (*Stream, error) {
	peer := ""
	if opt.Peer != nil {
		peer = *opt.Peer
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	d, err := e.mux.Open(ctx, opt.Meta, peer)
	if err != nil {
		return nil, openError(err)
	}
	s := d.Receiver().(*Stream)
	if opt.Wait == nil || *opt.Wait {
		err := d.AwaitOpened(ctx)
		if errors.Is(err, io.EOF) && e.Stream.Ending() == 0 {
			err = nil // the peer has closed it already, and Read tells that
		}
		if err != nil {
			_ = d.Close() // it returns nil
			return nil, openError(err)
		}
	}
	return s, s.opened()
}

// openError returns what OpenStream returns where the multiplexer returned err.
func openError(err error) error {
	var refused *geminio.StreamError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return geminio.ErrTimeout
	case errors.As(err, &refused):
		return &geminio.RemoteError{Code: uint16(refused.Code), Text: refused.Text}
	default:
		return err
	}
}

// opened runs the first callback of a stream that this side opened. Its error
// ends the stream, which then has no farewell.
func (s *Stream) opened() error {
	e := s.end
	e.callbackBegins()
	defer e.callbackReturns()
	if err := s.online(); err != nil {
		s.enter(phaseNone)
		_ = s.Dialogue.Close() // it returns nil
		return err
	}
	s.list()
	if s.live() {
		e.callbackBegins()
		go s.farewell()
	}
	return nil
}

// list makes the stream show in ListStreams.
func (s *Stream) list() {
	s.mu.Lock()
	s.listed = true
	s.mu.Unlock()
}

// ListStreams returns the End as its default stream, and the opened and
// accepted streams that are not over.
func (e *End) ListStreams() []geminio.Stream {
	var list []geminio.Stream
	e.mux.Range(func(d *multiplexer.Dialogue) {
		s := d.Receiver().(*Stream)
		s.mu.Lock()
		listed := s.listed
		s.mu.Unlock()
		switch {
		case s == e.Stream:
			list = append(list, e)
		case listed:
			list = append(list, s)
		}
	})
	return list
}
