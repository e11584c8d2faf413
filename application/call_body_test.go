package application

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

func TestLargeRequestWithinTheWindowFollowsItsAnnouncementAtOnce(t *testing.T) {
	p := play(t)
	data := strings.Repeat("x", 100<<10)
	done := p.call(background, p.e.Stream, "m", data)
	r, f := p.nextRequest()
	assert.Equal(t, packet.Bulk, f.class)
	assert.Equal(t, packet.FlagMORE, f.header.Flags)
	assert.Equal(t, uint32(100<<10), r.DataLen)
	assert.Equal(t, data, p.collect(packet.BodyHead{Kind: packet.BodyRequest, ID: r.ID}))
	assert.Equal(t, uint64(100<<10), p.e.requests.bytes.used)
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	assert.NoError(t, get(t, done).err)
}

// collect takes the BODY frames of one content.
func (p *script) collect(head packet.BodyHead) string {
	p.Helper()
	var content []byte
	for {
		f := p.next(packet.TypeBody)
		assert.Equal(p, packet.Bulk, f.class)
		b, err := packet.ParseBody(f.payload)
		require.NoError(p, err)
		require.Equal(p, head, b.BodyHead)
		content = append(content, b.Bytes...)
		if f.header.Flags&packet.FlagMORE == 0 {
			return string(content)
		}
	}
}

func TestRequestBeyondTheWindowWaitsForItsGrant(t *testing.T) {
	p := play(t)
	data := strings.Repeat("x", 200<<10)
	done := p.call(background, p.e.Stream, "m", data)
	r, _ := p.nextRequest()
	p.silent()
	head := packet.BodyHead{Kind: packet.BodyRequest, ID: r.ID}
	p.must(packet.TypeGrant, 0, 1, packet.AppendGrant(nil, packet.Grant(head)))
	assert.Equal(t, data, p.collect(head))
	assert.Zero(t, p.e.requests.bytes.used, "a grant takes no credit")
	assert.Equal(t, uint64(1), p.e.requests.items.used)
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	assert.NoError(t, get(t, done).err)
}

func TestRequestThatWaitsForItsGrantCanBeGivenUp(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	done := p.call(ctx, p.e.Stream, "m", strings.Repeat("x", 200<<10))
	r, _ := p.nextRequest()
	cancel()
	assert.Equal(t, context.Canceled, get(t, done).err)
	f := p.next(packet.TypeCancel)
	assert.Equal(t, packet.Bulk, f.class)
	head := packet.BodyHead{Kind: packet.BodyRequest, ID: r.ID}
	p.must(packet.TypeGrant, 0, 1, packet.AppendGrant(nil, packet.Grant(head)))
	p.silent()
}

func TestCloseDoesNotWaitForWhatWaitsForAGrant(t *testing.T) {
	p := play(t)
	done := p.call(background, p.e.Stream, "m", strings.Repeat("x", 200<<10))
	p.nextRequest()
	p.e.mux.Close()
	var callError *geminio.CallError
	require.ErrorAs(t, get(t, done).err, &callError)
	p.next(packet.TypeEnd)
	assert.True(t, p.c.shutdown)
}

func TestSameRequestMayBeInSeveralCallsAtOnce(t *testing.T) {
	p := play(t)
	req := p.e.NewRequest([]byte("x"))
	done := make(chan result, 2)
	for range 2 {
		go func() {
			rsp, err := p.e.Call(background, "m", req)
			done <- result{rsp, err}
		}()
	}
	r1, _ := p.nextRequest()
	r2, _ := p.nextRequest()
	assert.NotEqual(t, r1.ID, r2.ID)
	assert.Equal(t, r1.RequestID, r2.RequestID)
	p.respond(1, r2.ID, packet.CodeOK, "", "", "")
	p.respond(1, r1.ID, packet.CodeOK, "", "", "")
	assert.NoError(t, get(t, done).err)
	assert.NoError(t, get(t, done).err)
}

func TestTimeoutOfOptionsGoesBeforeThatOfTheRequest(t *testing.T) {
	p := play(t)
	req := p.e.NewRequest(nil)
	req.SetTimeout(time.Hour)
	done := make(chan result, 1)
	go func() {
		rsp, err := p.e.Call(background, "m", req, withTimeout(20*time.Millisecond))
		done <- result{rsp, err}
	}()
	r, _ := p.nextRequest()
	assert.LessOrEqual(t, r.TimeoutMS, uint32(20))
	assert.NotZero(t, r.TimeoutMS)
	err := get(t, done).err
	assert.Equal(t, geminio.ErrTimeout, err)
	assert.Equal(t, "timeout", err.Error())
	p.nextCancel()
	assert.Equal(t, time.Hour, req.Timeout())
}

