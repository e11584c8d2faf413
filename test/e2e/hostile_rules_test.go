package e2e

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
)

// Short names for the frames that break rules.

func frame(t packet.Type, stream uint32, payload []byte) []byte {
	return harness.Frame(t, 0, stream, payload)
}

func data(stream uint32, n int) []byte { return frame(packet.TypeData, stream, make([]byte, n)) }

func open(stream uint32) []byte {
	return frame(packet.TypeOpen, stream, packet.AppendOpen(nil, packet.Open{}))
}

func request(id uint64, n int) []byte {
	f := packet.AppendRequest(nil, packet.RequestFields{ID: id, RequestID: id, DataLen: uint32(n)}, "wait")
	return frame(packet.TypeRequest, 1, append(f, make([]byte, n)...))
}

func announce(id uint64, n int) []byte {
	return harness.Frame(packet.TypeRequest, packet.FlagMORE, 1, packet.AppendRequest(nil, packet.RequestFields{ID: id, RequestID: id, DataLen: uint32(n)}, "wait"))
}

func body(kind packet.BodyKind, id uint64, n int, more bool) []byte {
	var flags packet.Flags
	if more {
		flags = packet.FlagMORE
	}
	return harness.Frame(packet.TypeBody, flags, 1, append(packet.AppendBody(nil, packet.BodyHead{Kind: kind, ID: id}), make([]byte, n)...))
}

func msg(id uint64, n int) []byte {
	f := packet.AppendMessage(nil, packet.MessageFields{ID: id, MessageID: id, Cnss: 1, DataLen: uint32(n)}, "")
	return frame(packet.TypeMessage, 1, append(f, make([]byte, n)...))
}

func credit(stream uint32, limit uint64) []byte {
	return frame(packet.TypeCredit, stream, packet.AppendCredit(nil, packet.Credit{Limit: limit}))
}

func times(n int, f func(i int) []byte) (frames [][]byte) {
	for i := range n {
		frames = append(frames, f(i))
	}
	return frames
}

