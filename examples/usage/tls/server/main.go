// Command server lets clients in by their certificates, and greets them. It
// prints the address it listens on, then who comes and what it is asked, and
// runs until it is interrupted.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/sigaction"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/server"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
	dir := flag.String("certs", filepath.Join(os.TempDir(), "geminio-certs"), "`directory` with ca.pem, server.pem and server-key.pem")
	allow := flag.String("allow", "alice", "`names` that may come in, separated by commas")
	flag.Parse()
	log.SetOutput(os.Stderr) // standard output is for what happens here
	if err := serve(*addr, *dir, strings.Split(*allow, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "tls server:", err)
		os.Exit(1)
	}
}

func serve(addr, dir string, allow []string) error {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem"))
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return err
	}
	ca := x509.NewCertPool()
	if !ca.AppendCertsFromPEM(pem) {
		return errors.New("no certificate in ca.pem")
	}
	tlsListener, err := tls.Listen("tcp", addr, &tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientCAs:    ca,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
	})
	if err != nil {
		return err
	}
	opts := server.NewEndOptions()
	opts.SetDelegate(&door{allow: allow})
	opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: echo})
	ln, err := server.NewListener(tlsListener, opts)
	if err != nil {
		return err
	}
	fmt.Println("listening on", ln.Addr())

	closing := sigaction.NewSignal(sigaction.OptionSignalCancel(func() { ln.Close() }))
	go closing.Wait(context.Background())

	for {
		// The End serves echo by itself, and ends when the client closes.
		_, err := ln.AcceptEnd()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// door is a delegate.ServerDelegate, and a delegate.Authenticator too.
type door struct {
	*delegate.UnimplementedDelegate
	allow []string
}

// Authenticate returns who the client is, by its certificate, which has been
// verified. An error refuses it.
func (d *door) Authenticate(_ context.Context, info delegate.AuthInfo) (string, error) {
	name := info.TLS.PeerCertificates[0].Subject.CommonName
	if !slices.Contains(d.allow, name) {
		return "", fmt.Errorf("%s may not come in", name)
	}
	fmt.Printf("%s comes in\n", name)
	return name, nil
}

// GetClientID gives the client the id that it wants, or a new one for 0.
func (d *door) GetClientID(wanted uint64, _ []byte) (uint64, error) { return wanted, nil }

// echo answers with what it was sent.
func echo(_ context.Context, req geminio.Request, rsp geminio.Response) {
	fmt.Printf("asked: %s\n", req.Data())
	rsp.SetData(req.Data())
}