func TestLargeAnswerComesInParts(t *testing.T) {
	for name, size := range map[string]int{"free": 65530, "within the window": 100 << 10, "granted": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			done := p.call(background, p.e.Stream, "m", "")
			r, _ := p.nextRequest()
			data := strings.Repeat("y", size-3)
			head := packet.BodyHead{Kind: packet.BodyResponse, ID: r.ID}
			p.must(packet.TypeResponse, packet.FlagMORE, 1,
				packet.AppendResponse(nil, packet.ResponseFields{ID: r.ID, CustomLen: 3, DataLen: uint32(len(data))}, ""))
			if size > 128<<10 {
				require.ErrorIs(t, p.body(1, head, []byte("cus"+data)), errBodyNotAllowed, "before the grant")
				g, err := packet.ParseGrant(p.next(packet.TypeGrant).payload)
				require.NoError(t, err)
				require.Equal(t, packet.Grant(head), g)
			}
			require.NoError(t, p.body(1, head, []byte("cus"+data)))
			got := get(t, done)
			require.NoError(t, got.err)
			assert.Equal(t, "cus", string(got.rsp.Custom()))
			assert.Equal(t, data, string(got.rsp.Data()))
			assert.Equal(t, 3, cap(got.rsp.Custom()))
			assert.Equal(t, 1<<20, p.e.callMemory.left, "the grant is free again")
			assert.Zero(t, p.e.queue.responseBytes.Unread())
		})
	}
}

func TestGivenUpCallFreesWhatItsAnswerWasGranted(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	done := p.call(ctx, p.e.Stream, "m", "")
	r, _ := p.nextRequest()
	p.must(packet.TypeResponse, packet.FlagMORE, 1,
		packet.AppendResponse(nil, packet.ResponseFields{ID: r.ID, DataLen: 200 << 10}, ""))
	p.next(packet.TypeGrant)
	head := packet.BodyHead{Kind: packet.BodyResponse, ID: r.ID}
	p.must(packet.TypeBody, packet.FlagMORE, 1, append(packet.AppendBody(nil, head), make([]byte, 1000)...))
	cancel()
	assert.Equal(t, context.Canceled, get(t, done).err)
	p.nextCancel()
	assert.Equal(t, 1<<20, p.e.callMemory.left)
	assert.NoError(t, p.body(1, head, make([]byte, 1000)), "what is on its way is dropped")
}

func TestAnswersBeyondWhatWasAllowedEndTheConnection(t *testing.T) {
	p := play(t)
	a := p.call(background, p.e.Stream, "m", "")
	r, _ := p.nextRequest()
	b := p.call(background, p.e.Stream, "m", "")
	r2, _ := p.nextRequest()
	announce := func(id uint64, n uint32) error {
		return p.send(packet.TypeResponse, packet.FlagMORE, 1, packet.AppendResponse(nil, packet.ResponseFields{ID: id, DataLen: n}, ""))
	}
	assert.ErrorIs(t, announce(r.ID, 1<<20+1), errContentTooLarge)
	assert.NoError(t, announce(r.ID, 100<<10))
	assert.ErrorIs(t, announce(r.ID, 1000), errDuplicateID)
	assert.Error(t, announce(r2.ID, 100<<10), "beyond the credit")
	head := packet.BodyHead{Kind: packet.BodyResponse, ID: r.ID}
	assert.ErrorIs(t, p.send(packet.TypeBody, 0, 1, append(packet.AppendBody(nil, head), 1)), errBodyLength, "too short")
	p.lose()
	assert.Error(t, get(t, a).err)
	assert.Error(t, get(t, b).err)
}

func TestWithdrawnAnswerEndsTheCall(t *testing.T) {
	p := play(t)
	done := p.call(background, p.e.Stream, "m", "")
	r, _ := p.nextRequest()
	p.must(packet.TypeResponse, packet.FlagMORE, 1, packet.AppendResponse(nil, packet.ResponseFields{ID: r.ID, DataLen: 100 << 10}, ""))
	p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyResponse, ID: r.ID}))
	var remote *geminio.RemoteError
	require.ErrorAs(t, get(t, done).err, &remote)
	assert.Equal(t, uint16(packet.CodeCancelled), remote.Code)
	assert.Zero(t, p.e.queue.responseBytes.Unread())
}
