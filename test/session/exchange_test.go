//go:build go1.25

package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// An exchange is one run of a scripted conversation in which there is a bit of
// everything.
type exchange struct {
	began bool  // there was a client
	err   error // what it, the server or the audit found wrong

	up, down record // of the first connection

	closing atomic.Bool // the client's Close was called

	mu       sync.Mutex
	errs     []error
	executed map[string]int // calls, by their data
	received map[string]int // messages, the same
	serving  sync.WaitGroup
	ends     []geminio.End
}

const (
	exchangeCall     = 1600
	exchangeStream   = 5000 // more than what goes up whole
	exchangeRaw      = 1500
	exchangePatience = time.Minute
)

// note keeps an error that nobody may see.
func (x *exchange) note(what string, err error) bool {
	if err == nil {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.errs = append(x.errs, fmt.Errorf("%s: %w", what, err))
	return false
}

func (x *exchange) count(of map[string]int, data []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	of[string(data)]++
}

// runExchange runs the conversation. The first connection follows script, all
// others are sound.
func runExchange(script chaos.Script, lazy bool) *exchange {
	x := &exchange{executed: map[string]int{}, received: map[string]int{}}
	carrier := chaos.NewListener(func(n int) chaos.Script {
		if n == 0 {
			return script
		}
		return nil
	})
	var near, far watcher
	sopts := harness.ServerOptions()
	sopts.SetDelegate(&far)
	sopts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "far", RPC: x.answer})
	l, err := server.NewListener(carrier, sopts)
	if err != nil {
		panic(err)
	}
	x.serving.Add(1)
	go x.serve(l)

	copts := harness.ClientOptions()
	copts.SetDelegate(&near)
	if lazy {
		copts.SetLazyDial()
	}
	dials := 0
	end, err := client.NewRetryEndWithDialer(func() (net.Conn, error) {
		nc, err := carrier.Dial()
		if dials++; dials == 1 && err == nil {
			nc = tee{nc, &x.up, &x.down}
		}
		return nc, err
	}, copts)
	if x.began = err == nil; x.began {
		x.talk(end)
		x.closing.Store(true)
		x.note("Close", end.Close())
	} else {
		x.note("the first dial", err)
	}
	time.Sleep(exchangePatience) // the grace of what was left behind is over
	l.Close()
	for _, end := range x.ends {
		end.Close()
	}
	x.serving.Wait()
	if x.began {
		x.audit(&near, &far)
	}
	x.err = errors.Join(x.errs...)
	return x
}

// talk is the client's part.
func (x *exchange) talk(end geminio.End) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangePatience)
	defer cancel()
	x.note("Register", end.Register(ctx, "near", x.answer))

	ask := pattern(1, exchangeCall)
	rsp, err := end.Call(ctx, "far", end.NewRequest(ask))
	if x.note("Call", err) && !bytes.Equal(rsp.Data(), ask) {
		x.note("Call", errors.New("another answer"))
	}
	for _, cnss := range []options.Cnss{options.CnssAtMostOnce, options.CnssAtLeastOnce, options.CnssAtEffectiveOnce} {
		opts := options.NewMessage()
		opts.SetCnss(cnss)
		x.note("Publish", end.Publish(ctx, end.NewMessage(append([]byte{'m', byte(cnss)}, pattern(2, 300)...), opts)))
	}
	x.stream(end)

	out := pattern(4, exchangeRaw)
	_, err = end.Write(out)
	x.note("Write", err)
	in := make([]byte, len(out))
	_, err = io.ReadFull(end, in)
	if x.note("Read", err) && !bytes.Equal(in, out) {
		x.note("Read", errors.New("other bytes"))
	}

	msg, err := end.Receive(ctx) // the server's last word
	if x.note("Receive", err) {
		x.count(x.received, msg.Data())
		x.note("Done", msg.Done())
	}
}

