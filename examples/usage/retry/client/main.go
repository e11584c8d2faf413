// Command client calls the server, cuts its own connection, and calls again: a
// RetryEnd dials again by itself and goes on with the session. It prints what
// its delegate is told, which no program has to know.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` of the server")
	flag.Parse()
	if err := callTwice(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "retry client:", err)
		os.Exit(1)
	}
}

func callTwice(addr string) error {
	first := make(chan net.Conn, 1)
	dialer := func() (net.Conn, error) {
		conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err == nil {
			select {
			case first <- conn:
			default: // what is dialled later is not cut
			}
		}
		return conn, err
	}
	told := &told{resumed: make(chan struct{}, 1)}
	opts := client.NewEndOptions()
	opts.SetDelegate(told)
	opts.SetWaitRemoteRPCs("echo")
	end, err := client.NewRetryEndWithDialer(dialer, opts)
	if err != nil {
		return err
	}
	defer end.Close()

	if err := call(end, "before the cut"); err != nil {
		return err
	}
	(<-first).Close() // as a train that enters a tunnel does
	if err := call(end, "after the cut"); err != nil {
		return err
	}
	select { // the call may be answered before the delegate is told
	case <-told.resumed:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("the session did not go on")
	}
}

func call(end geminio.End, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rsp, err := end.Call(ctx, "echo", end.NewRequest([]byte(text)))
	if err != nil {
		return err
	}
	fmt.Printf("answered: %s\n", rsp.Data())
	return nil
}

// told is a delegate, which prints what it is told. The embedded one does
// nothing, for all that is not of interest here.
type told struct {
	*delegate.UnimplementedDelegate
	resumed chan struct{}
}

// ConnOnline tells that a session began.
func (t *told) ConnOnline(delegate.ConnDescriber) error {
	fmt.Println("online")
	return nil
}

// ConnSuspended tells that the connection was lost; the session waits.
func (t *told) ConnSuspended(delegate.ConnDescriber) { fmt.Println("suspended") }

// ConnResumed tells that the session goes on.
func (t *told) ConnResumed(delegate.ConnDescriber) {
	fmt.Println("resumed")
	select {
	case t.resumed <- struct{}{}:
	default: // it was cut once more
	}
}

// EndReOnline would tell of a new session, had the old one been lost: what was
// in flight has failed, see docs/sessions.md.
func (t *told) EndReOnline(delegate.ClientDescriber) { fmt.Println("a new session") }
