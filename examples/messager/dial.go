package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
)

// dial connects, and comes back whenever the connection is lost. It ends with
// what is typed, when all outcomes are known.
func dial(ctx context.Context, args []string) error {
	var (
		c      common
		fs     = flag.NewFlagSet("messager dial", flag.ContinueOnError)
		addr   = fs.String("addr", "127.0.0.1:1202", "`address` of messager listen")
		useTLS = fs.Bool("tls", false, "speak TLS")
		ca     = fs.String("ca", "", "PEM `file` of the certificates that the other side's is verified with, implies -tls; empty: the system's")
		stay   = fs.Bool("stay", false, "go on receiving when the input has ended")
	)
	c.define(fs)
	stop, err := c.parse(fs, args, func() error { return nil })
	if err != nil {
		return err
	}
	defer stop()
	dialer, err := dialerOf(*addr, *useTLS || *ca != "", *ca)
	if err != nil {
		return err
	}

	t := newTalk(&c, os.Stdout)
	opts := client.NewEndOptions()
	opts.SetMeta([]byte(c.token))
	told := &changes{say: t.say}
	opts.SetDelegate(told)
	end, err := client.NewRetryEndWithDialer(dialer, opts)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		t.in.receive(ctx, end)
	}()

	ended := t.obey(ctx, typed(ctx, os.Stdin), func() []geminio.End { return []geminio.End{end} })
	if ended && *stay {
		<-ctx.Done()
	}
	err = t.out.wait(ctx)
	told.closing.Store(true)
	end.Close()
	t.out.wg.Wait() // Close has given an outcome to all that had none
	wg.Wait()
	if err == nil {
		err = t.out.verdict()
	}
	return err
}

func dialerOf(addr string, useTLS bool, ca string) (client.Dialer, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !useTLS {
		return func() (net.Conn, error) { return dialer.Dial("tcp", addr) }, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
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
	return func() (net.Conn, error) { return tls.DialWithDialer(dialer, "tcp", addr, config) }, nil
}

// changes prints what happens to the connection.
type changes struct {
	*delegate.UnimplementedDelegate
	say     func(format string, args ...any)
	closing atomic.Bool // what happens now was asked for
}

func (c *changes) ConnOnline(d delegate.ConnDescriber) error {
	c.say("connected as %d", d.ClientID())
	return nil
}

func (c *changes) ConnSuspended(delegate.ConnDescriber) { c.say("connection lost, dialing again") }

func (c *changes) ConnResumed(delegate.ConnDescriber) { c.say("connection resumed, nothing lost") }

func (c *changes) ConnOffline(delegate.ConnDescriber) error {
	if !c.closing.Load() {
		c.say("session over")
	}
	return nil
}
