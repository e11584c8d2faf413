package main

import (
	"context"
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

	methods := map[string]geminio.RPC{
		"send": func(_ context.Context, req geminio.Request, rsp geminio.Response) {
			rsp.SetError(sendFile(end, string(req.Data())))
		},
		"hash": func(_ context.Context, req geminio.Request, rsp geminio.Response) {
			hash, err := hashOf(string(req.Data()), io.Discard)
			rsp.SetData([]byte(hash))
			rsp.SetError(err)
		},
		"measure": func(ctx context.Context, _ geminio.Request, rsp geminio.Response) {
			result, err := measureCalls(ctx, end, span)
			rsp.SetData(result.encode())
			rsp.SetError(err)
		},
	}
	for method, rpc := range methods {
		if err := end.Register(ctx, method, rpc); err != nil {
			return err
		}
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

// sendFile copies a file to a stream of its own.
func sendFile(end geminio.End, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	stream, err := end.OpenStream()
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = io.Copy(stream, f)
	return err
}

// echo answers with what it was sent.
func echo(_ context.Context, req geminio.Request, rsp geminio.Response) {
	rsp.SetData(req.Data())
}
