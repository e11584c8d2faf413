package e2e

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
	"github.com/singchia/geminio/test/memnet"
)

// A target is a server that strangers and an honest client connect to.
type target struct {
	net    *memnet.Listener
	honest geminio.End
	ends   chan geminio.End // of everybody else, as far as there is room
}

func newTarget(t *testing.T, sopts *server.EndOptions) *target {
	t.Helper()
	tg := &target{net: memnet.Listen(), ends: make(chan geminio.End, 16)}
	l, err := server.NewListener(tg.net, harness.ServerOptions(), sopts)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all []geminio.End
		for {
			end, err := l.AcceptEnd()
			if err != nil {
				break
			}
			all = append(all, end)
			if string(end.Meta()) != "raw" {
				go func() { _ = end.Register(context.Background(), "echo", harness.EchoRPC) }()
				continue
			}
			_ = end.Hijack(serveStranger)
			select {
			case tg.ends <- end:
			default:
			}
		}
		for _, end := range all {
			end.Close()
		}
	}()
	tg.honest, err = tg.dial()
	require.NoError(t, err)
	t.Cleanup(func() {
		tg.honest.Close()
		l.Close()
		<-done
	})
	tg.serves(t)
	return tg
}

// dial connects an honest client, which waits until it can call "echo".
func (tg *target) dial() (geminio.End, error) {
	opts := harness.ClientOptions()
	opts.SetWaitRemoteRPCs("echo")
	return client.NewEndWithDialer(tg.net.Dial, opts)
}

// serveStranger echoes, but for "wait", which runs until nobody wants it.
func serveStranger(ctx context.Context, method string, req geminio.Request, rsp geminio.Response) {
	if method == "wait" {
		<-ctx.Done()
		return
	}
	harness.Echo(ctx, method, req, rsp)
}

// serves fails the test unless the honest client is served, and a newcomer.
func (tg *target) serves(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Soon)
	defer cancel()
	_, err := tg.honest.Call(ctx, "echo", tg.honest.NewRequest(nil))
	require.NoError(t, err, "the honest client is not served")
	harness.Within(t, harness.Soon, "a newcomer's call", func() {
		end, err := tg.dial()
		if err != nil {
			t.Error(err)
			return
		}
		defer end.Close()
		_, err = end.Call(ctx, "echo", end.NewRequest(nil))
		assertNil(t, err)
	})
}

// raw connects a client that may do what it likes.
func (tg *target) raw(t *testing.T) *harness.Raw {
	t.Helper()
	nc, err := tg.net.Dial()
	require.NoError(t, err)
	return harness.NewRaw(t, nc)
}

// end returns the End that the server made for the last raw.
func (tg *target) end(t *testing.T, r *harness.Raw) geminio.End {
	t.Helper()
	for {
		end := harness.Get(t, tg.ends, "the server's End")
		if end.ClientID() == r.ClientID {
			return end
		}
	}
}

// A tally runs cases side by side and counts those that end late.
type tally struct {
	late, cases atomic.Int64
	work        chan func()
	done        sync.WaitGroup
}

func newTally() *tally {
	y := &tally{work: make(chan func())}
	for range 8 {
		y.done.Add(1)
		go func() {
			defer y.done.Done()
			for f := range y.work {
				f()
			}
		}()
	}
	return y
}

// finish fails the test when more than one case of a hundred ended later than
// a second after its breach.
func (y *tally) finish(t *testing.T) {
	t.Helper()
	close(y.work)
	y.done.Wait()
	t.Logf("%d cases, %d of them ended after a second", y.cases.Load(), y.late.Load())
	require.LessOrEqual(t, y.late.Load(), y.cases.Load()/100)
}

// mustEnd sends b and has nc hung up by the peer.
func (y *tally) mustEnd(t *testing.T, nc net.Conn, b []byte, what string) {
	began := time.Now()
	_ = nc.SetDeadline(began.Add(harness.Soon))
	_, _ = nc.Write(b)
	_, err := io.Copy(io.Discard, nc)
	var ne net.Error
	if isTimeout(err, &ne) {
		t.Errorf("the connection goes on after %s", what)
	}
	y.cases.Add(1)
	if time.Since(began) > time.Second {
		y.late.Add(1)
	}
}

