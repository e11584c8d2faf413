package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/chatroom/internal/chat"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/options"
)

// errReplaced ends a client whose nickname another one has taken over.
var errReplaced = errors.New("another client with your secret has taken the nickname over")

// session is the client without its looks. It tells the view, as chat.Event,
// linkState and refused, what there is to show.
type session struct {
	*delegate.UnimplementedDelegate
	end    geminio.End
	show   func(any)
	anew   chan struct{} // there is a new session: present again
	idBase string        // what the ids of this client's messages begin with
	ids    atomic.Uint64

	link     link
	changing sync.Mutex // held while the presence is being changed

	mu       sync.Mutex // guards what follows
	presence chat.Presence
	rosters  map[string]roster // by room
}

// roster is who is in a room, by nickname, and whether away.
type roster map[string]bool

// refused tells that the server no longer knows the client by its nickname.
type refused struct{ err error }

// connect returns a session that is connected and present in its rooms.
func connect(ctx context.Context, cfg config, show func(any)) (*session, error) {
	token, err := cfg.token.Value()
	if err != nil {
		return nil, err
	}
	dial, err := cfg.tls.Dialer(ctx, cfg.addr)
	if err != nil {
		return nil, err
	}
	s := &session{
		show:     show,
		anew:     make(chan struct{}, 1),
		idBase:   rand.Text()[:12] + "-",
		presence: chat.Presence{Nick: cfg.nick, Secret: cfg.secret},
		rosters:  make(map[string]roster),
	}
	opts := client.NewEndOptions()
	opts.SetDelegate(s)
	opts.SetMeta([]byte(token))
	opts.SetWaitRemoteRPCs(chat.MethodPresent, chat.MethodRooms)
	if s.end, err = program.Connect(ctx, dial, opts); err != nil {
		return nil, fmt.Errorf("connect to %s: %s", cfg.addr, chat.Clean(err.Error()))
	}
	if err := s.change(ctx, func(p *chat.Presence) { p.Rooms = cfg.roomNames() }); err != nil {
		s.end.Close()
		return nil, err
	}
	return s, nil
}

// run shows what comes, and presents the client to each new session, until ctx
// ends or the nickname is lost to another client.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.link.showTo(s.show)
	go func() {
		for {
			select {
			case <-s.anew:
			case <-ctx.Done():
				return
			}
			if err := s.change(ctx, func(*chat.Presence) {}); err != nil && ctx.Err() == nil {
				s.show(refused{err})
			}
		}
	}()
	for {
		msg, err := s.end.Receive(ctx)
		if err == io.EOF || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var event chat.Event
		err = json.Unmarshal(msg.Data(), &event)
		_ = msg.Done()
		if err != nil {
			return fmt.Errorf("the server speaks another language: %w", err)
		}
		event.Clean()
		if event.Kind == chat.Replaced {
			return errReplaced
		}
		s.note(event)
		s.show(event)
	}
}

// note keeps the rosters.
func (s *session) note(event chat.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if event.Kind == chat.Welcome {
		members := make(roster)
		for _, m := range event.Members {
			members[m.Nick] = m.Away
		}
		s.rosters[event.Room] = members
		return
	}
	members := s.rosters[event.Room]
	if members == nil {
		return // left meanwhile
	}
	switch event.Kind {
	case chat.Joined, chat.Back:
		members[event.Nick] = false
	case chat.Away:
		members[event.Nick] = true
	case chat.Left:
		delete(members, event.Nick)
	case chat.Renamed:
		members[event.Nick] = members[event.Was]
		delete(members, event.Was)
	}
}

// roster returns who is in a room, those who are away with a mark.
func (s *session) roster(room string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for nick, away := range s.rosters[room] {
		if away {
			nick += " (away)"
		}
		names = append(names, nick)
	}
	slices.Sort(names)
	return names
}

// who returns the nickname and the rooms.
func (s *session) who() (nick string, rooms []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.presence.Nick, slices.Clone(s.presence.Rooms)
}

// change presents the client as edit makes it. It waits for a session if there
// is none; when the server does not agree nothing has changed.
func (s *session) change(ctx context.Context, edit func(*chat.Presence)) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	next := s.presence
	next.Rooms = slices.Clone(next.Rooms)
	s.mu.Unlock()
	edit(&next)
	for {
		_, err := s.end.Call(ctx, chat.MethodPresent, s.end.NewRequest(chat.Encode(next)))
		if lost := (*geminio.CallError)(nil); errors.As(err, &lost) && ctx.Err() == nil {
			continue // to the next session; presenting the same again is harmless
		}
		if err != nil {
			return theirs(err)
		}
		break
	}
	s.link.set(func(l *link) { l.known = true })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presence = next
	for room := range s.rosters {
		if !slices.Contains(next.Rooms, room) {
			delete(s.rosters, room)
		}
	}
	return nil
}

// say returns when the server has the text in the history of the room, however
// many connections and sessions that takes. The id makes sure that it is there
// once.
func (s *session) say(ctx context.Context, room, text string) error {
	text = chat.Clean(text)
	if err := chat.CheckText(text); err != nil {
		return err
	}
	opts := options.NewMessage()
	opts.SetTopic(room)
	opts.SetCustom([]byte(s.idBase + strconv.FormatUint(s.ids.Add(1), 10)))
	return theirs(s.end.Publish(ctx, s.end.NewMessage([]byte(text), opts)))
}

// list returns the rooms of the server.
func (s *session) list(ctx context.Context) ([]chat.Room, error) {
	rsp, err := s.end.Call(ctx, chat.MethodRooms, s.end.NewRequest(nil))
	if err != nil {
		return nil, theirs(err)
	}
	var rooms []chat.Room
	err = json.Unmarshal(rsp.Data(), &rooms)
	for i := range rooms {
		rooms[i].Name = chat.Clean(rooms[i].Name)
	}
	return rooms, err
}

// theirs cleans an error that is in the words of the server.
func theirs(err error) error {
	var remote *geminio.RemoteError
	if errors.As(err, &remote) {
		return errors.New(chat.Clean(remote.Text))
	}
	return err
}

// EndReOnline has the client presented to the new session.
func (s *session) EndReOnline(delegate.ClientDescriber) {
	select {
	case s.anew <- struct{}{}:
	default: // that is to happen anyway
	}
}
