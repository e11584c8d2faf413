package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shout answers, when the user has said all, with the same in capitals.
func shout(conn *net.TCPConn) {
	said, err := io.ReadAll(conn)
	if err == nil {
		_, _ = conn.Write(bytes.ToUpper(said))
	}
}

// ask says something, ends it, and returns the answer.
func ask(t *testing.T, addr, what string) string {
	t.Helper()
	conn := user(t, addr)
	_, err := conn.Write([]byte(what))
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answer)
}

func TestUsersReachEachTargetThroughItsPort(t *testing.T) {
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "page "+r.URL.Path)
	})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = web.Serve(ln) }()
	t.Cleanup(func() { web.Close() })

	far := start(t, "far", "-addr", "127.0.0.1:0", "-target", "web="+ln.Addr().String(), "-target", "shout="+service(t, shout))
	near := start(t, "near", "-far", far.line("listening on "), "-local", "shout=127.0.0.1:0", "-local", "web=127.0.0.1:0")
	shouts, pages := near.line("shout on "), near.line("web on ")

	for range 3 {
		assert.Equal(t, "HELLO", ask(t, shouts, "hello"))
		rsp, err := http.Get("http://" + pages + "/about")
		require.NoError(t, err)
		body, err := io.ReadAll(rsp.Body)
		rsp.Body.Close()
		require.NoError(t, err)
		assert.Equal(t, "page /about", string(body))
	}
	http.DefaultClient.CloseIdleConnections()
	near.terminate()
	far.terminate()
}

func TestCurlAndTLSAndAToken(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here")
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "page")
	})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = web.Serve(ln) }()
	t.Cleanup(func() { web.Close() })

	cert, key := certificate(t)
	far := start(t, "far", "-addr", "127.0.0.1:0", "-cert", cert, "-key", key, "-token", "open sesame", "-target", "web="+ln.Addr().String())
	addr := far.line("listening on ")
	near := start(t, "near", "-far", addr, "-ca", cert, "-token", "open sesame", "-local", "web=127.0.0.1:0", "-pprof", "127.0.0.1:0")
	out, err := exec.Command(curl, "-sS", "--max-time", "20", "http://"+near.line("web on ")).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, "page", string(out))
	_, profiles, _ := strings.Cut(near.stderr.String(), "profiles on ") // it is said first
	out, err = exec.Command(curl, "-sS", "--max-time", "20", strings.TrimSpace(profiles)+"cmdline").CombinedOutput()
	require.NoError(t, err, string(out))

	wrong := start(t, "near", "-far", addr, "-ca", cert, "-token", "please", "-local", "web=127.0.0.1:0")
	wrong.exits(1)
	assert.Equal(t, "relay near: far: wrong token\n", wrong.stderr.String())
	stranger := start(t, "near", "-far", addr, "-tls", "-token", "open sesame", "-local", "web=127.0.0.1:0")
	stranger.exits(1)
	assert.Contains(t, stranger.stderr.String(), "certificate")
}

// outcomeOf returns how a connection that sends nothing ends. It may be reset
// before it is made, as far as the user sees.
func outcomeOf(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	_, err = io.ReadAll(conn)
	return err
}

