package packet

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThereIsASampleOfEveryKnownType(t *testing.T) {
	seen := map[Type]bool{}
	for _, s := range samples {
		seen[s.header.Type] = true
		_, hasFields := codecs[s.header.Type]
		assert.Equal(t, s.value != nil, hasFields, s.name)
	}
	for i := 0; i < 256; i++ {
		assert.Equal(t, Type(i).Known(), seen[Type(i)], Type(i))
	}
}

func TestFramesHaveTheBytesOfTheSpecification(t *testing.T) { // W13, section 4
	forSamples(t, func(t *testing.T, s sample, header, payload []byte) {
		require.NoError(t, s.header.Check())
		assert.Equal(t, header, AppendHeader(nil, s.header))
		put := make([]byte, HeaderLen)
		PutHeader(put, s.header)
		assert.Equal(t, header, put)
		assert.Equal(t, s.header.Length, len(payload))
		if s.value != nil {
			assert.Equal(t, append([]byte("before"), payload...), codecs[s.header.Type].append([]byte("before"), s.value))
		}
	})
}

func TestParsingGivesWhatWasAppended(t *testing.T) {
	forSamples(t, func(t *testing.T, s sample, header, payload []byte) {
		h := ParseHeader(header)
		assert.Equal(t, s.header, h)
		if s.value != nil {
			v, err := codecs[h.Type].parse(h, payload)
			require.NoError(t, err)
			assert.Equal(t, s.value, v)
		}
	})
}

func TestEveryTruncationIsMalformed(t *testing.T) { // W16
	forSamples(t, func(t *testing.T, s sample, _, payload []byte) {
		if s.value == nil {
			return
		}
		c := codecs[s.header.Type]
		for i := range payload {
			h := s.header
			h.Length = i
			v, err := c.parse(h, payload[:i:i])
			if s.tail != 0 && i >= s.tail && h.Check() == nil {
				require.NoError(t, err, i)
				assert.Equal(t, payload[:i], c.append(nil, v), "%d bytes", i)
				continue
			}
			requireMalformed(t, err, "%d bytes", i)
			assert.ErrorContains(t, err, s.header.Type.String())
		}
		if s.tail == 0 {
			_, err := c.parse(s.header, append(bytes.Clone(payload), 0))
			requireMalformed(t, err, "one byte too many")
		}
	})
}

func requireMalformed(t *testing.T, err error, msgAndArgs ...any) {
	t.Helper()
	var format *FormatError
	require.ErrorAs(t, err, &format, msgAndArgs...)
	require.ErrorIs(t, err, ErrMalformed, msgAndArgs...)
	require.NotEmpty(t, format.Reason)
	require.Contains(t, err.Error(), format.Packet)
}

func TestAppendingAndParsingDoNotAllocate(t *testing.T) {
	forSamples(t, func(t *testing.T, s sample, header, payload []byte) {
		dst := make([]byte, 0, HeaderLen+len(payload))
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			dst = AppendHeader(dst[:0], s.header)
			if ParseHeader(header).Check() != nil {
				t.Fail()
			}
		}), "header")
		if s.value == nil {
			return
		}
		c := codecs[s.header.Type]
		assert.Zero(t, testing.AllocsPerRun(100, func() { dst = c.append(dst[:0], s.value) }), "append")
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if c.discard(s.header, payload) != nil {
				t.Fail()
			}
		}), "parse")
	})
}

func TestParsedSlicesCannotGrowIntoTheirNeighbours(t *testing.T) {
	forSamples(t, func(t *testing.T, s sample, _, payload []byte) {
		if s.value == nil {
			return
		}
		v, err := codecs[s.header.Type].parse(s.header, append(payload, "behind"...)[:len(payload)])
		require.NoError(t, err)
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			if b, ok := reflect.ValueOf(v).FieldByIndex(f.Index).Interface().([]byte); ok {
				assert.Equal(t, len(b), cap(b), f.Name)
			}
		}
	})
}

