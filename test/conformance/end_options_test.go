package conformance

import (
	"reflect"
	"testing"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/id"
	"github.com/singchia/geminio/server"
	"github.com/singchia/go-timer/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// anyTimer stands for a timer that the options only carry. It cannot be
// compared, as those of users may not.
type anyTimer struct {
	timer.Timer
	_ []int
}

type anyLogger struct{ log.Logger }

func setClientOptions() *client.EndOptions {
	opt := client.NewEndOptions()
	opt.SetTimer(anyTimer{})
	opt.TimerOwner = "owner"
	opt.SetPacketFactory(packet.NewPacketFactory(id.NewIDCounter(id.Inc)))
	opt.SetLog(anyLogger{})
	opt.SetDelegate(&delegate.UnimplementedDelegate{})
	opt.SetClientID(7)
	opt.SetMeta([]byte("meta"))
	opt.SetWaitRemoteRPCs("a", "b")
	opt.SetRemoteRPCCheck()
	opt.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "c"})
	opt.SetBufferSize(8, 9)
	opt.SetLimits(options.Limits{MaxStreams: 5})
	opt.SetHeartbeat(time.Second)
	opt.SetLazyDial()
	return opt
}

func setServerOptions() *server.EndOptions {
	opt := server.NewEndOptions()
	opt.SetTimer(anyTimer{})
	opt.TimerOwner = "owner"
	opt.SetPacketFactory(packet.NewPacketFactory(id.NewIDCounter(id.Inc)))
	opt.SetLog(anyLogger{})
	opt.SetDelegate(serverDelegate{})
	opt.SetClientID(7)
	opt.SetWaitRemoteRPCs("a", "b")
	opt.SetRemoteRPCCheck()
	opt.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "c"})
	opt.SetAcceptStreamFunc(func(geminio.Stream) {})
	opt.SetClosedStreamFunc(func(geminio.Stream) {})
	opt.SetBufferSize(8, 9)
	opt.SetLimits(options.Limits{MaxStreams: 5})
	opt.SetHeartbeat(time.Second)
	opt.SetHandshakeErrors(true)
	opt.SetResumeGrace(time.Minute)
	opt.SetSessions(server.NewSessions())
	return opt
}

func TestMergedEndOptionsHaveEveryFieldThatIsSet(t *testing.T) {
	testMergesEveryField(t, setClientOptions(), client.MergeEndOptions)
	testMergesEveryField(t, setServerOptions(), server.MergeEndOptions)
}

// testMergesEveryField takes options in which every field is set.
func testMergesEveryField[T any](t *testing.T, set *T, merge func(...*T) *T) {
	t.Helper()
	assert.Equal(t, new(T), merge())
	assert.Equal(t, new(T), merge(nil, new(T), nil))

	merged := reflect.ValueOf(merge(nil, new(T), set, nil)).Elem()
	for i := range merged.NumField() {
		name, want, got := merged.Type().Field(i).Name, reflect.ValueOf(set).Elem().Field(i), merged.Field(i)
		require.False(t, want.IsZero(), "%s is not set by this test", name)
		if want.Kind() == reflect.Func {
			assert.Equal(t, want.Pointer(), got.Pointer(), name)
		} else {
			assert.Equal(t, want.Interface(), got.Interface(), name)
		}
	}

	// What is not set overrides nothing but the switches.
	merged = reflect.ValueOf(merge(set, new(T))).Elem()
	for i := range merged.NumField() {
		assert.Equal(t, merged.Field(i).Kind() == reflect.Bool, merged.Field(i).IsZero(), merged.Type().Field(i).Name)
	}
}

func TestMergedEndOptionsTakeTheLastValue(t *testing.T) {
	first, last := setClientOptions(), client.NewEndOptions()
	last.SetClientID(8)
	last.SetMeta([]byte{})
	last.SetBufferSize(-1, 0)
	last.SetLimits(options.Limits{OpenBacklog: 6})

	merged := client.MergeEndOptions(first, last)
	assert.EqualValues(t, 8, *merged.ClientID)
	assert.Empty(t, merged.Meta)
	assert.Equal(t, -1, merged.ReadBufferSize)
	assert.Equal(t, 9, merged.WriteBufferSize)
	assert.Equal(t, options.Limits{OpenBacklog: 6}, merged.Limits)
	assert.Equal(t, []string{"a", "b"}, merged.RemoteMethods)
	assert.False(t, merged.RemoteMethodCheck)
	assert.Equal(t, setClientOptions().Meta, first.Meta, "what is merged is not changed")
	assert.EqualValues(t, 7, *first.ClientID)

	served, off := setServerOptions(), server.NewEndOptions()
	off.SetResumeGrace(0)
	off.SetSessions(server.NewSessions())
	mergedServed := server.MergeEndOptions(served, off)
	assert.Zero(t, *mergedServed.ResumeGrace)
	assert.Same(t, off.Sessions, mergedServed.Sessions)
	assert.Equal(t, time.Minute, *served.ResumeGrace)
}

func TestOptionsMayBeChangedOnceTheyWereMerged(t *testing.T) {
	opt := setClientOptions()
	merged := client.MergeEndOptions(opt)
	opt.Meta[0] = 'X'
	opt.RemoteMethods[0] = "X"
	opt.LocalMethods[0] = nil
	*opt.ClientID = 9
	assert.Equal(t, []byte("meta"), merged.Meta)
	assert.Equal(t, []string{"a", "b"}, merged.RemoteMethods)
	assert.Equal(t, "c", merged.LocalMethods[0].Method)
	assert.EqualValues(t, 7, *merged.ClientID)

	served := setServerOptions()
	mergedServed := server.MergeEndOptions(served)
	served.RemoteMethods[0] = "X"
	served.LocalMethods[0] = nil
	*served.ClientID = 9
	*served.ResumeGrace = 0
	assert.Equal(t, []string{"a", "b"}, mergedServed.RemoteMethods)
	assert.Equal(t, "c", mergedServed.LocalMethods[0].Method)
	assert.EqualValues(t, 7, *mergedServed.ClientID)
	assert.Equal(t, time.Minute, *mergedServed.ResumeGrace)
}
