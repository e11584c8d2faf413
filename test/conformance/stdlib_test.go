package conformance

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/rpc"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/test/harness"
)

// over returns an HTTP client whose connections are streams of end.
func over(t *testing.T, end geminio.End) *http.Client {
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return end.OpenStream() },
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// serve has an http.Server take its connections from the End as a listener.
func serve(t *testing.T, end geminio.End, handler http.Handler) {
	srv := &http.Server{Handler: handler}
	done := harness.Go(func() error { return srv.Serve(end) })
	t.Cleanup(func() {
		srv.Close()
		harness.Get(t, done, "the end of Serve")
	})
}

func echoBody(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = w.Write(body)
}

func TestHTTPRunsOverStreamsOfAnEndAsListener(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			serve(t, s, http.HandlerFunc(echoBody))
			hc := over(t, c)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					body := strings.Repeat(fmt.Sprint(i), 50_000)
					rsp, err := hc.Post("http://end/", "text/plain", strings.NewReader(body))
					if !assertNil(t, err) {
						return
					}
					defer rsp.Body.Close()
					got, err := io.ReadAll(rsp.Body)
					if assertNil(t, err) && string(got) != body {
						t.Errorf("request %d: another body came back", i)
					}
				}()
			}
			wg.Wait()
		})
	}
}

func assertNil(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

func TestHTTPCanBeServedByTheClientToo(t *testing.T) {
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	serve(t, c, http.HandlerFunc(echoBody))
	rsp, err := over(t, s).Post("http://end/", "text/plain", strings.NewReader("behind a NAT"))
	require.NoError(t, err)
	defer rsp.Body.Close()
	got, err := io.ReadAll(rsp.Body)
	require.NoError(t, err)
	require.Equal(t, "behind a NAT", string(got))
}

func TestHTTPRequestThatIsGivenUpEndsItsHandler(t *testing.T) {
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	started, ended := make(chan struct{}), make(chan struct{})
	serve(t, s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(ended)
	}))
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://end/", nil)
	require.NoError(t, err)
	done := harness.Go(func() error {
		rsp, err := over(t, c).Do(req)
		if err == nil {
			rsp.Body.Close()
		}
		return err
	})
	harness.WaitFor(t, started, harness.Soon, "the handler")
	cancel()
	require.ErrorIs(t, harness.Get(t, done, "the request's end"), context.Canceled)
	harness.WaitFor(t, ended, harness.Soon, "the end of the handler's context")
}

func TestHijackOfHTTPTakesTheStreamOver(t *testing.T) {
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	serve(t, s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if !assertNil(t, err) {
			return
		}
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		assertNil(t, rw.Flush())
		line, err := rw.ReadString('\n')
		assertNil(t, err)
		fmt.Fprint(rw, "you said "+line)
		assertNil(t, rw.Flush())
	}))
	stream, err := c.OpenStream()
	require.NoError(t, err)
	defer stream.Close()
	require.NoError(t, stream.SetDeadline(time.Now().Add(harness.Soon)))
	fmt.Fprint(stream, "GET / HTTP/1.1\r\nHost: end\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	br := bufio.NewReader(stream)
	rsp, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, rsp.StatusCode)
	fmt.Fprint(stream, "hello\n")
	line, err := br.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "you said hello\n", line)
	_, err = br.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

func TestReverseProxyReachesAServerThroughAStream(t *testing.T) {
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	serve(t, c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s for %s", r.URL.Path, r.Header.Get("X-Forwarded-For"))
	}))
	target, err := url.Parse("http://end/inside")
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = over(t, s).Transport
	front := httptest.NewServer(proxy)
	defer front.Close()
	rsp, err := front.Client().Get(front.URL + "/page")
	require.NoError(t, err)
	defer rsp.Body.Close()
	got, err := io.ReadAll(rsp.Body)
	require.NoError(t, err)
	require.Equal(t, "/inside/page for 127.0.0.1", string(got))
}

func TestTLSRunsOverAStream(t *testing.T) {
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	config, err := harness.TLSConfig()
	require.NoError(t, err)
	opened, accepted := harness.OpenPair(t, c, s)
	tc, ts := tls.Client(opened, config), tls.Server(accepted, config)
	payload := harness.Pattern(3 << 20)
	echoed := harness.Go(func() error {
		defer ts.Close()
		_, err := io.CopyN(ts, ts, int64(len(payload)))
		return err
	})
	require.NoError(t, tc.SetDeadline(time.Now().Add(20*time.Second)))
	wrote := harness.Go(func() error {
		_, err := tc.Write(payload)
		return err
	})
	got, err := io.ReadAll(tc)
	require.NoError(t, err)
	require.NoError(t, harness.Get(t, wrote, "the end of Write"))
	require.NoError(t, harness.Get(t, echoed, "the end of the echo"))
	require.True(t, string(payload) == string(got), "the bytes came back changed")
	_ = tc.Close() // the peer has closed: nobody takes its farewell
}

// Arith is served by net/rpc.
type Arith struct{}

// Add adds.
func (Arith) Add(args [2]int, sum *int) error {
	*sum = args[0] + args[1]
	return nil
}

func TestNetRPCRunsOverAStream(t *testing.T) {
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	srv := rpc.NewServer()
	require.NoError(t, srv.Register(Arith{}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Accept(s)
	}()
	stream, err := c.OpenStream()
	require.NoError(t, err)
	rc := rpc.NewClient(stream)
	var calls []*rpc.Call
	for i := range 100 {
		calls = append(calls, rc.Go("Arith.Add", [2]int{i, i}, new(int), nil))
	}
	for i, call := range calls {
		<-call.Done
		require.NoError(t, call.Error)
		require.Equal(t, 2*i, *call.Reply.(*int))
	}
	require.NoError(t, rc.Close())
	require.NoError(t, s.Close())
	harness.WaitFor(t, done, harness.Soon, "the end of Accept")
}
