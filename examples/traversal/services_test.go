package traversal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/rpc"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"
)

// serveTCP is a service that is given its connections, and ends with the test.
func serveTCP(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return ln.Addr().String()
}

// digest is a service that needs half of a connection: it answers with the
// SHA-256 of all that it got when that has ended.
func digest(conn net.Conn) {
	h := sha256.New()
	if _, err := io.Copy(h, conn); err == nil {
		fmt.Fprintf(conn, "%x", h.Sum(nil))
	}
}

// echo is a service that sends back what it gets.
func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

// Sum is a service of net/rpc.
type Sum struct{}

// Add adds.
func (Sum) Add(terms [2]int, sum *int) error {
	*sum = terms[0] + terms[1]
	return nil
}

// serveRPC is that service.
func serveRPC(t *testing.T) string {
	t.Helper()
	srv := rpc.NewServer()
	require.NoError(t, srv.Register(Sum{}))
	return serveTCP(t, func(conn net.Conn) { srv.ServeConn(conn) })
}

// serveWeb is an HTTP service: /whoami, /file?size=N, /bulk?size=N, which costs
// it little, and /ws, which echoes.
func serveWeb(t *testing.T, name string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/whoami", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s for %s asked by %s", name, r.Host, r.Header.Get("X-Forwarded-For"))
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "file.bin", time.Time{}, io.NewSectionReader(noise{}, 0, sizeOf(r)))
	})
	mux.HandleFunc("/bulk", func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for range sizeOf(r) / int64(len(block)) {
			_, _ = w.Write(block)
		}
	})
	mux.Handle("/ws", websocket.Handler(func(ws *websocket.Conn) { _, _ = io.Copy(ws, ws) }))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func sizeOf(r *http.Request) (size int64) {
	_, _ = fmt.Sscan(r.FormValue("size"), &size)
	return size
}

// noise is a file without end in which no part is like another.
type noise struct{}

func (noise) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		x := uint64(off+int64(i)) / 8 * 0x9e3779b97f4a7c15
		p[i] = byte((x ^ x>>29) >> (uint(off+int64(i)) % 8 * 8))
	}
	return len(p), nil
}

// noiseDigest is the SHA-256 of its first bytes.
func noiseDigest(size int64) string {
	h := sha256.New()
	_, _ = io.Copy(h, io.NewSectionReader(noise{}, 0, size))
	return hex.EncodeToString(h.Sum(nil))
}

// get asks for a URL whose host name no resolver knows: it is dialled at addr.
func get(t *testing.T, addr, url string) (code int, body string) {
	t.Helper()
	rsp := request(t, addr, url)
	defer rsp.Body.Close()
	data, err := io.ReadAll(rsp.Body)
	require.NoError(t, err)
	return rsp.StatusCode, strings.TrimSpace(string(data))
}

func request(t *testing.T, addr, url string) *http.Response {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		DisableKeepAlives: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	rsp, err := (&http.Client{Transport: transport}).Get(url)
	require.NoError(t, err)
	return rsp
}

// dial connects to an address, for a while.
func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(limit)))
	return conn.(*net.TCPConn)
}

// ask sends a question, ends its half and returns the answer.
func ask(t *testing.T, addr, question string) string {
	t.Helper()
	conn := dial(t, addr)
	_, err := io.WriteString(conn, question)
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answer)
}
