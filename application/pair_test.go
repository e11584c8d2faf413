package application

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// pair returns both Ends of a real connection over a and b; with may change
// what the server's is made of.
func pair(t testing.TB, a, b net.Conn, limits options.Limits, with ...func(*Config)) (client, server *End) {
	t.Helper()
	limits, err := limits.WithDefaults()
	require.NoError(t, err)
	cfg := conn.Config{Offer: Offer(limits)}
	type accepted struct {
		c   *conn.Conn
		err error
	}
	done := make(chan accepted, 1)
	go func() {
		in, err := conn.Accept(b, cfg)
		if err != nil {
			done <- accepted{nil, err}
			return
		}
		c, err := in.Confirm(7)
		done <- accepted{c, err}
	}()
	c, err := conn.Client(a, cfg, 0, []byte("meta"))
	require.NoError(t, err)
	s := <-done
	require.NoError(t, s.err)
	start := func(c *conn.Conn, with ...func(*Config)) *End {
		own := limits
		cfg := Config{Limits: &own, Peer: c.Peer(), ClientID: c.ClientID(), Meta: c.Meta()}
		for _, f := range with {
			f(&cfg)
		}
		e := New(c, cfg)
		c.Start(e.Mux())
		return e
	}
	return start(c), start(s.c, with...)
}

// tcp returns both ends of a loopback connection.
func tcp(t testing.TB) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := ln.Accept(); err == nil {
			accepted <- c
		}
	}()
	a, err = net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	return a, <-accepted
}

func TestEndAndStreamAreNetConns(t *testing.T) {
	for name, opened := range map[string]bool{"end": false, "stream": true} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b := net.Pipe()
				client, server := pair(t, a, b, options.Limits{})
				stop := func() {
					client.Close()
					server.Close()
				}
				if !opened {
					return client, server, stop, nil
				}
				x, err := client.OpenStream()
				if err != nil {
					return nil, nil, nil, err
				}
				y, err := server.AcceptStream()
				return x, y, stop, err
			})
		})
	}
}

func TestContentsOfAllSizesArriveWhole(t *testing.T) {
	a, b := tcp(t)
	client, server := pair(t, a, b, options.Limits{RequestWindow: 128 << 10, ResponseWindow: 128 << 10, MessageWindow: 128 << 10})
	defer server.Close()
	defer client.Close()
	require.NoError(t, server.Register(background, "echo", echo))
	sizes := []int{0, 1, 4096, 65400, 65536, 65537, 128 << 10, 128<<10 + 1, 1 << 20, 10 << 20}
	var wg sync.WaitGroup
	for _, size := range sizes {
		wg.Add(2)
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 7 >> 3)
		}
		go func() {
			defer wg.Done()
			rsp, err := client.Call(background, "echo", client.NewRequest(data))
			if assert.NoError(t, err, size) {
				assert.True(t, string(data) == string(rsp.Data()), "answer of %d bytes", size)
			}
		}()
		go func() {
			defer wg.Done()
			assert.NoError(t, client.Publish(background, client.NewMessage(data)), size)
		}()
	}
	seen := map[int]bool{}
	for range sizes {
		m, err := server.Receive(background)
		require.NoError(t, err)
		seen[len(m.Data())] = true
		require.NoError(t, m.Done())
	}
	wg.Wait()
	assert.Len(t, seen, len(sizes))
	_, err := client.Call(background, "echo", client.NewRequest(make([]byte, 10<<20+1)))
	assert.Equal(t, packet.ErrPacketTooLarge, err)
	_, err = client.Call(background, "echo", client.NewRequest([]byte("unharmed")))
	assert.NoError(t, err)
}

func TestMessagesOfAllSizesKeepTheirOrder(t *testing.T) {
	a, b := tcp(t)
	client, server := pair(t, a, b, options.Limits{MessageWindow: 64 << 10})
	defer server.Close()
	defer client.Close()
	const n = 300
	random := rand.New(rand.NewPCG(1, 2))
	done := make(chan *geminio.Publish, n)
	go func() {
		for i := range n {
			size := []int{10, 1000, 70 << 10, 200 << 10}[random.IntN(4)]
			msg := client.NewMessage(append([]byte(fmt.Sprintf("%06d", i)), make([]byte, size)...))
			if _, err := client.PublishAsync(background, msg, done); !assert.NoError(t, err) {
				return
			}
		}
	}()
	for i := range n {
		m, err := server.Receive(background)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%06d", i), string(m.Data()[:6]))
		require.NoError(t, m.Done())
	}
	for range n {
		assert.NoError(t, get(t, done).Error)
	}
}