func isTimeout(err error, ne *net.Error) bool {
	if e, ok := err.(net.Error); ok {
		*ne = e
		return e.Timeout()
	}
	return false
}

// bounded checks that f does not make the heap grow by more than 64 MiB.
func bounded(t *testing.T, f func()) {
	t.Helper()
	before := heap()
	f()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	after := heap()
	t.Logf("heap in use: %d before, %d after, %d before the collection", before>>10, after>>10, m.HeapInuse>>10)
	require.Less(t, after, before+64<<20, "the heap grows")
}

// conversation is what a well-behaved client might send behind its handshake.
func conversation() []byte {
	var b []byte
	add := func(t packet.Type, flags packet.Flags, stream uint32, payload []byte) {
		b = append(b, harness.Frame(t, flags, stream, payload)...)
	}
	add(packet.TypePing, 0, 0, packet.AppendPing(nil, packet.Ping{Kind: packet.PingBeat}))
	add(packet.TypeData, 0, 1, []byte("bytes of the default stream"))
	add(packet.TypeOpen, 0, 3, packet.AppendOpen(nil, packet.Open{Meta: []byte("meta"), Peer: []byte("peer")}))
	add(packet.TypeCredit, 0, 3, packet.AppendCredit(nil, packet.Credit{Limit: 1 << 18}))
	add(packet.TypeCreditMessage, 0, 3, packet.AppendCreditMessage(nil, packet.CreditMessage{Limit: 1 << 16}))
	add(packet.TypeData, packet.FlagFIN, 3, []byte("and the last"))
	add(packet.TypeMethodDef, 0, 0, packet.AppendMethodDef(nil, 1, "echo"))
	add(packet.TypeRequest, 0, 1, append(packet.AppendRequest(nil, packet.RequestFields{ID: 1, RequestID: 1, Method: 1, CustomLen: 1, DataLen: 2}, ""), "cdd"...))
	add(packet.TypeRequest, packet.FlagMORE, 1, packet.AppendRequest(nil, packet.RequestFields{ID: 2, RequestID: 2, DataLen: 70_000}, "echo"))
	add(packet.TypeBody, packet.FlagMORE, 1, append(packet.AppendBody(nil, packet.BodyHead{Kind: packet.BodyRequest, ID: 2}), make([]byte, 60_000)...))
	add(packet.TypeBody, 0, 1, append(packet.AppendBody(nil, packet.BodyHead{Kind: packet.BodyRequest, ID: 2}), make([]byte, 10_000)...))
	add(packet.TypeMessage, 0, 1, append(packet.AppendMessage(nil, packet.MessageFields{ID: 1, MessageID: 1, DataLen: 4}, "topic"), "data"...))
	add(packet.TypeRegister, 0, 1, packet.AppendRegister(nil, 1, packet.RegisterAdd, "method"))
	add(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: 9}))
	add(packet.TypeBlocked, 0, 0, packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedRequests}))
	add(packet.TypeEnd, 0, 3, nil)
	add(packet.Type(200), 0, 77, []byte("from the future"))
	add(packet.TypeClose, 0, 0, packet.AppendClose(nil, packet.CodeClosed, "bye"))
	return b
}

// play sends b on a new connection behind a handshake and hangs up.
func (tg *target) play(t *testing.T, b []byte) {
	nc, err := tg.net.Dial()
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	r, err := harness.Shake(nc, harness.RawHello())
	if err != nil {
		t.Error(err)
		return
	}
	_ = r.SetDeadline(time.Now().Add(harness.Soon))
	_, _ = r.Write(b)
	_ = nc.(*memnet.Conn).CloseWrite()
	if _, err := io.Copy(io.Discard, r); err != nil {
		var ne net.Error
		if isTimeout(err, &ne) {
			t.Errorf("the connection goes on after %x…", b[:min(len(b), 64)])
		}
	}
}
