package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
)

// runClient starts the server, does everything over one connection to it, and
// prints the table. It returns when the server has ended.
func runClient(ctx context.Context, file string, span time.Duration) (err error) {
	file, size, err := fileToSend(ctx, file)
	if err != nil {
		return err
	}
	peer, err := startPeer(ctx, span)
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	defer func() { err = errors.Join(err, peer.wait(err == nil)) }()

	opts := client.NewEndOptions()
	opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: echo})
	opts.SetWaitRemoteRPCs("echo", "measure", "send")
	end, err := client.NewEnd("tcp", peer.addr, opts)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer end.Close()
	context.AfterFunc(ctx, func() { end.Close() })

	show := newShow()
	show.say("two processes, one connection: %s", peer.addr)
	t := &table{}
	for _, stage := range stages(ctx, end, file, size, span, t) {
		if err := show.during(stage.name, stage.total, stage.run); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
	}
	return t.print(os.Stdout)
}

// stage is one thing that is shown.
type stage struct {
	name  string
	total int64 // of what run counts, 0 if it does not
	run   func(done *atomic.Int64) error
}

// stages add their figures to t.
func stages(ctx context.Context, end geminio.End, file string, size int64, span time.Duration, t *table) []stage {
	return []stage{
		{"file", size, func(done *atomic.Int64) error {
			took, err := receiveFile(ctx, end, file, done)
			t.addFile(done.Load(), took)
			return err
		}},
		{"calls", 0, func(*atomic.Int64) error {
			own, err := measureCalls(ctx, end, span)
			if err != nil {
				return err
			}
			var theirs calls
			err = askFor(ctx, end, "measure", "", &theirs)
			t.addCalls(toServer, own)
			t.addCalls(toClient, theirs)
			return err
		}},
		{"messages", 0, func(*atomic.Int64) error {
			serial, async, err := measureMessages(ctx, end, span)
			t.add("messages, one after another", toServer, serial)
			t.add(fmt.Sprintf("messages, %d in flight", window), toServer, async)
			return err
		}},
		{"http", 0, func(*atomic.Int64) error {
			fetched, err := fetchPages(ctx, end, span)
			t.add("HTTP, a page of "+bytesOf(int64(len(page))), toClient, fetched)
			return err
		}},
	}
}

// fileToSend returns file, or the go command where it is empty, and its size.
func fileToSend(ctx context.Context, file string) (name string, size int64, err error) {
	if file == "" {
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", 0, errors.New("no go command found to send: name a file with -file")
		}
		file = filepath.Join(strings.TrimSpace(string(root)), "bin", "go")
		if runtime.GOOS == "windows" {
			file += ".exe"
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("%s is not a regular file", file)
	}
	name, err = filepath.Abs(file)
	return name, info.Size(), err
}

// receiveFile asks for the file, copies the stream that the server opens for
// it to a temporary file, and compares the hashes of both.
func receiveFile(ctx context.Context, end geminio.End, name string, done *atomic.Int64) (took time.Duration, err error) {
	tmp, err := os.CreateTemp("", "geminio-demo-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()

	begin := time.Now()
	asked := make(chan error, 1)
	var want string
	go func() {
		err := askFor(ctx, end, "send", name, &want)
		asked <- err
		if err != nil {
			end.Close() // no stream will come
		}
	}()
	stream, err := end.AcceptStream()
	if err != nil {
		if cause := <-asked; cause != nil {
			err = cause
		}
		return 0, err
	}
	defer stream.Close()

	if _, err := io.Copy(io.MultiWriter(tmp, (*counter)(done)), stream); err != nil {
		return 0, err
	}
	took = time.Since(begin)
	if err := <-asked; err != nil {
		return 0, err
	}
	got, err := hashOf(tmp)
	if err != nil {
		return 0, err
	}
	if got != want {
		return 0, fmt.Errorf("%d bytes arrived with SHA-256 %s, sent was %s", done.Load(), got, want)
	}
	return took, nil
}

// counter counts the bytes written to it.
type counter atomic.Int64

func (c *counter) Write(p []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(p)))
	return len(p), nil
}

// askFor calls a method of the server that answers in JSON.
func askFor(ctx context.Context, end geminio.End, method, arg string, result any) error {
	rsp, err := end.Call(ctx, method, end.NewRequest([]byte(arg)))
	if err != nil {
		return err
	}
	return json.Unmarshal(rsp.Data(), result)
}

// fetchPages fetches a page over HTTP again and again, through connections that
// are streams of the End.
func fetchPages(ctx context.Context, end geminio.End, span time.Duration) (rate, error) {
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return end.OpenStream() },
	}
	defer transport.CloseIdleConnections()
	return measure(1, span, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://server/", nil)
		if err != nil {
			return err
		}
		rsp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer rsp.Body.Close()
		body, err := io.ReadAll(rsp.Body)
		if err == nil && (rsp.StatusCode != http.StatusOK || string(body) != page) {
			err = fmt.Errorf("%s, and %d bytes instead of %d", rsp.Status, len(body), len(page))
		}
		return err
	})
}