// breaches are what must end the connection of who does it. A breach gets the
// server's hello and returns the frames to send.
var breaches = map[string]func(allowed packet.Hello) [][]byte{
	"bytes beyond the credit of the default stream": func(h packet.Hello) [][]byte {
		return times(int(h.StreamWindow)/60_000+1, func(int) []byte { return data(1, 60_000) })
	},
	"bytes beyond the credit of an opened stream": func(h packet.Hello) [][]byte {
		n := int(h.OpenCredit.StreamWindow)
		return append([][]byte{open(3)}, times(n/60_000+1, func(int) []byte { return data(3, 60_000) })...)
	},
	"messages beyond their credit": func(h packet.Hello) [][]byte {
		return times(int(h.MessageWindow)/60_000+1, func(i int) []byte { return msg(uint64(i+1), 60_000) })
	},
	"empty messages beyond their credit": func(h packet.Hello) [][]byte {
		return times(int(h.MessageWindow)/packet.MessageFieldsLen+1, func(i int) []byte { return msg(uint64(i+1), 0) })
	},
	"more opens than allowed": func(h packet.Hello) [][]byte {
		return times(int(h.OpenCredit.Opens)+1, func(i int) []byte { return open(uint32(2*i + 3)) })
	},
	"more requests than allowed": func(h packet.Hello) [][]byte {
		return times(int(h.CallCredit.Requests)+1, func(i int) []byte { return request(uint64(i+1), 0) })
	},
	"requests with more bytes than allowed": func(h packet.Hello) [][]byte {
		// those that run have given their bytes back
		return times(int(h.CallCredit.RequestBytes)/60_000+4, func(i int) []byte { return request(uint64(i+1), 60_000) })
	},
	"a credit that falls": func(packet.Hello) [][]byte { return [][]byte{credit(1, 1<<30), credit(1, 1<<29)} },
	"a message credit that falls": func(packet.Hello) [][]byte {
		f := func(limit uint64) []byte {
			return frame(packet.TypeCreditMessage, 1, packet.AppendCreditMessage(nil, packet.CreditMessage{Limit: limit}))
		}
		return [][]byte{f(1 << 30), f(1 << 29)}
	},
	"an open credit that falls": func(packet.Hello) [][]byte {
		f := func(opens uint32) []byte {
			return frame(packet.TypeCreditOpen, 0, packet.AppendCreditOpen(nil, packet.CreditOpen{Opens: opens, StreamWindow: 1 << 16, MessageWindow: 1 << 16}))
		}
		return [][]byte{f(1000), f(999)}
	},
	"a call credit that falls": func(packet.Hello) [][]byte {
		f := func(n uint64) []byte {
			return frame(packet.TypeCreditCall, 0, packet.AppendCreditCall(nil, packet.CreditCall{Requests: n, RequestBytes: 1 << 30, ResponseBytes: 1 << 30}))
		}
		return [][]byte{f(10_000), f(9_999)}
	},
	"a stream of the server's parity": func(packet.Hello) [][]byte { return [][]byte{open(2)} },
	"the default stream opened":       func(packet.Hello) [][]byte { return [][]byte{open(1)} },
	"a stream opened twice":           func(packet.Hello) [][]byte { return [][]byte{open(3), open(3)} },
	"an id that falls":                func(packet.Hello) [][]byte { return [][]byte{open(5), open(3)} },
	"data of no stream":               func(packet.Hello) [][]byte { return [][]byte{data(9, 1)} },
	"data of no stream of the server": func(packet.Hello) [][]byte { return [][]byte{data(4, 1)} },
	"a request on no stream": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeRequest, 9, packet.AppendRequest(nil, packet.RequestFields{ID: 1}, "m"))}
	},
	"a message on no stream": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeMessage, 9, packet.AppendMessage(nil, packet.MessageFields{ID: 1}, ""))}
	},
	"the end of no stream": func(packet.Hello) [][]byte { return [][]byte{frame(packet.TypeEnd, 9, nil)} },
	"an answer to no open": func(packet.Hello) [][]byte { return [][]byte{frame(packet.TypeOpened, 2, nil)} },
	"data behind FIN": func(packet.Hello) [][]byte {
		return [][]byte{harness.Frame(packet.TypeData, packet.FlagFIN, 1, nil), data(1, 1)}
	},
	"empty data":               func(packet.Hello) [][]byte { return [][]byte{data(1, 0)} },
	"CLOSED that nobody asked": func(packet.Hello) [][]byte { return [][]byte{frame(packet.TypeClosed, 0, nil)} },
	"a frame behind CLOSE": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeClose, 0, packet.AppendClose(nil, packet.CodeClosed, "")), data(1, 1)}
	},
	"an ACK of what was never sent": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeAck, 0, packet.AppendAck(nil, packet.Ack{Position: 1 << 40}))}
	},
	"a PONG of what was never sent": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypePong, 0, packet.AppendPong(nil, packet.Pong{Kind: packet.PingProbe, Position: 1 << 40}))}
	},
	"a body longer than announced": func(packet.Hello) [][]byte {
		return [][]byte{announce(1, 70_000), body(packet.BodyRequest, 1, 60_000, true), body(packet.BodyRequest, 1, 60_000, false)}
	},
	"a body shorter than announced": func(packet.Hello) [][]byte {
		return [][]byte{announce(1, 70_000), body(packet.BodyRequest, 1, 60_000, false)}
	},
	"a body that goes on behind its end": func(packet.Hello) [][]byte {
		return [][]byte{announce(1, 70_000), body(packet.BodyRequest, 1, 60_000, true), body(packet.BodyRequest, 1, 10_000, true)}
	},
	"a content larger than allowed": func(packet.Hello) [][]byte { return [][]byte{announce(1, packet.MaxDecodablePacketLen+1)} },
	"a method defined twice": func(packet.Hello) [][]byte {
		f := frame(packet.TypeMethodDef, 0, packet.AppendMethodDef(nil, 1, "m"))
		return [][]byte{f, f}
	},
	"a method index of 0": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeMethodDef, 0, packet.AppendMethodDef(nil, 0, "m"))}
	},
	"a method index beyond 4096": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeMethodDef, 0, packet.AppendMethodDef(nil, 4097, "m"))}
	},
	"names of more than 256 KiB": func(packet.Hello) [][]byte {
		return times(257, func(i int) []byte {
			return frame(packet.TypeMethodDef, 0, packet.AppendMethodDef(nil, uint32(i+1), string(make([]byte, packet.MaxName))))
		})
	},
	"a method that is not defined": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeRequest, 1, packet.AppendRequest(nil, packet.RequestFields{ID: 1, Method: 7}, ""))}
	},
	"257 unanswered registrations": func(packet.Hello) [][]byte {
		return times(257, func(i int) []byte {
			return frame(packet.TypeRegister, 1, packet.AppendRegister(nil, uint64(i+1), packet.RegisterAdd, "m"))
		})
	},
	"an unknown type": func(packet.Hello) [][]byte { return [][]byte{frame(0x7f, 0, nil)} },
}

func TestWhoBreaksARuleIsHungUpOnAndNobodyElse(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	sopts := server.NewEndOptions()
	sopts.SetLimits(options.Limits{MaxRunningCalls: 2, MaxWaitingCalls: 62})
	sopts.SetDelegate(&harness.Recorder{Registration: func(string, uint64, uint64) { <-release }})
	tg := newTarget(t, sopts)
	for name, breach := range breaches {
		t.Run(name, func(t *testing.T) {
			r := tg.raw(t)
			end := tg.end(t, r)
			r.Send(breach(r.Peer)...)
			r.MustEnd(name)
			tg.serves(t)
			for {
				if _, err := end.AcceptStream(); err != nil {
					is(t, io.EOF, err)
					break
				}
			}
		})
	}
}