// A publisher whose sessions are lost in the middle of anything sends what is
// open again; receivers decide early, late, or on the next session.
func TestEffectivelyOnceIsReceivedOnceOverManyLostSessions(t *testing.T) {
	const n, inFlight = 400, 100
	ps, random := NewPublishers(), rand.New(rand.NewPCG(3, 4))
	var mu sync.Mutex
	received := make(map[uint64]int)
	var late []geminio.Message
	var receivers sync.WaitGroup
	receive := func(server *End) {
		defer receivers.Done()
		for i := 0; ; i++ {
			m, err := server.Receive(background)
			if err != nil {
				return
			}
			mu.Lock()
			received[m.ID()]++
			keep := i%3 == 0
			if keep {
				late = append(late, m)
			}
			mu.Unlock()
			if !keep {
				assert.NoError(t, m.Done())
			}
		}
	}
	type outcome struct {
		seq uint64
		err error
	}
	open, next, sessions := map[uint64]bool{}, uint64(1), 0
	for ; len(open) > 0 || next <= n; sessions++ {
		require.Less(t, sessions, 500)
		a, b := net.Pipe()
		client, server := pair(t, a, b, options.Limits{MessageWindow: 4 << 10}, of(ps))
		receivers.Add(1)
		go receive(server)
		outcomes, failed := make(chan outcome, n), false
		started := 0
		start := func(seq uint64) {
			size := []int{0, 100, 3000, 20 << 10}[seq%4]
			msg := client.NewMessage(make([]byte, size), withCnss(options.CnssAtEffectiveOnce)).(*message)
			msg.id = seq
			err := client.StartPublish(background, msg, 0, Again{ID: seq, Redelivered: open[seq]}, func(err error) { outcomes <- outcome{seq, err} })
			open[seq] = true
			if err != nil {
				failed = true
			} else {
				started++
			}
		}
		mu.Lock()
		decided := late
		late = nil
		mu.Unlock()
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			for _, m := range decided { // of the sessions before
				assert.NoError(t, m.Done())
			}
			<-client.ended
		}()
		budget := random.IntN(40)
		for seq := uint64(1); seq < next && !failed; seq++ {
			if open[seq] {
				start(seq)
			}
		}
		for ; next <= n && len(open) < inFlight && budget > 0 && !failed; next, budget = next+1, budget-1 {
			start(next)
		}
		for wanted := random.IntN(20); wanted > 0 && started > 0; wanted-- {
			select {
			case o := <-outcomes:
				started--
				if o.err == nil {
					delete(open, o.seq)
				}
			case <-time.After(20 * time.Millisecond):
				wanted = 1 // the rest is decided later
			}
		}
		a.Close()
		get(t, cut)
		for ; started > 0; started-- {
			if o := get(t, outcomes); o.err == nil {
				delete(open, o.seq)
			} else {
				assert.ErrorIs(t, o.err, geminio.ErrSessionLost)
			}
		}
		<-server.ended
	}
	receivers.Wait()
	t.Logf("%d sessions", sessions)
	assert.Len(t, received, n)
	for seq, times := range received {
		assert.Equal(t, 1, times, "%d", seq)
	}
}

func TestCallsNestBeyondEveryLimitWithoutDeadlock(t *testing.T) {
	a, b := tcp(t)
	client, server := pair(t, a, b, options.Limits{MaxRunningCalls: 16, MaxWaitingCalls: 8})
	defer server.Close()
	defer client.Close()
	require.NoError(t, client.Register(background, "leaf", echo))
	require.NoError(t, server.Register(background, "branch", func(ctx context.Context, req geminio.Request, rsp geminio.Response) {
		r, err := server.Call(ctx, "leaf", server.NewRequest(req.Data()))
		if err != nil {
			rsp.SetError(err)
			return
		}
		rsp.SetData(r.Data())
	}))
	var wg sync.WaitGroup
	for range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rsp, err := client.Call(background, "branch", client.NewRequest([]byte("x")))
			if assert.NoError(t, err) {
				assert.Equal(t, "x", string(rsp.Data()))
			}
		}()
	}
	wg.Wait()
}

func TestEverythingReturnsWhateverEndsTheConnection(t *testing.T) {
	for name, end := range map[string]func(client, server *End, a net.Conn){
		"close here":  func(client, _ *End, _ net.Conn) { client.Close() },
		"close there": func(_, server *End, _ net.Conn) { server.Close() },
		"both":        func(client, server *End, _ net.Conn) { go client.Close(); server.Close() },
		"cut":         func(_, _ *End, a net.Conn) { a.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := tcp(t)
			client, server := pair(t, a, b, options.Limits{RequestWindow: 64 << 10, MessageWindow: 64 << 10, MaxRunningCalls: 8, MaxWaitingCalls: 4})
			require.NoError(t, server.Register(background, "slow", func(ctx context.Context, req geminio.Request, rsp geminio.Response) {
				if req.Data()[0]%2 == 0 {
					<-ctx.Done()
				}
				rsp.SetData(req.Data())
			}))
			var wg sync.WaitGroup
			work := func(f func(i int) error) {
				for i := range 8 {
					wg.Add(1)
					go func() {
						defer wg.Done()
						for f(i) == nil {
						}
					}()
				}
			}
			started := make(chan struct{}, 1<<16)
			tick := func() {
				select {
				case started <- struct{}{}:
				default:
				}
			}
			sizes := []int{1, 100, 50 << 10, 80 << 10, 200 << 10}
			work(func(i int) error {
				tick()
				data := append([]byte{byte(i)}, make([]byte, sizes[i%len(sizes)])...)
				_, err := client.Call(background, "slow", client.NewRequest(data))
				return err
			})
			work(func(i int) error {
				tick()
				cnss := options.Cnss(i % 4)
				return client.Publish(background, client.NewMessage(make([]byte, sizes[i%len(sizes)]), withCnss(cnss)))
			})
			work(func(i int) error {
				m, err := server.Receive(background)
				if err != nil {
					return err
				}
				if i%2 == 0 {
					return m.Done()
				}
				return m.Error(errors.New("no"))
			})
			work(func(i int) error {
				s, err := client.OpenStream()
				if err != nil {
					return err
				}
				_, _ = s.Call(background, "none", s.NewRequest(nil))
				_, _ = s.Write([]byte("x"))
				return s.Close()
			})
			work(func(int) error {
				s, err := server.AcceptStream()
				if err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, s)
				return s.Close()
			})
			for range 100 {
				<-started
			}
			end(client, server, a)
			finished := make(chan struct{})
			go func() { wg.Wait(); close(finished) }()
			get(t, finished)
			client.Close()
			server.Close()
			for _, e := range []*End{client, server} {
				_, err := e.Call(background, "slow", e.NewRequest(nil))
				assert.True(t, err == io.EOF, "%v", err)
			}
		})
	}
}
