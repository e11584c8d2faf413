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

// entries returns what is new in an event: after a lost session the history
// brings again what was seen.
func entries(event chat.Event, seen *chat.Seen) []entry {
	var list []entry
	say := func(m chat.Message) {
		if seen.Add(m.ID) {
			list = append(list, entry{at: m.At, nick: m.Nick, body: m.Text})
		}
	}
	happen := func(body string) { list = append(list, entry{at: event.At, body: body}) }
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
