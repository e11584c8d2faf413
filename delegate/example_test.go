package delegate_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/server"
)

// register knows who is there. What it does not name, the embedded delegate
// answers.
type register struct {
	*delegate.UnimplementedDelegate
	gone chan struct{}
}

// GetClientID gives every client the id that it asks for, or a new one.
func (r register) GetClientID(wanted uint64, _ []byte) (uint64, error) { return wanted, nil }

func (r register) ConnOnline(client delegate.ConnDescriber) error {
	if string(client.Meta()) == "" {
		return errors.New("say who you are")
	}
	fmt.Printf("%s comes as %d\n", client.Meta(), client.ClientID())
	return nil
}

func (r register) ConnOffline(client delegate.ConnDescriber) error {
	fmt.Printf("%s goes\n", client.Meta())
	close(r.gone)
	return nil
}

func ExampleUnimplementedDelegate() {
	told := register{gone: make(chan struct{})}
	so := server.NewEndOptions()
	so.SetDelegate(told)
	listener, err := server.Listen("tcp", "127.0.0.1:0", so)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	_, err = client.NewEnd("tcp", listener.Addr().String())
	fmt.Println("refused:", err)

	co := client.NewEndOptions()
	co.SetClientID(7)
	co.SetMeta([]byte("alice"))
	end, err := client.NewEnd("tcp", listener.Addr().String(), co)
	if err != nil {
		fmt.Println(err)
		return
	}
	end.Close()
	<-told.gone
	// Output:
	// refused: say who you are
	// alice comes as 7
	// alice goes
}

// tokens tells clients by the token that they give as meta.
type tokens struct {
	*delegate.UnimplementedDelegate
	owners map[string]string
}

func (tokens) GetClientID(wanted uint64, _ []byte) (uint64, error) { return wanted, nil }

func (t tokens) Authenticate(_ context.Context, info delegate.AuthInfo) (string, error) {
	owner, known := t.owners[string(info.Meta)]
	if !known {
		return "", errors.New("unknown token")
	}
	fmt.Println("this is", owner)
	return owner, nil
}

func ExampleAuthenticator() {
	so := server.NewEndOptions()
	so.SetDelegate(tokens{owners: map[string]string{"s3cret": "alice"}})
	listener, err := server.Listen("tcp", "127.0.0.1:0", so)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	for _, token := range []string{"s3cret", "guessed"} {
		co := client.NewEndOptions()
		co.SetMeta([]byte(token))
		end, err := client.NewEnd("tcp", listener.Addr().String(), co)
		if err != nil {
			fmt.Println(err)
			continue
		}
		end.Close()
	}
	// Output:
	// this is alice
	// unknown token
}

// watcher is told of connections that are lost and replaced, as a screen that
// shows "connecting" would like to be.
type watcher struct {
	*delegate.UnimplementedDelegate
	events chan string
}

func (w watcher) ConnSuspended(delegate.ConnDescriber) { w.events <- "suspended" }

func (w watcher) ConnResumed(delegate.ConnDescriber) { w.events <- "resumed" }

func ExampleSuspendDelegate() {
	listener, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	told := watcher{events: make(chan string)}
	dialled := make(chan net.Conn, 10)
	co := client.NewEndOptions()
	co.SetDelegate(told)
	end, err := client.NewRetryEndWithDialer(func() (net.Conn, error) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			dialled <- conn
		}
		return conn, err
	}, co)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()

	(<-dialled).Close()
	fmt.Println(<-told.events)
	fmt.Println(<-told.events)
	// Output:
	// suspended
	// resumed
}

var (
	_ delegate.ServerDelegate  = register{}
	_ delegate.Authenticator   = tokens{}
	_ delegate.SuspendDelegate = watcher{}
	_ delegate.ClientDelegate  = watcher{}
)
