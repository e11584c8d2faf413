package proto

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestASubscriptionIsTheSameOnTheOtherSide(t *testing.T) {
	s := Subscription{Topic: "Aufträge", Group: "billing", Prefetch: MaxPrefetch}
	got, err := ParseSubscription(s.Encode())
	require.NoError(t, err)
	assert.Equal(t, s, got)
	s.Prefetch = 0
	got, err = ParseSubscription(s.Encode())
	require.NoError(t, err)
	assert.Equal(t, 1, got.Prefetch)
	assert.Equal(t, "Aufträge.billing.dead", got.DeadTopic())
	assert.NoError(t, CheckName("topic", got.DeadTopic()))
}

func TestWrongSubscriptionsAreExplained(t *testing.T) {
	for want, s := range map[string]Subscription{
		"no topic":            {Group: "g"},
		"no group":            {Topic: "t"},
		"a topic is at most":  {Topic: strings.Repeat("t", 256), Group: "g"},
		"a group is at most":  {Topic: "t", Group: strings.Repeat("g", 256)},
		"too long: 251 bytes": {Topic: strings.Repeat("t", 126), Group: strings.Repeat("g", 125)},
		`"a b"`:               {Topic: "a b", Group: "g"},
		`"a\nb"`:              {Topic: "t", Group: "a\nb"},
		"prefetch of -1":      {Topic: "t", Group: "g", Prefetch: -1},
		"at most 1024":        {Topic: "t", Group: "g", Prefetch: 1025},
	} {
		_, err := ParseSubscription(s.Encode())
		assert.ErrorContains(t, err, want)
	}
	for _, data := range []string{"", "{", `"t"`} {
		_, err := ParseSubscription([]byte(data))
		assert.ErrorContains(t, err, "not a subscription")
	}
	assert.Error(t, CheckName("topic", "\xff"))
}

func TestAHeaderIsTheSameOnTheOtherSide(t *testing.T) {
	for _, h := range []Header{{}, {Offset: 1 << 40, Redelivered: true}} {
		got, err := ParseHeader(h.Encode())
		require.NoError(t, err)
		assert.Equal(t, h, got)
	}
	for _, n := range []int{0, 8, 10} {
		_, err := ParseHeader(make([]byte, n))
		assert.Error(t, err)
	}
}
