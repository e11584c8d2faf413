package packet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/pkg/id"
)

const zeroTimes = `"deadline":"0001-01-01T00:00:00Z","context":{"deadline":"0001-01-01T00:00:00Z"}}`

func TestRequestPacketHasTheBytesOfTheClassicProtocol(t *testing.T) {
	p := NewPacketFactory(id.NewIDCounter(id.Odd)).NewRequestPacket([]byte("pre"), []byte("x"))
	assert.Equal(t, uint64(1), p.PacketID&1)
	p.PacketID = 0x6b011146cc8f7f6a
	b, err := p.Encode()
	require.NoError(t, err)
	assert.Equal(t, unhex(t, "01 71 6b011146cc8f7f6a 00000075 0000000000000001"), b[:22])
	assert.Equal(t, `{"key":"cHJl","value":"eA==",`+zeroTimes, string(b[22:]))

	p.Data.Custom = []byte("cust")
	b, err = p.Encode()
	require.NoError(t, err)
	assert.Equal(t, `{"key":"cHJl","value":"eA==","custom":"Y3VzdA==",`+zeroTimes, string(b[22:]))
}

func TestRequestPacketOfTheLargestSizeIsEncodedAndNoLarger(t *testing.T) {
	p := NewPacketFactory(nil).NewRequestPacket(nil, nil)
	b, err := p.Encode()
	require.NoError(t, err)
	const member = `"topic":"",`
	fill := MaxDecodablePacketLen - (len(b) - ClassicHeaderLen) - len(member)
	p.Data.Topic = strings.Repeat("a", fill)
	b, err = p.Encode()
	require.NoError(t, err)
	assert.Len(t, b, ClassicHeaderLen+MaxDecodablePacketLen)

	p.Data.Topic += "a"
	_, err = p.Encode()
	assert.Equal(t, ErrPacketTooLarge, err)
	assert.EqualError(t, err, "packet payload too large")
}

func TestFactoryWithoutACounterUsesTheDefaultOne(t *testing.T) {
	a, b := NewPacketFactory(nil).NewPacketID(), id.DefaultIncIDCounter.GetID()
	assert.NotZero(t, a)
	assert.Less(t, uint32(b)-uint32(a), uint32(1<<20))
}
