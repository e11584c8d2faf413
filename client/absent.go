package client

import (
	"errors"
	"net"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// absent returns what stands for a session before the first one: one that is
// over and carried nothing. Requests and messages can be made with it, and all
// else waits for the next.
func (s *setup) absent() *session {
	cfg := application.Config{
		Log: s.log, Limits: s.limits, Peer: new(packet.Hello), PacketFactory: s.opts.PacketFactory, Meta: s.opts.Meta, ClientID: s.wantedID(),
	}
	a := newSession()
	a.end = application.New(nowhere{}, cfg)
	a.end.Mux().HandleClosed(geminio.ErrSessionLost)
	a.reading.told.Store(true)
	a.writing.told.Store(true)
	a.lost = true
	close(a.offline)
	close(a.settled)
	return a
}

var errNowhere = errors.New("no connection")

// nowhere is a connection that leads nowhere.
type nowhere struct{}

var _ application.Conn = nowhere{}

func (nowhere) Client() bool       { return true }
func (nowhere) RTT() time.Duration { return 0 }
func (nowhere) Pinned() int        { return 0 }

func (nowhere) Append(packet.Class, packet.Header, []byte, []byte, []byte, *wait.Waiter) (uint64, error) {
	return 0, errNowhere
}

func (nowhere) AppendData(uint32, []byte, bool, *wait.Waiter) (int, uint64, error) {
	return 0, 0, errNowhere
}

func (nowhere) AppendEnd(uint32)                                      {}
func (nowhere) Withdraw(*wait.Waiter)                                 {}
func (nowhere) Composed(packet.Class, uint64) bool                    { return false }
func (nowhere) AwaitComposed(packet.Class, uint64, *wait.Waiter) bool { return true }
func (nowhere) Kick()                                                 {}
func (nowhere) Shutdown(uint16, string)                               {}
func (nowhere) Offline()                                              {}
func (nowhere) Close()                                                {}
func (nowhere) LocalAddr() net.Addr                                   { return noAddr{} }
func (nowhere) RemoteAddr() net.Addr                                  { return noAddr{} }

// noAddr is the address of both its sides.
type noAddr struct{}

func (noAddr) Network() string { return "none" }
func (noAddr) String() string  { return "not connected" }
