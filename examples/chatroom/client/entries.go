package main

import (
	"time"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
)

// entry is what a view shows of an event.
type entry struct {
	at   time.Time
	nick string // who said it; empty where nobody did
	body string
}

// text returns the entry as one line without its time.
func (e entry) text() string {
	if e.nick == "" {
		return "* " + e.body
	}
	return e.nick + ": " + e.body
}

// remembered is how many messages are remembered as seen: more than the
// histories of a few rooms.
const remembered = 8 * chat.MaxKeep

// seen knows which messages were shown: after a lost session the history
// brings them again.
type seen struct {
	ids   map[string]struct{}
	order []string
}

// first tells whether id is new, and remembers it.
func (s *seen) first(id string) bool {
	if s.ids == nil {
		s.ids = make(map[string]struct{})
	}
	if _, again := s.ids[id]; again {
		return false
	}
	s.ids[id] = struct{}{}
	s.order = append(s.order, id)
	if len(s.order) > remembered {
		delete(s.ids, s.order[0])
		s.order = s.order[1:]
	}
	return true
}

// entries returns what is new in an event.
func (s *seen) entries(event chat.Event) []entry {
	var list []entry
	say := func(m chat.Message) {
		if s.first(m.ID) {
			list = append(list, entry{at: m.At, nick: chat.Clean(m.Nick), body: chat.Clean(m.Text)})
		}
	}
	happen := func(body string) { list = append(list, entry{at: event.At, body: chat.Clean(body)}) }
	switch event.Kind {
	case chat.Welcome:
		for _, m := range event.History {
			say(m)
		}
		happen("you are in #" + event.Room)
	case chat.Said:
		if event.Message != nil {
			say(*event.Message)
		}
	case chat.Joined:
		happen(event.Nick + " joined")
	case chat.Left:
		happen(event.Nick + " left")
	case chat.Renamed:
		happen(event.Was + " is now " + event.Nick)
	case chat.Away:
		happen(event.Nick + " is away")
	case chat.Back:
		happen(event.Nick + " is back")
	}
	return list
}
