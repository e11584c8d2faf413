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
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/rproxy"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
)

// near listens for users, and takes them to the targets of far.
func near(ctx context.Context, args []string) error {
	var (
		c      common
		locals named
		fs     = flag.NewFlagSet("relay near", flag.ContinueOnError)
		addr   = fs.String("far", "127.0.0.1:1202", "`address` of relay far")
		useTLS = fs.Bool("tls", false, "speak TLS with far")
		ca     = fs.String("ca", "", "PEM `file` of the certificates that far's is verified with, implies -tls; empty: the system's")
	)
	fs.Var(&locals, "local", "`NAME=ADDRESS`: users who connect to the address get to far's target of that name; may be repeated")
	c.define(fs)
	stop, err := c.parse(fs, args, func() error {
		if len(locals) == 0 {
			return errors.New("no -local")
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer stop()

	lns, err := listenAll(locals)
	if err != nil {
		return err
	}
	defer closeAll(lns)
	end, err := connect(*addr, *useTLS || *ca != "", *ca, c.token)
	if err != nil {
		return fmt.Errorf("far: %w", err)
	}
	defer end.Close()

	var (
		sides sides
		wg    sync.WaitGroup
	)
	for i, ln := range lns {
		proxy, err := rproxy.NewRProxy(&users{Listener: ln, sides: &sides, to: locals[i]},
			rproxy.OptionRProxyDial(func(dst net.Addr, _ any) (net.Conn, error) {
				return open(end, dst.(target), &sides)
			}),
			rproxy.OptionRProxyQuitOn(net.ErrClosed),
			rproxy.OptionRProxyWaitOnErr(100*time.Millisecond),
		)
		if err != nil {
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			proxy.Proxy(ctx)
		}()
		fmt.Printf("%s on %s\n", locals[i].name, ln.Addr())
	}
	wg.Wait()
	sides.wait()
	return nil
}

// open opens a stream to a target, whose name is the stream's meta.
func open(end geminio.End, to target, sides *sides) (net.Conn, error) {
	opts := options.OpenStream()
	opts.SetMeta([]byte(to.name))
	stream, err := end.OpenStream(opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to.name, err)
	}
	return sides.stream(stream, target{}), nil
}

// connect makes the control connection.
func connect(addr string, useTLS bool, ca, token string) (geminio.End, error) {
	opts := client.NewEndOptions()
	opts.SetMeta([]byte(token))
	opts.SetDelegate(cuts{})
	var config *tls.Config
	if useTLS {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in it", ca)
		}
	}
	return client.NewRetryEndWithDialer(func() (net.Conn, error) {
		dialer := &net.Dialer{Timeout: 10 * time.Second}
		if config != nil {
			return tls.DialWithDialer(dialer, "tcp", addr, config)
		}
		return dialer.Dial("tcp", addr)
	}, opts)
}

// cuts logs what happens to the control connection.
type cuts struct {
	*delegate.UnimplementedDelegate
}

func (cuts) ConnSuspended(delegate.ConnDescriber) { log.Warn("far: connection lost, dialing again") }
func (cuts) ConnResumed(delegate.ConnDescriber)   { log.Warn("far: connected again, nothing lost") }
func (cuts) EndReOnline(delegate.ClientDescriber) {
	log.Warn("far: connected again, users' connections were lost")
}

// users is a listener of users for rproxy.
type users struct {
	net.Listener
	sides *sides
	to    target
}

// Accept returns net.ErrClosed as it is, since rproxy compares.
func (u *users) Accept() (net.Conn, error) {
	conn, err := u.Listener.Accept()
	if errors.Is(err, net.ErrClosed) {
		return nil, net.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	return u.sides.tcp(conn, u.to), nil
}

func listenAll(locals named) ([]net.Listener, error) {
	var lns []net.Listener
	for _, local := range locals {
		ln, err := net.Listen("tcp", local.addr)
		if err != nil {
			closeAll(lns)
			return nil, fmt.Errorf("%s: %w", local.name, err)
		}
		lns = append(lns, ln)
	}
	return lns, nil
}

func closeAll(lns []net.Listener) {
	for _, ln := range lns {
		_ = ln.Close()
	}
}
