package main

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
)

// maxRooms is how many rooms clients may make.
const maxRooms = 10000

// hub is the rooms and who is in them. Under its lock events are put into the
// queues of all whom they concern, so that everybody sees one order; nothing
// there waits for a client.
type hub struct {
	serving sync.WaitGroup // one for each member that is served

	mu    sync.Mutex
	kept  *history
	byID  map[uint64]*member // by client id
	nicks map[string]*member // by folded nickname
	rooms map[string]*room
}

// room is who is in it and what was said there.
type room struct {
	name    string
	members map[*member]struct{}
	said    []chat.Message
	seen    *chat.Seen // the ids of these and some before them
}

func newHub(kept *history) *hub {
	h := &hub{
		kept:  kept,
		byID:  make(map[uint64]*member),
		nicks: make(map[string]*member),
		rooms: make(map[string]*room),
	}
	for _, msg := range kept.loaded {
		h.room(msg.Room).keep(msg, kept.keep)
	}
	kept.loaded = nil
	return h
}

func (h *hub) add(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byID[m.end.ClientID()] = m
}

// remove takes a member out of all rooms.
func (h *hub) remove(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byID[m.end.ClientID()] == m {
		delete(h.byID, m.end.ClientID())
	}
	h.retire(m)
}

// shutdown closes what is there, and returns when everybody has been told, or
// nobody listens.
func (h *hub) shutdown() {
	h.mu.Lock()
	for _, m := range h.byID {
		go m.end.Close()
	}
	h.mu.Unlock()
	h.serving.Wait()
}

// present makes it so that m is who and where p says.
func (h *hub) present(m *member, p chat.Presence) error {
	if err := chat.CheckName("nickname", p.Nick); err != nil {
		return err
	}
	if len(p.Rooms) > chat.MaxRooms {
		return fmt.Errorf("%d rooms at once are too many: %d, please", len(p.Rooms), chat.MaxRooms)
	}
	wanted := make([]string, len(p.Rooms))
	for i, name := range p.Rooms {
		if err := chat.CheckName("room", name); err != nil {
			return err
		}
		wanted[i] = chat.RoomName(name)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.gone {
		return errors.New("replaced by another client")
	}
	anew := 0
	for _, name := range wanted {
		if h.rooms[name] == nil {
			anew++
		}
	}
	if anew > 0 && len(h.rooms)+anew > maxRooms {
		return errors.New("there are too many rooms already")
	}
	if err := h.name(m, p.Nick, p.Secret); err != nil {
		return err
	}
	for name, r := range m.rooms {
		if !slices.Contains(wanted, name) {
			h.leave(m, r)
		}
	}
	for _, name := range wanted {
		if m.rooms[name] == nil {
			h.join(m, h.room(name))
		}
	}
	return nil
}

// name gives m the nickname, unless another one has it.
func (h *hub) name(m *member, nick, secret string) error {
	folded := chat.Fold(nick)
	if other := h.nicks[folded]; other != nil && other != m {
		if secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(other.secret)) != 1 {
			return fmt.Errorf("nickname %q is taken", nick)
		}
		h.queue(other, outgoing{data: chat.Encode(chat.Event{Kind: chat.Replaced, At: time.Now(), Nick: nick}), last: true})
		h.retire(other)
	}
	was := m.nick
	m.nick, m.secret = nick, secret
	if was == nick {
		return nil
	}
	if was != "" {
		delete(h.nicks, chat.Fold(was))
		for _, r := range m.rooms {
			h.tell(r, nil, chat.Event{Kind: chat.Renamed, Nick: nick, Was: was})
		}
	}
	h.nicks[folded] = m
	return nil
}

// retire takes m's nickname away, and m out of all rooms.
func (h *hub) retire(m *member) {
	m.gone = true
	if h.nicks[chat.Fold(m.nick)] == m {
		delete(h.nicks, chat.Fold(m.nick))
	}
	for _, r := range m.rooms {
		h.leave(m, r)
	}
}

