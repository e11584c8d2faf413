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
	opts.SetWaitRemoteRPCs("echo", "send", "hash", "measure")
	cutter := newCutter(peer.addr)
	end, err := client.NewRetryEndWithDialer(cutter.dial, opts)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer end.Close()
	context.AfterFunc(ctx, func() { end.Close() })
	go func() {
		<-peer.ended // it would be dialled for ever
		end.Close()
	}()

	// The file goes to a copy, so that the disk takes part as it would.
	tmp, err := os.CreateTemp("", "geminio-demo-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()

	show := newShow()
	show.say("two processes, one connection: %s", peer.addr)
	t, hash := &table{}, ""
	all := append(stages(ctx, end, file, size, tmp, span, t), stage{"cuts", size, func(done *atomic.Int64) (err error) {
		hash, err = cutter.cutCopy(ctx, end, file, size, done)
		return err
	}})
	for _, stage := range all {
		if err := show.during(stage.name, stage.total, stage.run); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
	}
	if err := t.print(os.Stdout); err != nil {
		return err
	}
	show.say("\nthe file once more, %d cuts, nothing lost: SHA-256 %s", cuts, hash)
	return nil
}

// stage is one thing that is shown.
type stage struct {
	name  string
	total int64 // of what run counts, 0 if it does not
	run   func(done *atomic.Int64) error
}

// stages add their figures to t.
func stages(ctx context.Context, end geminio.End, file string, size int64, tmp *os.File, span time.Duration, t *table) []stage {
	return []stage{
		{"file", size, func(done *atomic.Int64) error {
			begin := time.Now()
			err := receiveFile(ctx, end, file, io.MultiWriter(tmp, (*counter)(done)))
			t.addFile(done.Load(), time.Since(begin))
			return err
		}},
		{"sha-256", size, func(done *atomic.Int64) error {
			return compareHashes(ctx, end, file, tmp.Name(), (*counter)(done))
		}},
		{"calls", 0, func(*atomic.Int64) error {
			own, err := measureCalls(ctx, end, span)
			if err != nil {
				return err
			}
			data, err := ask(ctx, end, "measure", "")
			if err != nil {
				return err
			}
			var theirs calls
			err = json.Unmarshal(data, &theirs)
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

// receiveFile asks for the file, and copies the stream that the server opens
// for it to w.
func receiveFile(ctx context.Context, end geminio.End, name string, w io.Writer) error {
	asked := make(chan error, 1)
	go func() {
		_, err := ask(ctx, end, "send", name)
		asked <- err
		if err != nil {
			end.Close() // no stream will come, or not all of it
		}
	}()
	stream, err := end.AcceptStream()
	if err == nil {
		defer stream.Close()
		_, err = io.Copy(w, stream)
	}
	if cause := <-asked; cause != nil {
		return cause
	}
	return err
}

// compareHashes has the server hash the file while this side hashes the copy.
func compareHashes(ctx context.Context, end geminio.End, file, dup string, progress io.Writer) error {
	call, err := end.CallAsync(ctx, "hash", end.NewRequest([]byte(file)), nil)
	if err != nil {
		return err
	}
	got, err := hashOf(dup, progress)
	if err != nil {
		return err
	}
	<-call.Done
	if call.Error != nil {
		return call.Error
	}
	if want := string(call.Response.Data()); got != want {
		return fmt.Errorf("what arrived has SHA-256 %s, what was sent %s", got, want)
	}
	return nil
}

// counter counts the bytes written to it.
type counter atomic.Int64

func (c *counter) Write(p []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(p)))
	return len(p), nil
}

// ask calls a method of the server.
func ask(ctx context.Context, end geminio.End, method, arg string) ([]byte, error) {
	rsp, err := end.Call(ctx, method, end.NewRequest([]byte(arg)))
	if err != nil {
		return nil, err
	}
	return rsp.Data(), nil
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
