package main

import (
	"context"
	"encoding/json"
	"io"
	"sync"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/chatroom/internal/chat"
	"github.com/singchia/geminio/options"
)

// backlog is how many events may wait for a client that does not take them.
// One that is further behind is disconnected: it comes back for the history.
const backlog = 1024

// member is a client that is connected.
type member struct {
	hub   *hub
	end   geminio.End
	queue chan outgoing // events on their way to the client
	ready chan struct{} // closed when the client has presented itself
	once  sync.Once     // closes ready

	// The hub's lock guards what follows.
	nick, secret string
	rooms        map[string]*room
	isAway       bool
	gone         bool // nothing is queued any more
}

// outgoing is an event, encoded; after the last one the End is closed.
type outgoing struct {
	data []byte
	last bool
}

func newMember(h *hub, end geminio.End) *member {
	m := &member{
		hub:   h,
		end:   end,
		queue: make(chan outgoing, backlog),
		ready: make(chan struct{}),
		rooms: make(map[string]*room),
	}
	h.add(m)
	return m
}

// serve returns when the session with the client has ended.
func (m *member) serve() {
	defer m.hub.remove(m)
	defer m.end.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		// A client sends calls and messages, no bytes: Read returns when the
		// session is over.
		_, _ = io.Copy(io.Discard, m.end)
		cancel()
	}()

	methods := map[string]geminio.RPC{chat.MethodPresent: m.present, chat.MethodRooms: m.list}
	for name, rpc := range methods {
		if err := m.end.Register(ctx, name, rpc); err != nil {
			log.Debugf("register %s for client %d: %v", name, m.end.ClientID(), err)
			return
		}
	}
	go m.deliver(ctx)
	m.listen(ctx)
}

func (m *member) present(_ context.Context, req geminio.Request, rsp geminio.Response) {
	var p chat.Presence
	if err := json.Unmarshal(req.Data(), &p); err != nil {
		rsp.SetError(err)
		return
	}
	if err := m.hub.present(m, p); err != nil {
		rsp.SetError(err)
		return
	}
	m.once.Do(func() { close(m.ready) })
}

func (m *member) list(_ context.Context, _ geminio.Request, rsp geminio.Response) {
	rsp.SetData(chat.Encode(m.hub.list()))
}

// listen takes what the client says. A client with a new session may send what
// it could not before it has presented itself again: that waits.
func (m *member) listen(ctx context.Context) {
	for {
		msg, err := m.end.Receive(ctx)
		if err != nil {
			return
		}
		select {
		case <-m.ready:
		case <-ctx.Done():
			return
		}
		// Error(nil) is Done.
		if err := msg.Error(m.hub.say(m, msg.Topic(), string(msg.Custom()), string(msg.Data()))); err != nil {
			return
		}
	}
}

// deliver brings the events to the client. While the session lives none is
// lost, and after it the client asks for the history.
func (m *member) deliver(ctx context.Context) {
	once := options.NewMessage()
	once.SetCnss(options.CnssAtMostOnce)
	for {
		select {
		case out := <-m.queue:
			if err := m.end.Publish(ctx, m.end.NewMessage(out.data, once)); err != nil || out.last {
				m.end.Close()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
