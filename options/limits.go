package options

import (
	"fmt"
	"math"
	"time"
)

// Limits bound what one connection may cost this side: memory, streams and
// running handlers, whatever its peer does. The zero value is the default; a
// field that is zero takes its own, which gives way where another field is set
// so that it would not fit. Sizes are in bytes. Each side tells the other what
// it allows.
//
// Windows are what the peer may send before the application has taken it. A
// window starts at its first size, grows to its largest while the application
// keeps up with the peer, and never falls below the guaranteed size, so that
// no stream can take another's last bit.
type Limits struct {
	// MaxStreams is how many streams the peer may have open. Default 16384.
	MaxStreams int
	// OpenBacklog is how many streams the peer may open beyond those that were
	// accepted; it waits before it opens more. At most MaxStreams. Default 128.
	OpenBacklog int

	// StreamWindow is the first window for the bytes of a stream. Default
	// 256 KiB.
	StreamWindow int
	// MaxStreamWindow is the largest window for the bytes of a stream. Default
	// 16 MiB.
	MaxStreamWindow int
	// MinStreamWindow is the guaranteed window for the bytes of a stream, at
	// least 4 KiB: the largest write that is delivered whole. Default 4 KiB.
	MinStreamWindow int

	// MessageWindow is the first window for the messages of the End's own
	// stream. Default 1 MiB.
	MessageWindow int
	// StreamMessageWindow is the first window for the messages of every other
	// stream. Default 64 KiB.
	StreamMessageWindow int
	// MaxMessageWindow is the largest window for the messages of a stream, the
	// End's own too. Default 16 MiB.
	MaxMessageWindow int
	// MinMessageWindow is the guaranteed window for the messages of a stream.
	// Default 2 KiB.
	MinMessageWindow int

	// RequestWindow is the first window for the requests of the peer that
	// wait for their handlers to start, on all streams together. Default 1 MiB.
	RequestWindow int
	// ResponseWindow is the first window for the responses to this side's
	// calls, on all streams together; those of up to 64 KiB do not count.
	// Default 1 MiB.
	ResponseWindow int
	// MaxCallWindow is the largest window for requests, and for responses.
	// Default 16 MiB.
	MaxCallWindow int

	// MaxRunningCalls is how many handlers run at once for the peer. Default
	// 4096.
	MaxRunningCalls int
	// MaxWaitingCalls is how many requests of the peer wait beside them for a
	// handler to end. Default 1024.
	MaxWaitingCalls int
	// MaxBody is how long a message, request or response may be, data and
	// custom together. Default 10 MiB.
	MaxBody int

	// WindowMemory is what all windows of the connection together may hold
	// beyond their guaranteed parts; where it is used up, windows stop
	// growing. The guaranteed parts may hold as much again; where that is used
	// up, the peer may open no more streams. It must have room for the first
	// windows of the End. Default 96 MiB.
	WindowMemory int
	// CallBodyMemory is what the requests and responses that do not fit their
	// window may hold together. At least MaxBody. Default 16 MiB.
	CallBodyMemory int
	// MessageBodyMemory is what the messages that do not fit their window may
	// hold together. At least MaxBody. Default 16 MiB.
	MessageBodyMemory int

	// MaxRegistrations is how many methods the peer may have registered, on
	// all streams together. Default 4096.
	MaxRegistrations int

	// HandshakeTimeout is how long the peer may take for its part of the
	// handshake. Default 10 s.
	HandshakeTimeout time.Duration

	// MaxHandshakes is how many handshakes a listener runs at once. Where there
	// are so many, the oldest gives way to a new one once its client was silent
	// for 100 ms. Default 256.
	MaxHandshakes int
	// MaxConnections is how many connections a listener holds, from the first
	// byte of the handshake to the end; further ones wait to be accepted.
	// Default 65536.
	MaxConnections int
}

const (
	kib = 1 << 10
	mib = 1 << 20

	// leastStreamWindow is the size up to which a write is delivered whole.
	leastStreamWindow = 4 * kib
)

// WithDefaults returns l with every zero replaced by its default. It fails,
// with an error that names the fields, where one is negative, is too large for
// the wire, or contradicts another.
func (l Limits) WithDefaults() (Limits, error) {
	if err := l.checkSigns(); err != nil {
		return l, err
	}
	l.fill()
	return l, l.check()
}

func (l *Limits) fill() {
	orDefault(&l.MaxStreams, max(16384, l.OpenBacklog))
	orDefault(&l.OpenBacklog, min(128, l.MaxStreams))

	orDefault(&l.MinStreamWindow, leastStreamWindow)
	orDefault(&l.MaxStreamWindow, max(16*mib, l.StreamWindow, l.MinStreamWindow))
	orDefault(&l.StreamWindow, min(max(256*kib, l.MinStreamWindow), l.MaxStreamWindow))

	orDefault(&l.MinMessageWindow, 2*kib)
	orDefault(&l.MaxMessageWindow, max(16*mib, l.MessageWindow, l.StreamMessageWindow, l.MinMessageWindow))
	orDefault(&l.MessageWindow, min(max(1*mib, l.MinMessageWindow), l.MaxMessageWindow))
	orDefault(&l.StreamMessageWindow, min(max(64*kib, l.MinMessageWindow), l.MaxMessageWindow))

	orDefault(&l.MaxCallWindow, max(16*mib, l.RequestWindow, l.ResponseWindow))
	orDefault(&l.RequestWindow, min(1*mib, l.MaxCallWindow))
	orDefault(&l.ResponseWindow, min(1*mib, l.MaxCallWindow))

	orDefault(&l.MaxRunningCalls, 4096)
	orDefault(&l.MaxWaitingCalls, 1024)

	orDefault(&l.MaxBody, 10*mib)
	orDefault(&l.WindowMemory, max(96*mib, int(min(l.endWindows(), math.MaxInt))))
	orDefault(&l.CallBodyMemory, max(16*mib, l.MaxBody))
	orDefault(&l.MessageBodyMemory, max(16*mib, l.MaxBody))

	orDefault(&l.MaxRegistrations, 4096)
	if l.HandshakeTimeout == 0 {
		l.HandshakeTimeout = 10 * time.Second
	}
	orDefault(&l.MaxHandshakes, 256)
	orDefault(&l.MaxConnections, 65536)
}

func orDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// A limit is one field under its name, for the checks.
type limit struct {
	name  string
	value int
}

func (l *Limits) counts() []limit {
	return []limit{
		{"MaxStreams", l.MaxStreams}, {"OpenBacklog", l.OpenBacklog},
		{"MaxRunningCalls", l.MaxRunningCalls}, {"MaxWaitingCalls", l.MaxWaitingCalls},
		{"MaxRegistrations", l.MaxRegistrations},
		{"MaxHandshakes", l.MaxHandshakes}, {"MaxConnections", l.MaxConnections},
	}
}

func (l *Limits) windows() []limit {
	return []limit{
		{"StreamWindow", l.StreamWindow}, {"MaxStreamWindow", l.MaxStreamWindow}, {"MinStreamWindow", l.MinStreamWindow},
		{"MessageWindow", l.MessageWindow}, {"StreamMessageWindow", l.StreamMessageWindow},
		{"MaxMessageWindow", l.MaxMessageWindow}, {"MinMessageWindow", l.MinMessageWindow},
		{"RequestWindow", l.RequestWindow}, {"ResponseWindow", l.ResponseWindow}, {"MaxCallWindow", l.MaxCallWindow},
		{"MaxBody", l.MaxBody},
	}
}

func (l *Limits) memory() []limit {
	return []limit{
		{"WindowMemory", l.WindowMemory}, {"CallBodyMemory", l.CallBodyMemory}, {"MessageBodyMemory", l.MessageBodyMemory},
	}
}

func (l *Limits) checkSigns() error {
	for _, group := range [][]limit{l.counts(), l.windows(), l.memory()} {
		for _, f := range group {
			if f.value < 0 {
				return fmt.Errorf("limits: %s is negative (%d)", f.name, f.value)
			}
		}
	}
	if l.HandshakeTimeout < 0 {
		return fmt.Errorf("limits: HandshakeTimeout is negative (%v)", l.HandshakeTimeout)
	}
	return nil
}

// check tells the first thing in l that cannot be.
func (l *Limits) check() error {
	for _, group := range [][]limit{l.counts(), l.windows()} {
		for _, f := range group {
			if int64(f.value) > math.MaxUint32 {
				return fmt.Errorf("limits: %s (%d) is more than %d", f.name, f.value, int64(math.MaxUint32))
			}
		}
	}
	for _, order := range []struct{ low, high limit }{
		{limit{"the write that is delivered whole", leastStreamWindow}, limit{"MinStreamWindow", l.MinStreamWindow}},
		{limit{"MinStreamWindow", l.MinStreamWindow}, limit{"StreamWindow", l.StreamWindow}},
		{limit{"StreamWindow", l.StreamWindow}, limit{"MaxStreamWindow", l.MaxStreamWindow}},
		{limit{"MinMessageWindow", l.MinMessageWindow}, limit{"MessageWindow", l.MessageWindow}},
		{limit{"MinMessageWindow", l.MinMessageWindow}, limit{"StreamMessageWindow", l.StreamMessageWindow}},
		{limit{"MessageWindow", l.MessageWindow}, limit{"MaxMessageWindow", l.MaxMessageWindow}},
		{limit{"StreamMessageWindow", l.StreamMessageWindow}, limit{"MaxMessageWindow", l.MaxMessageWindow}},
		{limit{"RequestWindow", l.RequestWindow}, limit{"MaxCallWindow", l.MaxCallWindow}},
		{limit{"ResponseWindow", l.ResponseWindow}, limit{"MaxCallWindow", l.MaxCallWindow}},
		{limit{"OpenBacklog", l.OpenBacklog}, limit{"MaxStreams", l.MaxStreams}},
		{limit{"MaxBody", l.MaxBody}, limit{"CallBodyMemory", l.CallBodyMemory}},
		{limit{"MaxBody", l.MaxBody}, limit{"MessageBodyMemory", l.MessageBodyMemory}},
	} {
		if order.low.value > order.high.value {
			return fmt.Errorf("limits: %s (%d) is less than %s (%d)",
				order.high.name, order.high.value, order.low.name, order.low.value)
		}
	}
	if need := l.endWindows(); int64(l.WindowMemory) < need {
		return fmt.Errorf("limits: WindowMemory (%d) is less than the first windows of an End (%d)", l.WindowMemory, need)
	}
	return nil
}

// endWindows is what the first windows of an End take out of WindowMemory.
func (l *Limits) endWindows() int64 {
	return int64(l.StreamWindow) - int64(l.MinStreamWindow) +
		int64(l.MessageWindow) - int64(l.MinMessageWindow) +
		int64(l.RequestWindow) + int64(l.ResponseWindow)
}
