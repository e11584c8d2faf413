package load

import (
	"errors"
	"fmt"
	"io"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// streams are both sides of some streams: far[i] reads what is written to
// near[i], and the other way round.
type streams struct {
	near, far []io.ReadWriteCloser
}

// openStreams opens n streams, each of which has carried a byte both ways.
func openStreams(m peer.Mux, n int) (streams, error) {
	var s streams
	for range n {
		near, far, err := openStream(m)
		if err != nil {
			return s, err
		}
		s.near, s.far = append(s.near, near), append(s.far, far)
	}
	return s, nil
}

func openStream(m peer.Mux) (near, far io.ReadWriteCloser, err error) {
	if near, err = m.Open(); err != nil {
		return nil, nil, fmt.Errorf("open: %w", err)
	}
	// Some libraries say nothing of a stream before its first byte.
	sent := make(chan error, 1)
	go func() {
		_, err := near.Write([]byte{1})
		sent <- err
	}()
	if far, err = m.Accept(); err != nil {
		return nil, nil, fmt.Errorf("accept: %w", err)
	}
	p := make([]byte, 1)
	if _, err := io.ReadFull(far, p); err != nil {
		return nil, nil, fmt.Errorf("first byte: %w", err)
	}
	if err := <-sent; err != nil {
		return nil, nil, fmt.Errorf("first byte: %w", err)
	}
	go func() {
		_, err := far.Write([]byte{2})
		sent <- err
	}()
	_, err = io.ReadFull(near, p)
	return near, far, errors.Join(err, <-sent)
}

// close closes both sides of all.
func (s streams) close() {
	for i := range s.near {
		_ = s.near[i].Close()
		_ = s.far[i].Close()
	}
}

// echo sends back what it reads from s until s ends.
func echo(s io.ReadWriter, size int) {
	p := make([]byte, size)
	for {
		n, err := s.Read(p)
		if n > 0 {
			if _, err := s.Write(p[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
