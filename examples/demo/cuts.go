package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
)

// cuts is how often the connection is cut during a copy.
const cuts = 10

// cutter dials for a RetryEnd, and cuts what it has dialled.
type cutter struct {
	addr   string
	dialed chan net.Conn // has room for one: the last that was dialled, unless it was cut
}

func newCutter(addr string) *cutter {
	return &cutter{addr: addr, dialed: make(chan net.Conn, 1)}
}

// dial is a client.Dialer.
func (c *cutter) dial() (net.Conn, error) {
	nc, err := net.DialTimeout("tcp", c.addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	select {
	case <-c.dialed: // lost without having been cut
	default:
	}
	c.dialed <- nc
	return nc, nil
}

// cut closes the connection, or the next one if there is none.
func (c *cutter) cut(ctx context.Context) error {
	select {
	case nc := <-c.dialed:
		return nc.Close()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cutCopy receives the file once more, and cuts the connection again and again
// on the way. It returns the SHA-256 of what arrived, which is that of what was
// sent.
func (c *cutter) cutCopy(ctx context.Context, end geminio.End, file string, size int64, done *atomic.Int64) (string, error) {
	h := sha256.New()
	scissors := &scissors{ctx: ctx, end: end, cutter: c, every: max(size/(cuts+1), 1)}
	if err := receiveFile(ctx, end, file, io.MultiWriter(h, (*counter)(done), scissors)); err != nil {
		return "", err
	}
	for scissors.made < cuts || scissors.call != nil { // a file of less than cuts bytes, and the last call
		if err := scissors.next(); err != nil {
			return "", err
		}
	}
	want, err := ask(ctx, end, "hash", file)
	if err != nil {
		return "", err
	}
	got := hex.EncodeToString(h.Sum(nil))
	if got != string(want) {
		return "", fmt.Errorf("what arrived has SHA-256 %s, what was sent %s", got, want)
	}
	return got, nil
}

// scissors cut the connection each time that so many bytes were written to
// them. At each cut a call is made, which is answered over the connection that
// comes next.
type scissors struct {
	ctx    context.Context
	end    geminio.End
	cutter *cutter
	every  int64

	written int64
	made    int           // cuts
	call    *geminio.Call // that of the last cut, nil when it was answered
}

func (s *scissors) Write(p []byte) (int, error) {
	for s.written += int64(len(p)); s.made < cuts && s.written >= int64(s.made+1)*s.every; {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// next waits for the call of the last cut, and makes the next one.
func (s *scissors) next() error {
	if s.call != nil {
		<-s.call.Done
		if s.call.Error != nil {
			return s.call.Error
		}
		s.call = nil
	}
	if s.made == cuts {
		return nil
	}
	if err := s.cutter.cut(s.ctx); err != nil {
		return err
	}
	s.made++
	var err error
	s.call, err = s.end.CallAsync(s.ctx, "echo", s.end.NewRequest(payload), nil)
	return err
}
