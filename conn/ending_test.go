package conn

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

var errBroken = errors.New("broken")

// A brokenWriter cannot be written to.
type brokenWriter struct{ net.Conn }

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

var carriers = map[string]func(testing.TB) (net.Conn, net.Conn){
	"tcp":    func(t testing.TB) (net.Conn, net.Conn) { return tcpPair(t) },
	"pipe":   func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() },
	"memory": func(testing.TB) (net.Conn, net.Conn) { return memnet.Pipe() },
}

// TestCloseFromBothSidesEndsBothInOrder has both sides close while frames
// flow.
func TestCloseFromBothSidesEndsBothInOrder(t *testing.T) {
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				a, b := carrier(t)
				x, hx := start(a, Config{}, true)
				y, hy := start(b, Config{}, false)
				var all sync.WaitGroup
				append1(t, x, packet.Messages, 3, 1000)
				append1(t, y, packet.Messages, 3, 1000)
				for _, c := range []*Conn{x, y} {
					for range 2 {
						all.Add(1)
						go func() {
							defer all.Done()
							c.Shutdown(uint16(packet.CodeClosed), "")
							c.Close()
						}()
					}
				}
				all.Wait()
				require.NoError(t, hx.ended(t))
				require.NoError(t, hy.ended(t))
				require.Len(t, hx.frames, 1)
				require.Len(t, hy.frames, 1)
			}
		})
	}
}

// TestAnOrderlyCloseDeliversEverythingInOrder has one side close behind what it
// sends.
func TestAnOrderlyCloseDeliversEverythingInOrder(t *testing.T) {
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				a, b := carrier(t)
				x, hx := start(a, Config{}, true)
				_, hy := start(b, Config{}, false)
				for range 200 {
					append1(t, x, packet.Bulk, 3, 5000)
				}
				x.AppendEnd(3)
				x.Shutdown(uint16(packet.CodeClosed), "")
				x.Close()
				require.NoError(t, hx.ended(t))
				require.NoError(t, hy.ended(t))
				require.Len(t, hy.frames, 201)
				require.Equal(t, packet.TypeEnd, hy.frames[200].Type)
				require.Equal(t, []packet.Code{packet.CodeClosed}, hy.codes)
			}
		})
	}
}

// TestHandleClosedIsCalledOnceWhateverEndsTheConnection has everything that
// can end a connection happen at once; the recorder watches that it is last
// and that reader and flusher have ended.
func TestHandleClosedIsCalledOnceWhateverEndsTheConnection(t *testing.T) {
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			for range 30 {
				a, b := carrier(t)
				x, hx := start(a, Config{}, true)
				y, hy := start(b, Config{}, false)
				var all sync.WaitGroup
				for _, f := range []func(){
					func() { a.Close() }, func() { b.Close() }, x.Replace, y.Replace,
					func() { x.fail(errBroken) }, func() { y.fail(errBroken) }, func() { y.fail(ErrDead) },
					func() { x.Shutdown(0, ""); x.Close() }, func() { y.Shutdown(0, ""); y.Close() },
					func() { _, _, _ = x.AppendData(3, make([]byte, 50000), false, nil) }, y.Kick, x.beat,
				} {
					all.Add(1)
					go func() {
						defer all.Done()
						f()
					}()
				}
				all.Wait()
				hx.ended(t)
				hy.ended(t)
				_, err := x.Append(packet.Control, packet.Header{Type: packet.TypeOpen, Stream: 3}, nil, nil, nil, nil)
				require.Error(t, err)
			}
		})
	}
}

// TestWhoWaitsIsWokenByTheEnd has writers stand in every line.
func TestWhoWaitsIsWokenByTheEnd(t *testing.T) {
	a, b := net.Pipe()
	c, h := start(a, Config{}, false)
	append1(t, c, packet.Messages, 3, 100)
	_, err := b.Read(make([]byte, 1))
	require.NoError(t, err) // the flusher is stuck in its first write
	for _, class := range []packet.Class{packet.Control, packet.Messages, packet.Bulk} {
		for range 5 {
			append1(t, c, class, 3, 60*kib)
		}
	}
	var waiting sync.WaitGroup
	for _, class := range []packet.Class{packet.Control, packet.Messages, packet.Bulk} {
		w := waiter(t)
		_, err := c.Append(class, packet.Header{Type: packet.TypeMessage, Stream: 3}, nil, nil, nil, w)
		require.Error(t, err)
		marked := waiter(t)
		require.False(t, c.AwaitComposed(class, 1<<40, marked))
		for _, woken := range []<-chan struct{}{w.C, marked.C} {
			waiting.Add(1)
			go func() {
				defer waiting.Done()
				<-woken
			}()
		}
		defer func() {
			c.Withdraw(w)
			c.Withdraw(marked)
		}()
	}
	require.NoError(t, b.Close())
	waiting.Wait()
	require.Error(t, h.ended(t))
}

func TestOnlyTheFirstCauseIsTold(t *testing.T) {
	a, b := memnet.Pipe()
	defer b.Close()
	c, h := start(a, Config{}, true)
	c.fail(ErrDead)
	c.fail(errBroken)
	require.ErrorIs(t, h.ended(t), ErrDead)
	require.NotErrorIs(t, h.ended(t), errBroken)
}
