package traversal

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"
)

func TestAgentsOfferSeveralServicesAtOnce(t *testing.T) {
	t.Parallel()
	pub := startInternet(t, "-status", "127.0.0.1:0", "-pprof", "127.0.0.1:0")
	office := startAgent(t, pub.agents, "office",
		"-tcp", "digest,to="+serveTCP(t, digest), "-tcp", "echo,to="+serveTCP(t, echo),
		"-http", "web,to="+serveWeb(t, "office's"))
	home := startAgent(t, pub.agents, "home",
		"-tcp", "digest,to="+serveTCP(t, digest), "-http", "web,to="+serveWeb(t, "home's"))

	// TCP, with the end of one half passed on and the other going on.
	question := strings.Repeat("what is it? ", 100_000)
	want := fmt.Sprintf("%x", sha256.Sum256([]byte(question)))
	assert.Equal(t, want, ask(t, office.at(t, "tcp", "digest", 1), question))
	assert.Equal(t, want, ask(t, home.at(t, "tcp", "digest", 1), question))
	assert.Equal(t, question, ask(t, office.at(t, "tcp", "echo", 1), question))
	assert.Empty(t, ask(t, office.at(t, "tcp", "echo", 1), ""))

	// HTTP, by host name.
	for name, a := range map[string]*agent{"office": office, "home": home} {
		url := a.at(t, "http", "web", 1)
		_, port, err := net.SplitHostPort(pub.http)
		require.NoError(t, err)
		assert.Equal(t, "http://web."+name+".localhost:"+port, url)
		code, body := get(t, pub.http, url+"/whoami")
		assert.Equal(t, 200, code)
		assert.Equal(t, fmt.Sprintf("%s's for web.%s.localhost:%s asked by 127.0.0.1", name, name, port), body)
	}
	code, body := get(t, pub.http, "http://files.office.localhost/whoami")
	assert.Equal(t, 404, code)
	assert.Equal(t, "no service is offered under this host name", body)

	// A WebSocket.
	conf, err := websocket.NewConfig("ws://web.home.localhost/ws", "http://localhost/")
	require.NoError(t, err)
	ws, err := websocket.NewClient(conf, dial(t, pub.http))
	require.NoError(t, err)
	for i := range 100 {
		var got string
		require.NoError(t, websocket.Message.Send(ws, fmt.Sprint("message ", i)))
		require.NoError(t, websocket.Message.Receive(ws, &got))
		assert.Equal(t, fmt.Sprint("message ", i), got)
	}

	// What the public side shows of it.
	page := strings.TrimSuffix(pub.says(t, "status page on ", 1), "/")
	host := strings.TrimPrefix(page, "http://")
	code, body = get(t, host, page+"/status.json")
	assert.Equal(t, 200, code)
	for _, part := range []string{`"office"`, `"home"`, `"digest"`, office.at(t, "tcp", "digest", 1)} {
		assert.Contains(t, body, part)
	}
	code, body = get(t, host, page+"/")
	assert.Equal(t, 200, code)
	assert.Contains(t, body, office.at(t, "tcp", "digest", 1))
	profiles := pub.logs(t, "profiles on ")
	code, _ = get(t, strings.Split(profiles, "/")[2], profiles+"goroutine?debug=1")
	assert.Equal(t, 200, code)

	home.terminate(t)
	office.terminate(t)
	pub.terminate(t)
}

func TestCurlReachesBothKindsOfService(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here")
	}
	pub := startInternet(t)
	web := serveWeb(t, "office's")
	a := startAgent(t, pub.agents, "office", "-tcp", "raw,to="+web, "-http", "web,to="+web)
	name := a.at(t, "http", "web", 1)
	// curl itself knows that what ends with .localhost is here.
	for url, host := range map[string]string{"http://" + a.at(t, "tcp", "raw", 1): a.at(t, "tcp", "raw", 1), name: strings.TrimPrefix(name, "http://")} {
		out, err := exec.Command(curl, "-sS", "--fail", "--noproxy", "*", "--max-time", "20", url+"/whoami").CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Contains(t, string(out), "office's for "+host)
	}
}

func TestTheAllowListSaysWhoMayUseAService(t *testing.T) {
	t.Parallel()
	pub := startInternet(t)
	var used atomic.Int64
	count := func(conn net.Conn) {
		used.Add(1)
		echo(conn)
	}
	a := startAgent(t, pub.agents, "office",
		"-tcp", "open,allow=192.0.2.0/24,allow=127.0.0.1,to="+serveTCP(t, echo),
		"-tcp", "closed,allow=192.0.2.0/24,to="+serveTCP(t, count),
		"-http", "web,allow=127.0.0.0/8,to="+serveWeb(t, "web"),
		"-http", "shut,allow=::1,to="+serveTCP(t, count))
	assert.Equal(t, "hello", ask(t, a.at(t, "tcp", "open", 1), "hello"))
	n, err := dial(t, a.at(t, "tcp", "closed", 1)).Read(make([]byte, 1))
	assert.Zero(t, n)
	assert.ErrorIs(t, err, io.EOF)
	code, _ := get(t, pub.http, a.at(t, "http", "web", 1)+"/whoami")
	assert.Equal(t, 200, code)
	code, body := get(t, pub.http, a.at(t, "http", "shut", 1))
	assert.Equal(t, http.StatusForbidden, code)
	assert.Equal(t, "this service may not be used from this address", body)
	assert.Zero(t, used.Load(), "nobody who is not allowed reaches the service")
}

func TestAServiceThatIsDownEndsItsUsersInOrder(t *testing.T) {
	t.Parallel()
	pub := startInternet(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	down := ln.Addr().String()
	require.NoError(t, ln.Close())
	a := startAgent(t, pub.agents, "office", "-tcp", "ssh,to="+down, "-http", "web,to="+down,
		"-tcp", "echo,to="+serveTCP(t, echo))
	assert.Empty(t, ask(t, a.at(t, "tcp", "ssh", 1), "is anybody there?"), "closed, not reset")
	code, body := get(t, pub.http, a.at(t, "http", "web", 1))
	assert.Equal(t, http.StatusBadGateway, code)
	assert.Equal(t, "the service cannot be reached", body)
	assert.Equal(t, "others go on", ask(t, a.at(t, "tcp", "echo", 1), "others go on"))

	// It comes up.
	ln, err = net.Listen("tcp", down)
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		if conn, err := ln.Accept(); err == nil {
			echo(conn)
			conn.Close()
		}
	}()
	assert.Equal(t, "hello", ask(t, a.at(t, "tcp", "ssh", 1), "hello"))
}

func TestAResetIsNoOrderlyEnd(t *testing.T) {
	t.Parallel()
	pub := startInternet(t)
	a := startAgent(t, pub.agents, "office", "-tcp", "torn,to="+serveTCP(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "half of it")
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0)
	}))
	conn := dial(t, a.at(t, "tcp", "torn", 1))
	_, err := io.ReadFull(conn, make([]byte, len("half of it")))
	require.NoError(t, err)
	_, err = io.WriteString(conn, "x")
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	assert.Error(t, err)
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.NotErrorIs(t, err, io.EOF, "what is torn is not taken for whole")
}
