package options_test

import (
	"math"
	"math/bits"
	"reflect"
	"testing"
	"time"

	"github.com/singchia/geminio/options"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestZeroLimitsAreTheDefaults(t *testing.T) {
	got, err := options.Limits{}.WithDefaults()
	require.NoError(t, err)
	assert.Equal(t, options.Limits{
		MaxStreams: 16384, OpenBacklog: 128,
		StreamWindow: 256 * kib, MaxStreamWindow: 16 * mib, MinStreamWindow: 4 * kib,
		MessageWindow: mib, StreamMessageWindow: 64 * kib, MaxMessageWindow: 16 * mib, MinMessageWindow: 2 * kib,
		RequestWindow: mib, ResponseWindow: mib, MaxCallWindow: 16 * mib,
		MaxRunningCalls: 4096, MaxWaitingCalls: 1024, MaxBody: 10 * mib,
		WindowMemory: 96 * mib, CallBodyMemory: 16 * mib, MessageBodyMemory: 16 * mib,
		MaxRegistrations: 4096, HandshakeTimeout: 10 * time.Second, MaxHandshakes: 256, MaxConnections: 65536,
	}, got)

	again, err := got.WithDefaults()
	require.NoError(t, err)
	assert.Equal(t, got, again, "resolved limits stay as they are")
}

// A field that is set keeps its value, and the defaults give way to it.
func TestADefaultNeverContradictsAFieldThatIsSet(t *testing.T) {
	for name, l := range map[string]options.Limits{
		"few streams":              {MaxStreams: 1},
		"large backlog":            {OpenBacklog: 20000},
		"small stream windows":     {MaxStreamWindow: 4 * kib},
		"large stream window":      {StreamWindow: 64 * mib},
		"large guaranteed window":  {MinStreamWindow: 32 * mib},
		"small message windows":    {MaxMessageWindow: 2 * kib},
		"large message window":     {MessageWindow: 64 * mib},
		"large stream messages":    {StreamMessageWindow: 17 * mib},
		"large guaranteed message": {MinMessageWindow: 17 * mib},
		"small call windows":       {MaxCallWindow: 1},
		"large call windows":       {RequestWindow: 17 * mib, ResponseWindow: 200 * mib},
		"large bodies":             {MaxBody: 64 * mib},
		"small body":               {MaxBody: 1},
		"little window memory":     {WindowMemory: 4 * mib},
	} {
		got, err := l.WithDefaults()
		require.NoError(t, err, name)
		set, want := reflect.ValueOf(l), reflect.ValueOf(got)
		for i := range set.NumField() {
			assert.False(t, want.Field(i).IsZero(), "%s: %s", name, set.Type().Field(i).Name)
			if !set.Field(i).IsZero() {
				assert.Equal(t, set.Field(i).Int(), want.Field(i).Int(), name)
			}
		}
	}
}

func TestLimitsThatContradictEachOtherAreRefusedByName(t *testing.T) {
	for text, l := range map[string]options.Limits{
		"limits: MinStreamWindow (4095) is less than the write that is delivered whole (4096)": {MinStreamWindow: 4095},
		"limits: StreamWindow (4096) is less than MinStreamWindow (8192)":                      {StreamWindow: 4096, MinStreamWindow: 8192},
		"limits: MaxStreamWindow (8192) is less than StreamWindow (8193)":                      {StreamWindow: 8193, MaxStreamWindow: 8192},
		"limits: StreamWindow (1024) is less than MinStreamWindow (4096)":                      {MaxStreamWindow: 1024},
		"limits: MessageWindow (2047) is less than MinMessageWindow (2048)":                    {MessageWindow: 2047},
		"limits: StreamMessageWindow (2047) is less than MinMessageWindow (2048)":              {StreamMessageWindow: 2047},
		"limits: MaxMessageWindow (65536) is less than MessageWindow (65537)":                  {MessageWindow: 65537, MaxMessageWindow: 65536},
		"limits: MaxMessageWindow (65536) is less than StreamMessageWindow (65537)":            {StreamMessageWindow: 65537, MaxMessageWindow: 65536},
		"limits: MaxCallWindow (10) is less than RequestWindow (11)":                           {RequestWindow: 11, MaxCallWindow: 10},
		"limits: MaxCallWindow (10) is less than ResponseWindow (11)":                          {ResponseWindow: 11, MaxCallWindow: 10},
		"limits: MaxStreams (10) is less than OpenBacklog (11)":                                {OpenBacklog: 11, MaxStreams: 10},
		"limits: CallBodyMemory (10485759) is less than MaxBody (10485760)":                    {CallBodyMemory: 10*mib - 1},
		"limits: MessageBodyMemory (10485759) is less than MaxBody (10485760)":                 {MessageBodyMemory: 10*mib - 1},
		// 256 KiB - 4 KiB + 1 MiB - 2 KiB + 1 MiB + 1 MiB
		"limits: WindowMemory (3401727) is less than the first windows of an End (3401728)": {WindowMemory: 3401727},
		"limits: HandshakeTimeout is negative (-1ns)":                                       {HandshakeTimeout: -1},
	} {
		_, err := l.WithDefaults()
		assert.EqualError(t, err, text)
	}
}

func TestANegativeLimitIsRefusedWhicheverItIs(t *testing.T) {
	for i := range reflect.TypeFor[options.Limits]().NumField() {
		var l options.Limits
		v := reflect.ValueOf(&l).Elem()
		v.Field(i).SetInt(-1)
		_, err := l.WithDefaults()
		assert.ErrorContains(t, err, v.Type().Field(i).Name+" is negative (-1")
	}
}

func TestALimitThatTravelsFitsThirtyTwoBits(t *testing.T) {
	if bits.UintSize == 32 {
		t.Skip("no larger int")
	}
	local := map[string]bool{"WindowMemory": true, "CallBodyMemory": true, "MessageBodyMemory": true, "HandshakeTimeout": true}
	for i := range reflect.TypeFor[options.Limits]().NumField() {
		var l options.Limits
		v := reflect.ValueOf(&l).Elem()
		name := v.Type().Field(i).Name
		v.Field(i).SetInt(math.MaxUint32 + 1)
		_, err := l.WithDefaults()
		if local[name] {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, " (4294967296) is more than 4294967295", name)
		}
	}
}
