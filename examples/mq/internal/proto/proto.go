// Package proto is what broker, producer and consumer have agreed on beyond
// what geminio itself carries. A producer publishes messages with a topic on
// its End. A consumer opens a stream whose meta is a Subscription, and receives
// messages on it whose custom bytes are a Header.
package proto

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The methods of the broker.
const (
	MethodStatus      = "status"      // answers with Topics in JSON
	MethodUnsubscribe = "unsubscribe" // of a Subscription in JSON: the group is forgotten
)

// MaxPrefetch is the most messages that a member may hold unacknowledged.
const MaxPrefetch = 1024

// maxName is how long the name of a topic or group may be.
const maxName = 255

// Subscription is what a member of a group asks for.
type Subscription struct {
	Topic string `json:"topic"`
	Group string `json:"group"`
	// Prefetch is how many messages the member may hold unacknowledged.
	Prefetch int `json:"prefetch"`
}

// Encode returns s for the meta of a stream or for a request.
func (s Subscription) Encode() []byte {
	data, _ := json.Marshal(s) // strings and a number: it cannot fail
	return data
}

// ParseSubscription returns the subscription in data, or says what is wrong
// with it. A prefetch of 0 becomes 1.
func ParseSubscription(data []byte) (Subscription, error) {
	var s Subscription
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("not a subscription: %w", err)
	}
	if err := CheckName("topic", s.Topic); err != nil {
		return s, err
	}
	if err := CheckName("group", s.Group); err != nil {
		return s, err
	}
	if len(s.DeadTopic()) > maxName {
		return s, fmt.Errorf("the names of topic and group are too long: %d bytes together, at most %d", len(s.Topic+s.Group), maxName-len(Subscription{}.DeadTopic()))
	}
	if s.Prefetch < 0 || s.Prefetch > MaxPrefetch {
		return s, fmt.Errorf("prefetch of %d: at most %d", s.Prefetch, MaxPrefetch)
	}
	s.Prefetch = max(s.Prefetch, 1)
	return s, nil
}

// DeadTopic is where messages are put that the group has refused too often.
func (s Subscription) DeadTopic() string { return s.Topic + "." + s.Group + ".dead" }

// CheckName says whether name may be that of a topic or group, which kind
// tells.
func CheckName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("no %s is named", kind)
	case len(name) > maxName:
		return fmt.Errorf("the name of a %s is at most %d bytes long", kind, maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return fmt.Errorf("the name of a %s has no spaces and nothing that cannot be printed: %q", kind, name)
	}
	return nil
}

// Header is what a consumer gets beside the data.
type Header struct {
	// Offset is the number of the message in its topic.
	Offset uint64
	// Redelivered tells that somebody of the group may have got this message
	// before, or that its producer may have published it twice.
	Redelivered bool
}

// Encode returns h for the custom bytes of a message.
func (h Header) Encode() []byte {
	data := binary.BigEndian.AppendUint64(nil, h.Offset)
	if h.Redelivered {
		return append(data, 1)
	}
	return append(data, 0)
}

// ParseHeader returns the header in data.
func ParseHeader(data []byte) (Header, error) {
	if len(data) != 9 {
		return Header{}, errors.New("not a message of this broker")
	}
	return Header{Offset: binary.BigEndian.Uint64(data), Redelivered: data[8] != 0}, nil
}

// Topic is the state of a topic.
type Topic struct {
	Name string `json:"name"`
	// First and Next are the offsets of the oldest message that is kept, and of
	// the one that will be published next.
	First uint64 `json:"first"`
	Next  uint64 `json:"next"`
	// Bytes is how long the messages that are kept are together.
	Bytes  int64   `json:"bytes"`
	Groups []Group `json:"groups"`
}

// Group is the state of a group.
type Group struct {
	Name    string `json:"name"`
	Members int    `json:"members"`
	// Committed is the offset below which every message is acknowledged.
	Committed uint64 `json:"committed"`
	// Open is how many messages of the topic are not acknowledged.
	Open uint64 `json:"open"`
	// Redelivered is how often a message was given out again since the broker
	// started.
	Redelivered uint64 `json:"redelivered"`
}
