package load

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// push writes blocks to all streams at once; the far side drains them. An
// operation is one Write.
type push struct {
	mux     peer.Mux
	streams streams
	block   []byte
	read    *counter
	written int64
}

func newPush(mux func() (peer.Mux, error), n, size, buf int) (load, error) {
	m, err := mux()
	if err != nil {
		return nil, err
	}
	s, err := openStreams(m, n)
	if err != nil {
		return nil, err
	}
	return &push{mux: m, streams: s, block: pattern(size), read: drain(s.far, buf)}, nil
}

// drain reads from all streams until they end, and counts the bytes.
func drain(all []io.ReadWriteCloser, buf int) *counter {
	read := newCounter()
	for _, s := range all {
		go func() {
			p := make([]byte, buf)
			for {
				n, err := s.Read(p)
				read.add(int64(n))
				if err != nil {
					read.fail(fmt.Errorf("far side: %w", err))
					return
				}
			}
		}()
	}
	return read
}

func (p *push) run(stop *atomic.Bool) (int64, error) {
	ops, err := workers(len(p.streams.near), stop, func(w int) error {
		_, err := p.streams.near[w].Write(p.block)
		return err
	})
	if err != nil {
		return 0, err
	}
	p.written += ops * int64(len(p.block))
	return ops, p.read.wait(p.written)
}

func (p *push) bytes() int { return len(p.block) }

func (p *push) close() error {
	p.streams.close()
	return p.mux.Close()
}

// pingPong has one goroutine on each side of each stream: the near one writes
// a block and reads it back. An operation is one block there and back.
type pingPong struct {
	mux     peer.Mux
	streams streams
	block   []byte
	answers [][]byte
}

func newEcho(mux func() (peer.Mux, error), n, size int) (load, error) {
	m, err := mux()
	if err != nil {
		return nil, err
	}
	s, err := openStreams(m, n)
	if err != nil {
		return nil, err
	}
	e := &pingPong{mux: m, streams: s, block: pattern(size)}
	for _, far := range s.far {
		e.answers = append(e.answers, make([]byte, size))
		go echo(far, size)
	}
	return e, nil
}

func (e *pingPong) run(stop *atomic.Bool) (int64, error) {
	return workers(len(e.streams.near), stop, func(w int) error {
		if _, err := e.streams.near[w].Write(e.block); err != nil {
			return err
		}
		_, err := io.ReadFull(e.streams.near[w], e.answers[w])
		return err
	})
}

func (e *pingPong) bytes() int { return len(e.block) }

func (e *pingPong) close() error {
	e.streams.close()
	return e.mux.Close()
}

// openClose opens a stream, has one byte go there and back, and closes both
// sides. An operation is all of this.
type openClose struct {
	mux peer.Mux
	p   []byte
}

func newOpenClose(mux func() (peer.Mux, error)) (load, error) {
	m, err := mux()
	if err != nil {
		return nil, err
	}
	go answerEach(m)
	return &openClose{mux: m, p: make([]byte, 1)}, nil
}

// answerEach sends the first byte of each stream back and closes it.
func answerEach(m peer.Mux) {
	for {
		s, err := m.Accept()
		if err != nil {
			return
		}
		go func() {
			defer s.Close()
			p := make([]byte, 1)
			if _, err := io.ReadFull(s, p); err == nil {
				_, _ = s.Write(p)
			}
		}()
	}
}

func (o *openClose) run(stop *atomic.Bool) (int64, error) {
	return repeat(stop, func() error {
		s, err := o.mux.Open()
		if err != nil {
			return err
		}
		_, err = s.Write(o.p)
		if err == nil {
			_, err = io.ReadFull(s, o.p)
		}
		return errors.Join(err, s.Close())
	})
}

func (o *openClose) bytes() int { return 1 }

func (o *openClose) close() error { return o.mux.Close() }