func TestBrokenRulesOfAPayloadAreMalformed(t *testing.T) {
	const (
		ids   = "0100000000000000 0200000000000000"
		id    = "0100000000000000"
		none4 = "00000000"
	)
	on1, more := Header{Stream: 1}, Header{Stream: 1, Flags: FlagMORE}
	long := strings.Repeat("61", MaxName+1)
	for name, c := range map[string]struct {
		t   Type
		h   Header
		hex string
	}{
		"ping of kind 0":                   {TypePing, Header{}, "00" + ids},
		"pong of kind 3":                   {TypePong, Header{}, "03" + ids},
		"open with lengths of 65535":       {TypeOpen, on1, id + "ffff ffff 6162"},
		"blocked stream on 0":              {TypeBlocked, Header{}, "01" + id},
		"blocked messages on 0":            {TypeBlocked, Header{}, "02" + id},
		"blocked request bytes on 1":       {TypeBlocked, on1, "03" + id},
		"blocked answers on 1":             {TypeBlocked, on1, "04" + id},
		"blocked requests on 1":            {TypeBlocked, on1, "05" + id},
		"blocked 0":                        {TypeBlocked, on1, "00" + id},
		"blocked 6":                        {TypeBlocked, Header{}, "06" + id},
		"request with index and name":      {TypeRequest, on1, ids + none4 + "01000000 0100" + none4 + none4 + "61"},
		"request with index 4097":          {TypeRequest, on1, ids + none4 + "01100000 0000" + none4 + none4},
		"request with a long name":         {TypeRequest, on1, ids + none4 + none4 + "0104" + none4 + none4 + long},
		"request whose lengths wrap":       {TypeRequest, on1, ids + none4 + none4 + "0000 ffffffff 01000000"},
		"request with too little content":  {TypeRequest, on1, ids + none4 + none4 + "0000" + none4 + "02000000 61"},
		"request with content in MORE":     {TypeRequest, more, ids + none4 + none4 + "0000" + none4 + "01000000 61"},
		"request that announces nothing":   {TypeRequest, more, ids + none4 + none4 + "0000" + none4 + none4},
		"response with a long text":        {TypeResponse, on1, id + "0100 0110" + none4 + none4 + strings.Repeat("61", MaxErrorText+1)},
		"response whose lengths wrap":      {TypeResponse, on1, id + "0100 0000 ffffffff 01000000"},
		"response that announces nothing":  {TypeResponse, more, id + "0000 0000" + none4 + none4},
		"message of consistency 4":         {TypeMessage, on1, ids + "04 00" + none4 + "0000" + none4 + none4},
		"message with a long topic":        {TypeMessage, on1, ids + "02 00" + none4 + "0104" + none4 + none4 + long},
		"message whose lengths wrap":       {TypeMessage, on1, ids + "02 00" + none4 + "0000 ffffffff 01000000"},
		"message that announces nothing":   {TypeMessage, more, ids + "02 00" + none4 + "0000" + none4 + none4},
		"body of kind 0":                   {TypeBody, on1, "00" + id + "61"},
		"grant of kind 4":                  {TypeGrant, on1, "04" + id},
		"cancel of kind 0":                 {TypeCancel, on1, "00" + id},
		"register with operation 0":        {TypeRegister, on1, id + "00 61"},
		"register with operation 3":        {TypeRegister, on1, id + "03 61"},
		"register with a long name":        {TypeRegister, on1, id + "01" + long},
		"method def of index 0":            {TypeMethodDef, Header{}, none4 + "61"},
		"method def of index 4097":         {TypeMethodDef, Header{}, "01100000 61"},
		"method def with a long name":      {TypeMethodDef, Header{}, "01000000" + long},
		"close with a long text":           {TypeClose, Header{}, "0100" + strings.Repeat("61", MaxErrorText+1)},
		"reset with a long text":           {TypeReset, on1, none4 + strings.Repeat("61", MaxResetText+1)},
		"message ack with a long text":     {TypeMessageAck, on1, id + "0100" + strings.Repeat("61", MaxErrorText+1)},
		"register ack with a long text":    {TypeRegisterAck, on1, id + "0100" + strings.Repeat("61", MaxErrorText+1)},
		"announced request beyond 2^32":    {TypeRequest, more, ids + none4 + none4 + "0000 ffffffff ffffffff 61"},
		"request cut by an int32 overflow": {TypeRequest, on1, ids + none4 + none4 + "0000 00000080 00000080"},
	} {
		t.Run(name, func(t *testing.T) {
			c.h.Type = c.t
			_, err := codecs[c.t].parse(c.h, unhex(t, c.hex))
			requireMalformed(t, err)
		})
	}
}

func TestUnlistedFlagBitsAndCodesAreTaken(t *testing.T) { // W16
	m, err := ParseMessage(Header{Stream: 1}, AppendMessage(nil, MessageFields{Flags: 0xfe}, ""))
	require.NoError(t, err)
	assert.Zero(t, m.Flags&MessageRedelivered)
	r, err := ParseResponse(Header{Stream: 1}, AppendResponse(nil, ResponseFields{Code: 999}, ""))
	require.NoError(t, err)
	assert.Equal(t, Code(999), r.Code)
}

func TestErrorTextsAreCutToTheirLimits(t *testing.T) { // W17
	long := strings.Repeat("é", MaxErrorText)
	for name, payload := range map[string][]byte{
		"close":        AppendClose(nil, CodeError, long)[closeFixed:],
		"message ack":  AppendMessageAck(nil, 1, CodeError, long)[messageAckFixed:],
		"register ack": AppendRegisterAck(nil, 1, CodeError, long)[registerAckFixed:],
	} {
		assert.Equal(t, long[:MaxErrorText], string(payload), name)
	}
	assert.Equal(t, long[:MaxResetText], string(AppendReset(nil, 1, long)[resetFixed:]))
	r, err := ParseResponse(Header{Stream: 1}, AppendResponse(nil, ResponseFields{Code: CodeError}, long))
	require.NoError(t, err)
	assert.Equal(t, long[:MaxErrorText], string(r.Text))
}

func TestCutEndsAtACharacter(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"é", 1, ""}, {"aé", 2, "a"},
		{"a€b", 3, "a"}, {"a€b", 4, "a€"}, {"😀", 3, ""}, {"x😀", 4, "x"},
		{"\x80\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80\x80"}, {"abc", 0, ""},
	} {
		assert.Equal(t, c.want, Cut(c.text, c.limit), "%q to %d", c.text, c.limit)
	}
}

func TestMessageCostIsTheLengthOfTheFrameItWouldBe(t *testing.T) { // W42
	m := Message{MessageFields{CustomLen: 2, DataLen: 3}, []byte("topic"), []byte("cc"), []byte("ddd")}
	assert.Equal(t, MessageCost(5, 2, 3), len(codecs[TypeMessage].append(nil, m)))
	assert.NotZero(t, MessageCost(0, 0, 0))
}