// tolerated is what must not end a connection.
var tolerated = map[string]func(allowed packet.Hello) [][]byte{
	"types from the future": func(packet.Hello) [][]byte {
		return times(128, func(i int) []byte { return frame(packet.Type(128+i), uint32(i), make([]byte, i*500)) })
	},
	"answers to nothing": func(packet.Hello) [][]byte {
		return [][]byte{
			frame(packet.TypeResponse, 1, packet.AppendResponse(nil, packet.ResponseFields{ID: 99}, "")),
			frame(packet.TypeMessageAck, 1, packet.AppendMessageAck(nil, 99, packet.CodeOK, "")),
			frame(packet.TypeRegisterAck, 1, packet.AppendRegisterAck(nil, 99, packet.CodeOK, "")),
			frame(packet.TypeCancel, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: 99})),
			frame(packet.TypeGrant, 1, packet.AppendGrant(nil, packet.Grant{Kind: packet.BodyMessage, ID: 99})),
		}
	},
	"frames of a retired stream": func(packet.Hello) [][]byte {
		reset := frame(packet.TypeReset, 3, packet.AppendReset(nil, 5, "changed my mind"))
		return [][]byte{open(3), data(3, 10), reset, data(3, 10), credit(3, 1<<20), frame(packet.TypeEnd, 3, nil)}
	},
	"data behind END": func(packet.Hello) [][]byte {
		return [][]byte{open(3), frame(packet.TypeEnd, 3, nil), data(3, 1)} // retired by then
	},
	"a BLOCKED that is old": func(packet.Hello) [][]byte {
		return [][]byte{frame(packet.TypeBlocked, 0, packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedRequests, At: 1}))}
	},
	"a request with a content that is withdrawn": func(packet.Hello) [][]byte {
		return [][]byte{
			announce(1, 70_000), body(packet.BodyRequest, 1, 60_000, true),
			frame(packet.TypeCancel, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: 1})),
			body(packet.BodyRequest, 1, 10_000, false),
		}
	},
	"all that is allowed": func(h packet.Hello) [][]byte {
		frames := times(int(h.OpenCredit.Opens), func(i int) []byte { return open(uint32(2*i + 3)) })
		frames = append(frames, times(int(h.StreamWindow)/50_000, func(int) []byte { return data(1, 50_000) })...)
		return append(frames, times(10, func(i int) []byte { return msg(uint64(i+1), 60_000) })...)
	},
}

func TestWhatIsHarmlessEndsNothing(t *testing.T) {
	tg := newTarget(t, nil)
	for name, frames := range tolerated {
		t.Run(name, func(t *testing.T) {
			r := tg.raw(t)
			r.Send(frames(r.Peer)...)
			require.True(t, r.Alive(), "the connection ended")
		})
	}
}

func TestAnswersBeyondTheirCreditEndTheConnection(t *testing.T) {
	tg := newTarget(t, nil)
	r := tg.raw(t)
	end := tg.end(t, r)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 3 {
		_, err := end.CallAsync(ctx, "m", end.NewRequest(nil), make(chan *geminio.Call, 3))
		require.NoError(t, err)
	}
	for range 3 { // each fits the window, together they do not
		h, payload := r.Await(packet.TypeRequest)
		req, err := packet.ParseRequest(h, payload)
		require.NoError(t, err)
		f := packet.AppendResponse(nil, packet.ResponseFields{ID: req.ID, DataLen: uint32(r.Peer.CallCredit.ResponseBytes / 2)}, "")
		r.Send(harness.Frame(packet.TypeResponse, packet.FlagMORE, 1, f))
	}
	r.MustEnd("answers beyond their credit")
	tg.serves(t)
}

func TestBytesBehindAnAnnouncementThatWasNotGrantedEndTheConnection(t *testing.T) {
	tg := newTarget(t, nil)
	r := tg.raw(t)
	end := tg.end(t, r)
	large := packet.AppendMessage(nil, packet.MessageFields{ID: 1, MessageID: 1, DataLen: 5 << 20}, "")
	r.Send(harness.Frame(packet.TypeMessage, packet.FlagMORE, 1, large))
	require.True(t, r.Alive())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := end.Receive(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	r = tg.raw(t)
	tg.end(t, r)
	r.Send(harness.Frame(packet.TypeMessage, packet.FlagMORE, 1, large), body(packet.BodyMessage, 1, 60_000, true))
	r.MustEnd("a body without its grant")
	tg.serves(t)
}
