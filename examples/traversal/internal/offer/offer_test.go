package offer

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesArePartsOfHostNames(t *testing.T) {
	for _, name := range []string{"a", "7", "office-2", strings.Repeat("a", 63)} {
		assert.NoError(t, CheckName(name))
	}
	for _, name := range []string{"", "-a", "a-", "Office", "a.b", "a b", "a\n", "ä", strings.Repeat("a", 64)} {
		assert.Error(t, CheckName(name), name)
	}
}

func TestWhatCannotBeOfferedTogetherIsAnError(t *testing.T) {
	ok := Service{Name: "ssh", Kind: TCP}
	assert.NoError(t, Check([]Service{ok, {Name: "web", Kind: HTTP}}))
	assert.EqualError(t, Check(nil), "no service is offered")
	assert.EqualError(t, Check([]Service{ok, ok}), "service ssh is offered twice")
	assert.EqualError(t, Check([]Service{{Name: "a", Kind: "udp"}}), `service a is of the unknown kind "udp"`)
	assert.EqualError(t, Check([]Service{{Name: "a", Kind: TCP, Port: 65536}}), "service a asks for port 65536")
	assert.Error(t, Check([]Service{{Name: "a.b", Kind: TCP}}))
	assert.Error(t, Check(make([]Service, MaxServices+1)))
}

func TestTheAllowListSaysWho(t *testing.T) {
	s := Service{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}}
	var sent Service
	require.NoError(t, json.Unmarshal(Encode(s), &sent))
	for addr, allowed := range map[string]bool{
		"10.1.2.3":        true,
		"::ffff:10.1.2.3": true, // what a listener of both families sees
		"fe80::1%eth0":    true,
		"11.0.0.1":        false,
		"::1":             false,
	} {
		assert.Equal(t, allowed, sent.Allows(netip.MustParseAddr(addr)), addr)
		assert.True(t, (&Service{}).Allows(netip.MustParseAddr(addr)), "nobody is named")
	}
}