// stream opens a stream, and reads back what it wrote there.
func (x *exchange) stream(end geminio.End) {
	s, err := end.OpenStream()
	if !x.note("OpenStream", err) {
		return
	}
	out := pattern(3, exchangeStream)
	_, err = s.Write(out)
	x.note("Write of a stream", err)
	x.note("CloseWrite", s.(geminio.CloseWriter).CloseWrite())
	in, err := io.ReadAll(s)
	if x.note("Read of a stream", err) && !bytes.Equal(in, out) {
		x.note("Read of a stream", fmt.Errorf("%d other bytes", len(in)))
	}
	x.note("Close of a stream", s.Close())
}

// answer executes the calls of either side.
func (x *exchange) answer(_ context.Context, req geminio.Request, rsp geminio.Response) {
	x.count(x.executed, req.Data())
	rsp.SetData(req.Data())
}

// serve accepts what comes; one that the client never heard of, perhaps.
func (x *exchange) serve(l net.Listener) {
	defer x.serving.Done()
	accept := l.(interface {
		AcceptEnd() (geminio.End, error)
	})
	for {
		end, err := accept.AcceptEnd()
		if err != nil {
			return
		}
		x.mu.Lock()
		x.ends = append(x.ends, end)
		x.mu.Unlock()
		for _, part := range []func(geminio.End){x.receive, x.streams, x.raw} {
			x.serving.Add(1)
			go func() {
				defer x.serving.Done()
				part(end)
			}()
		}
	}
}

// receive takes messages. When the last is there the server has its say.
func (x *exchange) receive(end geminio.End) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangePatience)
	defer cancel()
	for n := 0; ; {
		msg, err := end.Receive(context.Background())
		if err != nil {
			return
		}
		x.count(x.received, msg.Data())
		x.note("Done of the server", msg.Done())
		if n++; n == 3 {
			ask := pattern(5, exchangeCall)
			rsp, err := end.Call(ctx, "near", end.NewRequest(ask))
			if x.note("Call of the server", err) && !bytes.Equal(rsp.Data(), ask) {
				x.note("Call of the server", errors.New("another answer"))
			}
			err = end.Publish(ctx, end.NewMessage([]byte("the last word")))
			var failed *geminio.CallError
			if !x.closing.Load() || !errors.As(err, &failed) { // a client that closes without a connection does not make one
				x.note("Publish of the server", err)
			}
		}
	}
}

// streams sends back what comes on streams.
func (x *exchange) streams(end geminio.End) {
	for {
		s, err := end.AcceptStream()
		if err != nil {
			return
		}
		all, err := io.ReadAll(s)
		if x.note("Read of the server's stream", err) {
			_, err = s.Write(all)
			x.note("Write of the server's stream", err)
			x.note("Close of the server's stream", s.Close())
		}
	}
}

// raw sends back what comes on the End itself.
func (x *exchange) raw(end geminio.End) {
	buf := make([]byte, 4096)
	for {
		n, err := end.Read(buf)
		if err != nil {
			return // the client has closed, or never came
		}
		_, err = end.Write(buf[:n])
		x.note("Write of the server", err)
	}
}

// audit checks that everything has happened once, and nothing was told.
func (x *exchange) audit(near, far *watcher) {
	x.mu.Lock()
	defer x.mu.Unlock()
	bad := func(format string, args ...any) { x.errs = append(x.errs, fmt.Errorf(format, args...)) }
	for of, want := range map[*map[string]int]int{&x.executed: 2, &x.received: 4} {
		if len(*of) != want {
			bad("%d calls or messages, not %d", len(*of), want)
		}
		for data, n := range *of {
			if n != 1 {
				bad("%.8q came %d times", data, n)
			}
		}
	}
	if on, off := len(near.Of("ConnOnline")), len(near.Of("ConnOffline")); on != 1 || off != 1 {
		bad("the client was online %d times, offline %d times", on, off)
	}
	if n := len(near.Of("EndReOnline")); n != 0 {
		bad("EndReOnline %d times", n)
	}
	if on, off := len(far.Of("ConnOnline")), len(far.Of("ConnOffline")); on != off || on > 2 {
		bad("the server was online %d times, offline %d times", on, off)
	}
	if suspended, resumed := near.counts(); suspended > 1 || resumed > suspended {
		bad("suspended %d times, resumed %d times", suspended, resumed)
	}
}
