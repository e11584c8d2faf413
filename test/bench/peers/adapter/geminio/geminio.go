// Package geminio adapts geminio. Its sources compile against the original
// release, too: what that does not have is in files with a build tag.
package geminio

import (
	"context"
	"errors"
	"io"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is geminio with its defaults, and a log of errors alone.
func Peer() peer.Peer {
	log.SetLevel(log.LevelError)
	return peer.Peer{
		Name:   "geminio",
		Module: "github.com/singchia/geminio",
		Mux: func() (peer.Mux, error) {
			e, err := connect()
			if err != nil {
				return nil, err
			}
			return mux{e}, nil
		},
		Call: func() (peer.Caller, error) {
			e, err := connect()
			if err != nil {
				return nil, err
			}
			c, err := newCaller(e)
			if err != nil {
				return nil, errors.Join(err, e.Close())
			}
			return c, nil
		},
		Message: func() (peer.Messenger, error) {
			e, err := connect()
			if err != nil {
				return nil, err
			}
			return newMessenger(e), nil
		},
		Mixed: func() (peer.Mux, peer.Caller, error) {
			e, err := connect()
			if err != nil {
				return nil, nil, err
			}
			c, err := newCaller(e)
			if err != nil {
				return nil, nil, errors.Join(err, e.Close())
			}
			return mux{e}, c, nil
		},
		Conns: conns,
		Extra: published(),
	}
}

// ends are both sides of one connection.
type ends struct{ near, far geminio.End }

// connect leaves no listener behind, so that both ends may be closed twice, as
// streams and calls that share them do.
func connect() (ends, error) {
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return ends{}, err
	}
	defer ln.Close()
	return connectTo(ln)
}

// connectTo accepts while it dials: the original release answers in AcceptEnd.
// It closes ln where it fails.
func connectTo(ln server.Listener) (ends, error) {
	var far geminio.End
	accepted := make(chan error, 1)
	go func() {
		var err error
		far, err = ln.AcceptEnd()
		accepted <- err
	}()
	near, err := client.NewEnd("tcp", ln.Addr().String())
	if err != nil {
		_ = ln.Close()
		if <-accepted == nil {
			_ = far.Close()
		}
		return ends{}, err
	}
	if err := <-accepted; err != nil {
		return ends{}, errors.Join(err, near.Close(), ln.Close())
	}
	return ends{near, far}, nil
}

func (e ends) Close() error { return errors.Join(e.near.Close(), e.far.Close()) }

func conns(n int) (end func(), err error) {
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var all []ends
	end = func() {
		for _, e := range all {
			_ = e.Close()
		}
		_ = ln.Close()
	}
	for range n {
		e, err := connectTo(ln)
		if err != nil {
			end()
			return nil, err
		}
		all = append(all, e)
		c, err := newCaller(e)
		if err == nil {
			_, err = c.Call([]byte("once"))
		}
		if err != nil {
			end()
			return nil, err
		}
	}
	return end, nil
}

type mux struct{ ends }

func (m mux) Open() (io.ReadWriteCloser, error)   { return openStream(m.near) }
func (m mux) Accept() (io.ReadWriteCloser, error) { return m.far.AcceptStream() }

// method is what the far side serves.
const method = "echo"

type caller struct{ ends }

func newCaller(e ends) (caller, error) {
	return caller{e}, e.far.Register(context.Background(), method, func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		rsp.SetData(req.Data())
	})
}

func (c caller) Call(payload []byte) ([]byte, error) {
	rsp, err := c.near.Call(context.Background(), method, c.near.NewRequest(payload))
	if err != nil {
		return nil, err
	}
	return rsp.Data(), nil
}