func (h *hub) join(m *member, r *room) {
	h.tell(r, nil, chat.Event{Kind: chat.Joined, Nick: m.nick})
	r.members[m] = struct{}{}
	m.rooms[r.name] = r
	log.Infof("%s joined %s", m.nick, r.name)
	welcome := chat.Event{Kind: chat.Welcome, Room: r.name, At: time.Now(), History: r.said}
	for other := range r.members {
		welcome.Members = append(welcome.Members, chat.Member{Nick: other.nick, Away: other.isAway})
	}
	h.queue(m, outgoing{data: chat.Encode(welcome)})
}

func (h *hub) leave(m *member, r *room) {
	delete(r.members, m)
	delete(m.rooms, r.name)
	log.Infof("%s left %s", m.nick, r.name)
	if len(r.members) == 0 && len(r.said) == 0 {
		delete(h.rooms, r.name)
		return
	}
	h.tell(r, nil, chat.Event{Kind: chat.Left, Nick: m.nick})
}

// away tells the rooms of a client that its connection is lost, or back.
func (h *hub) away(clientID uint64, away bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.byID[clientID]
	if m == nil || m.isAway == away {
		return
	}
	m.isAway = away
	kind := chat.Back
	if away {
		kind = chat.Away
	}
	for _, r := range m.rooms {
		h.tell(r, m, chat.Event{Kind: kind, Nick: m.nick})
	}
}

// say puts what m says into the room. The same id once more is no error, and
// does nothing.
func (h *hub) say(m *member, name, id, text string) error {
	text = chat.Clean(text)
	if err := chat.CheckText(text); err != nil {
		return err
	}
	if id == "" || len(id) > chat.MaxID {
		return errors.New("the message has no id, or one that is too long")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r := m.rooms[chat.RoomName(name)]
	if r == nil {
		return fmt.Errorf("you are not in room %q", name)
	}
	if r.seen.Has(id) {
		return nil
	}
	msg := chat.Message{ID: id, Room: r.name, Nick: m.nick, Text: text, At: time.Now()}
	// Written under the lock: the file has the order of the room.
	if err := h.kept.add(msg); err != nil {
		log.Errorf("history: %v", err)
		return errors.New("the server cannot keep messages now")
	}
	r.keep(msg, h.kept.keep)
	h.tell(r, nil, chat.Event{Kind: chat.Said, Message: &msg})
	return nil
}

func (h *hub) list() []chat.Room {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]chat.Room, 0, len(h.rooms))
	for _, r := range h.rooms {
		list = append(list, chat.Room{Name: r.name, Members: len(r.members)})
	}
	slices.SortFunc(list, func(a, b chat.Room) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// room returns the room of that name, a new one if need be.
func (h *hub) room(name string) *room {
	if r := h.rooms[name]; r != nil {
		return r
	}
	r := &room{name: name, members: make(map[*member]struct{}), seen: chat.NewSeen(chat.MaxKeep)}
	h.rooms[name] = r
	return r
}

// keep appends msg to what was said, of which the last n are kept.
func (r *room) keep(msg chat.Message, n int) {
	r.said = append(r.said, msg)
	r.seen.Add(msg.ID)
	if len(r.said) > n {
		r.said = r.said[1:]
	}
}

// tell brings an event to all in the room but one.
func (h *hub) tell(r *room, but *member, event chat.Event) {
	event.Room, event.At = r.name, time.Now()
	data := chat.Encode(event)
	for m := range r.members {
		if m != but {
			h.queue(m, outgoing{data: data})
		}
	}
}

// queue never waits: who is too far behind is disconnected.
func (h *hub) queue(m *member, out outgoing) {
	if m.gone {
		return
	}
	select {
	case m.queue <- out:
	default:
		log.Warnf("%s is too far behind: disconnected", m.nick)
		m.gone = true
		go m.end.Close()
	}
}