func TestWhatIsCutOffDoesNotLookLikeAnEnd(t *testing.T) {
	var (
		asked  = make(chan struct{}, 10)
		gotten = make(chan error, 10)
	)
	silent := service(t, func(conn *net.TCPConn) {
		_, _ = conn.Write([]byte("half of"))
		asked <- struct{}{}
		_, err := io.Copy(io.Discard, conn)
		gotten <- err
	})
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody.Close()

	far := start(t, "far", "-addr", "127.0.0.1:0", "-target", "silent="+silent, "-target", "down="+nobody.Addr().String())
	addr := far.line("listening on ")
	near := start(t, "near", "-far", addr, "-local", "silent=127.0.0.1:0", "-local", "down=127.0.0.1:0", "-local", "secret=127.0.0.1:0")
	silentPort, down, secret := near.line("silent on "), near.line("down on "), near.line("secret on ")

	for what, port := range map[string]string{"a target that is down": down, "a target that is not allowed": secret} {
		assert.ErrorIs(t, outcomeOf(port), syscall.ECONNRESET, what)
	}

	half := func() *net.TCPConn {
		conn := user(t, silentPort)
		_, err := io.ReadFull(conn, make([]byte, len("half of")))
		require.NoError(t, err)
		<-asked
		return conn
	}
	outcome := func() error {
		select {
		case err := <-gotten:
			return err
		case <-time.After(limit):
			return io.ErrNoProgress
		}
	}

	conn := half()
	require.NoError(t, conn.SetLinger(0))
	conn.Close()
	assert.ErrorIs(t, outcome(), syscall.ECONNRESET, "the user resets")

	conn = half()
	near.terminate()
	_, err = conn.Read(make([]byte, 1))
	assert.ErrorIs(t, err, syscall.ECONNRESET, "near ends: the user")
	assert.ErrorIs(t, outcome(), syscall.ECONNRESET, "near ends: the target")

	near = start(t, "near", "-far", addr, "-local", "silent=127.0.0.1:0")
	silentPort = near.line("silent on ")
	conn = half()
	far.kill()
	assert.NoError(t, outcome(), "far is killed: the kernel ends what it had")
	far = start(t, "far", "-addr", addr, "-target", "silent="+silent)
	assert.Equal(t, addr, far.line("listening on "))
	_, err = conn.Read(make([]byte, 1))
	assert.ErrorIs(t, err, syscall.ECONNRESET, "far is another: the user")

	conn = half() // near has found the new far
	far.terminate()
	_, err = conn.Read(make([]byte, 1))
	assert.ErrorIs(t, err, syscall.ECONNRESET, "far ends: the user")
	assert.ErrorIs(t, outcome(), syscall.ECONNRESET, "far ends: the target")
	near.terminate()
}

func TestNearWaitsForFarIfItIsTold(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := reserved.Addr().String()
	require.NoError(t, reserved.Close())
	near := start(t, "near", "-far", addr, "-wait", "-local", "shout=127.0.0.1:0")
	port := near.line("shout on ")
	early := user(t, port)
	_, err = early.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, early.CloseWrite())

	far := start(t, "far", "-addr", addr, "-target", "shout="+service(t, shout))
	far.line("listening on ")
	answer, err := io.ReadAll(early)
	require.NoError(t, err)
	assert.Equal(t, "HELLO", string(answer))
	near.terminate()
	far.terminate()
}

func TestNearCanBeEndedWhileItConnects(t *testing.T) {
	connected := make(chan struct{})
	silent := service(t, func(conn *net.TCPConn) {
		_, _ = io.ReadFull(conn, make([]byte, 1)) // the handshake, which is not answered
		close(connected)
		_, _ = io.Copy(io.Discard, conn)
	})
	near := start(t, "near", "-far", silent, "-local", "a=127.0.0.1:0")
	select {
	case <-connected:
	case <-time.After(limit):
		require.FailNow(t, "it does not connect")
	}
	begin := time.Now()
	near.terminate()
	assert.Less(t, time.Since(begin), 5*time.Second)
}

func TestTheCommandLineIsChecked(t *testing.T) {
	for _, args := range [][]string{
		{"near"}, {"far"},
		{"near", "-local", "web"},
		{"near", "-local", "a=:0", "-local", "a=:0"},
		{"far", "-target", "a=:1", "-cert", "x"},
		{"far", "-target", "a=:1", "-log", "loud"},
		{"far", "-target", "a=:1", "more"},
		{"far", "-nonsense"},
	} {
		p := start(t, args...)
		p.exits(2)
		assert.Contains(t, p.stderr.String(), "relay "+args[0]+" -h lists the flags", "%v", args)
	}
	start(t, "sideways").exits(2)
	for _, args := range [][]string{{"-h"}, {"near", "-h"}, {"far", "-h"}} {
		start(t, args...).exits(0)
	}
	p := start(t, "near", "-far", "127.0.0.1:1", "-local", "a=127.0.0.1:0")
	p.exits(1)
	assert.Contains(t, p.stderr.String(), "relay near: far: dial tcp")
	p = start(t, "far", "-addr", "192.0.2.1:1", "-target", "a=:1")
	p.exits(1)
	assert.Contains(t, p.stderr.String(), "relay far: listen tcp")
}
