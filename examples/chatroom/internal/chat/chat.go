// Package chat is what the server and its clients say to each other.
//
// A client presents itself by the call MethodPresent: its nickname and the
// rooms in which it wants to be. It says so again to change them, and whenever
// it has a new session. It speaks by a message whose topic is the room, whose
// custom bytes are an id and whose data is the text; the server acknowledges
// it when it is in the history. Whatever happens in the rooms comes to the
// client as messages that are Events, in one order for everybody.
package chat

import (
	"bytes"
	"encoding/json"
	"time"
)

// The methods of the server.
const (
	MethodPresent = "present" // data: Presence
	MethodRooms   = "rooms"   // answer: []Room
)

// Bounds that both sides keep.
const (
	MaxName  = 20   // characters of a nickname or room
	MaxText  = 2000 // bytes of what is said at once
	MaxID    = 64   // bytes of the id of a message
	MaxRooms = 32   // rooms in which a client can be
	MaxKeep  = 1000 // messages of a room that are kept
)

// Presence is who a client is and where it wants to be. Presenting the same
// again changes nothing.
type Presence struct {
	Nick   string   `json:"nick"`
	Secret string   `json:"secret"` // who knows it may take the nickname over
	Rooms  []string `json:"rooms"`
}

// Message is what somebody said.
type Message struct {
	ID   string    `json:"id"` // chosen by the client; nothing is kept twice under one
	Room string    `json:"room"`
	Nick string    `json:"nick"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Member is somebody in a room.
type Member struct {
	Nick string `json:"nick"`
	Away bool   `json:"away,omitempty"` // the connection is lost, the session is not
}

// Room is a room in the list of them.
type Room struct {
	Name    string `json:"name"`
	Members int    `json:"members"`
}

// Kind says what an Event is about.
type Kind string

// What happens in a room.
const (
	Welcome  Kind = "welcome"  // the client is in Room now: Members, History
	Said     Kind = "said"     // Message
	Joined   Kind = "joined"   // Nick came in
	Left     Kind = "left"     // Nick went
	Renamed  Kind = "renamed"  // Nick was called Was
	Away     Kind = "away"     // Nick has lost the connection
	Back     Kind = "back"     // Nick has a connection again
	Replaced Kind = "replaced" // another client with the same secret has the nickname
)

// Event is something that happened in Room, at At by the server's clock.
type Event struct {
	Kind    Kind      `json:"kind"`
	Room    string    `json:"room,omitempty"`
	At      time.Time `json:"at"`
	Nick    string    `json:"nick,omitempty"`
	Was     string    `json:"was,omitempty"`
	Members []Member  `json:"members,omitempty"`
	History []Message `json:"history,omitempty"`
	Message *Message  `json:"message,omitempty"`
}

// Clean cleans all that the event says: what comes from a server is not
// trusted any more than what comes from a person.
func (e *Event) Clean() {
	for _, s := range []*string{&e.Room, &e.Nick, &e.Was} {
		*s = Clean(*s)
	}
	for i := range e.Members {
		e.Members[i].Nick = Clean(e.Members[i].Nick)
	}
	for i := range e.History {
		e.History[i].clean()
	}
	if e.Message != nil {
		e.Message.clean()
	}
}

func (m *Message) clean() { m.Nick, m.Text = Clean(m.Nick), Clean(m.Text) }

// Encode returns v as it goes over the wire.
func Encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // no page: < need not be six bytes
	if err := enc.Encode(v); err != nil {
		panic(err) // the types above always can be
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
