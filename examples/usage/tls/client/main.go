// Command client shows the server a certificate, calls it, and prints the
// answer.
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
	"time"

	"github.com/singchia/geminio/client"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` of the server")
	dir := flag.String("certs", filepath.Join(os.TempDir(), "geminio-certs"), "`directory` with ca.pem and the client's certificate and key")
	name := flag.String("name", "alice", "`name` of the client: its certificate is NAME.pem, its key NAME-key.pem")
	flag.Parse()
	if err := call(*addr, *dir, *name); err != nil {
		fmt.Fprintln(os.Stderr, "tls client:", err)
		os.Exit(1)
	}
}

func call(addr, dir, name string) error {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem"))
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
	config := &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: ca, MinVersion: tls.VersionTLS13}
	dialer := func() (net.Conn, error) {
		return tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, config)
	}
	end, err := client.NewRetryEndWithDialer(dialer)
	if err != nil {
		return err
	}
	defer end.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rsp, err := end.Call(ctx, "echo", end.NewRequest([]byte("hello from "+name)))
	if err != nil {
		return err
	}
	fmt.Printf("answered: %s\n", rsp.Data())
	return nil
}
