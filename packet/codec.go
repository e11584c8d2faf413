package packet

import "fmt"

// Type tells what a frame is.
type Type uint8

// The types of protocol 2: 1 to 15 are the connection's, 16 to 31 are for
// streams of bytes, from 32 on for calls and messages. Type 6 is kept for
// GOAWAY.
const (
	TypePing   Type = 0x01
	TypePong   Type = 0x02
	TypeAck    Type = 0x03
	TypeClose  Type = 0x04
	TypeClosed Type = 0x05

	TypeData        Type = 0x10
	TypeOpen        Type = 0x11
	TypeOpened      Type = 0x12
	TypeCredit      Type = 0x13
	TypeCreditOpen  Type = 0x14
	TypeBlocked     Type = 0x15
	TypeStopSending Type = 0x16
	TypeReset       Type = 0x17
	TypeEnd         Type = 0x18

	TypeRequest       Type = 0x20
	TypeResponse      Type = 0x21
	TypeMessage       Type = 0x22
	TypeMessageAck    Type = 0x23
	TypeBody          Type = 0x24
	TypeGrant         Type = 0x25
	TypeCancel        Type = 0x26
	TypeRegister      Type = 0x27
	TypeRegisterAck   Type = 0x28
	TypeMethodDef     Type = 0x29
	TypeCreditMessage Type = 0x2a
	TypeCreditCall    Type = 0x2b

	// FirstSkippable is the first type that is skipped when unknown; an
	// unknown type below it ends the connection.
	FirstSkippable Type = 0x80
)

// Class is one of the three send queues of a connection.
type Class uint8

const (
	Control  Class = iota // goes first and whole
	Messages              // small calls and messages
	Bulk                  // bytes of streams, bodies too large for one frame
)

type streamRule uint8

const (
	onStream streamRule = iota
	onConnection
	onEither
)

// A rule is what can be said of a type before its payload is there.
type rule struct {
	name     string
	min, max int   // of the payload
	maxMore  int   // with MORE, where it differs
	flags    Flags // allowed
	stream   streamRule
}

// rules is the only list of the known types.
var rules = [FirstSkippable]rule{
	TypePing:   {name: "PING", min: PingLen, max: PingLen, stream: onConnection},
	TypePong:   {name: "PONG", min: PongLen, max: PongLen, stream: onConnection},
	TypeAck:    {name: "ACK", min: AckLen, max: AckLen, stream: onConnection},
	TypeClose:  {name: "CLOSE", min: closeFixed, max: closeFixed + MaxErrorText, stream: onConnection},
	TypeClosed: {name: "CLOSED", stream: onConnection},

	TypeData:        {name: "DATA", max: MaxPayload, flags: FlagFIN},
	TypeOpen:        {name: "OPEN", min: openFixed, max: MaxPayload},
	TypeOpened:      {name: "OPENED"},
	TypeCredit:      {name: "CREDIT", min: CreditLen, max: CreditLen},
	TypeCreditOpen:  {name: "CREDIT_OPEN", min: CreditOpenLen, max: CreditOpenLen, stream: onConnection},
	TypeBlocked:     {name: "BLOCKED", min: BlockedLen, max: BlockedLen, stream: onEither},
	TypeStopSending: {name: "STOP_SENDING", min: StopSendingLen, max: StopSendingLen},
	TypeReset:       {name: "RESET", min: resetFixed, max: resetFixed + MaxResetText},
	TypeEnd:         {name: "END"},

	TypeRequest:       {name: "REQUEST", min: RequestFieldsLen, max: MaxPayload, maxMore: RequestFieldsLen + MaxName, flags: FlagMORE},
	TypeResponse:      {name: "RESPONSE", min: ResponseFieldsLen, max: MaxPayload, maxMore: ResponseFieldsLen + MaxErrorText, flags: FlagMORE},
	TypeMessage:       {name: "MESSAGE", min: MessageFieldsLen, max: MaxPayload, maxMore: MessageFieldsLen + MaxName, flags: FlagMORE},
	TypeMessageAck:    {name: "MESSAGE_ACK", min: messageAckFixed, max: messageAckFixed + MaxErrorText},
	TypeBody:          {name: "BODY", min: BodyHeadLen + 1, max: MaxPayload, flags: FlagMORE},
	TypeGrant:         {name: "GRANT", min: GrantLen, max: GrantLen},
	TypeCancel:        {name: "CANCEL", min: CancelLen, max: CancelLen},
	TypeRegister:      {name: "REGISTER", min: registerFixed, max: registerFixed + MaxName},
	TypeRegisterAck:   {name: "REGISTER_ACK", min: registerAckFixed, max: registerAckFixed + MaxErrorText},
	TypeMethodDef:     {name: "METHOD_DEF", min: methodDefFixed, max: methodDefFixed + MaxName, stream: onConnection},
	TypeCreditMessage: {name: "CREDIT_MESSAGE", min: CreditMessageLen, max: CreditMessageLen},
	TypeCreditCall:    {name: "CREDIT_CALL", min: CreditCallLen, max: CreditCallLen, stream: onConnection},
}

// rule returns nil for an unknown type.
func (t Type) rule() *rule {
	if t >= FirstSkippable || rules[t].name == "" {
		return nil
	}
	return &rules[t]
}

// Known tells whether this version of the protocol has the type.
func (t Type) Known() bool { return t.rule() != nil }

// Counted tells whether frames of the type move the position of their
// direction: all but PING, PONG and ACK do, unknown ones too.
func (t Type) Counted() bool { return t == 0 || t > TypeAck }

// String returns the name that docs/wire.md uses.
func (t Type) String() string {
	if r := t.rule(); r != nil {
		return r.name
	}
	return fmt.Sprintf("type 0x%02x", uint8(t))
}
