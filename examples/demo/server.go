package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/server"
)

// page is what the server serves over HTTP.
var page = "<!doctype html>\n<title>geminio</title>\n" + strings.Repeat("<p>One connection carries it all.</p>\n", 1000)

// runServer prints its address, serves one client, and ends with it. It also
// ends when its standard input does: the client holds the other end, so no
// server outlives the process that started it.
func runServer(ctx context.Context, span time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()

	opts := server.NewEndOptions()
	opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: echo})
	opts.SetWaitRemoteRPCs("echo")
	ln, err := server.Listen("tcp", "127.0.0.1:0", opts)
	if err != nil {
		return err
	}
	defer ln.Close()
	context.AfterFunc(ctx, func() { ln.Close() })
	fmt.Println(ln.Addr())

	end, err := ln.AcceptEnd()
	if err != nil {
		return err
	}
	defer end.Close()
	context.AfterFunc(ctx, func() { end.Close() })

	if err := end.Register(ctx, "measure", func(ctx context.Context, _ geminio.Request, rsp geminio.Response) {
		answer(rsp)(measureCalls(ctx, end, span))
	}); err != nil {
		return err
	}
	if err := end.Register(ctx, "send", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		answer(rsp)(sendFile(end, string(req.Data())))
	}); err != nil {
		return err
	}
	go acknowledge(ctx, end)

	// Streams that the client opens are HTTP connections.
	err = http.Serve(end, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, page)
	}))
	if err == io.EOF {
		return nil // the client has closed
	}
	return err
}

// acknowledge takes every message over.
func acknowledge(ctx context.Context, end geminio.End) {
	for {
		msg, err := end.Receive(ctx)
		if err != nil {
			return
		}
		_ = msg.Done()
	}
}

// sendFile copies a file to a stream of its own, and tells its hash.
func sendFile(end geminio.End, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	stream, err := end.OpenStream()
	if err != nil {
		return "", err
	}
	defer stream.Close()
	if _, err := io.Copy(stream, f); err != nil {
		return "", err
	}
	if err := stream.Close(); err != nil {
		return "", err
	}
	return hashOf(f)
}

// echo answers with what it was sent.
func echo(_ context.Context, req geminio.Request, rsp geminio.Response) {
	rsp.SetData(req.Data())
}

// answer returns what puts a result into rsp.
func answer(rsp geminio.Response) func(result any, err error) {
	return func(result any, err error) {
		if err == nil {
			var data []byte
			data, err = json.Marshal(result)
			rsp.SetData(data)
		}
		rsp.SetError(err)
	}
}
