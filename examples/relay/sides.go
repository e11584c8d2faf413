package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
)

// patience is how long the end of the program, or of a connection, waits for
// the other side to learn of what was cut off.
const patience = 3 * time.Second

// sides makes sides and counts those that are open.
type sides struct {
	mu   sync.Mutex // guards what follows
	open int
	none chan struct{} // closed when open falls to 0, nil while nobody waits
}

// tcp is the side of a user or a target. A side that is not whole is reset,
// which is what TCP has for it.
func (s *sides) tcp(conn net.Conn, to target) *side {
	s.add(1)
	return newSide(conn, to, func(whole bool) {
		defer s.add(-1)
		if tcp, ok := conn.(*net.TCPConn); ok && !whole {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	})
}

// stream is the side of the relay. A stream knows no reset, so a message that
// travels beside the bytes stands for it: whoever receives it resets, too.
func (s *sides) stream(stream geminio.Stream, to target) *side {
	s.add(1)
	peerKnows := make(chan struct{})
	side := newSide(stream, to, func(whole bool) {
		select {
		case <-peerKnows:
			whole = true
		default:
		}
		if whole {
			_ = stream.Close()
			s.add(-1)
			return
		}
		go func() {
			defer s.add(-1)
			defer stream.Close()
			_ = stream.SetDeadline(time.Now()) // nothing is read or written any more
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := stream.Publish(ctx, stream.NewMessage([]byte("reset"))); err != nil {
				log.Debugf("stream %d: the peer was not told of the reset: %v", stream.StreamID(), err)
			}
		}()
	})
	go func() {
		msg, err := stream.Receive(context.Background())
		if err != nil {
			return // the stream has ended
		}
		close(peerKnows)
		side.Close() // before Done: the peer ends the stream after that
		_ = msg.Done()
	}()
	return side
}

func (s *sides) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	if s.open == 0 && s.none != nil {
		close(s.none)
		s.none = nil
	}
}

// wait waits until no side is open, for patience at most.
func (s *sides) wait() {
	s.mu.Lock()
	if s.open == 0 {
		s.mu.Unlock()
		return
	}
	if s.none == nil {
		s.none = make(chan struct{})
	}
	none := s.none
	s.mu.Unlock()
	select {
	case <-none:
	case <-time.After(patience):
	}
}
