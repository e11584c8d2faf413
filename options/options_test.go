package options_test

import (
	"testing"
	"time"

	"github.com/singchia/geminio/options"
	"github.com/stretchr/testify/assert"
)

func TestASetterSetsItsFieldAlone(t *testing.T) {
	call := options.Call()
	call.SetTimeout(time.Second)
	assert.Equal(t, &options.CallOptions{Timeout: ptr(time.Second)}, call)

	req := options.NewRequest()
	req.SetCustom([]byte("c"))
	assert.Equal(t, &options.NewRequestOptions{Custom: []byte("c")}, req)

	publish := options.Publish()
	publish.SetTimeout(0)
	assert.Equal(t, &options.PublishOptions{Timeout: ptr(time.Duration(0))}, publish, "no limit is not the same as unset")

	message := options.NewMessage()
	message.SetTopic("t")
	assert.Equal(t, &options.NewMessageOptions{Topic: ptr("t")}, message)
	message.SetCnss(options.CnssAtEffectiveOnce)
	message.SetCustom([]byte("c"))
	assert.Equal(t, &options.NewMessageOptions{Topic: ptr("t"), Cnss: ptr(options.CnssAtEffectiveOnce), Custom: []byte("c")}, message)

	open := options.OpenStream()
	open.SetWait(false)
	assert.Equal(t, &options.OpenStreamOptions{Wait: ptr(false)}, open)
	open.SetPeer("p")
	open.SetMeta([]byte("m"))
	assert.Equal(t, &options.OpenStreamOptions{Wait: ptr(false), Peer: ptr("p"), Meta: []byte("m")}, open)

	hijack := options.Hijack()
	hijack.SetMatch(false, "^a")
	assert.Equal(t, &options.HijackOptions{Match: ptr(false), Pattern: ptr("^a")}, hijack)
}

func TestMergeTakesTheLastValueOfEachFieldAndSkipsNil(t *testing.T) {
	testMerge(t, options.MergeCallOptions,
		&options.CallOptions{Timeout: ptr(time.Second)},
		&options.CallOptions{Timeout: ptr(time.Minute)})
	testMerge(t, options.MergePublishOptions,
		&options.PublishOptions{Timeout: ptr(time.Second)},
		&options.PublishOptions{Timeout: ptr(time.Minute)})
	testMerge(t, options.MergeNewRequestOptions,
		&options.NewRequestOptions{Custom: []byte("a")},
		&options.NewRequestOptions{Custom: []byte{}})
	testMerge(t, options.MergeNewMessageOptions,
		&options.NewMessageOptions{Custom: []byte("a"), Cnss: ptr(options.CnssAtLeastOnce), Topic: ptr("a")},
		&options.NewMessageOptions{Custom: []byte("b"), Cnss: ptr(options.CnssAtMostOnce), Topic: ptr("")})
	testMerge(t, options.MergeOpenStreamOptions,
		&options.OpenStreamOptions{Meta: []byte("a"), Peer: ptr("a"), Wait: ptr(true)},
		&options.OpenStreamOptions{Meta: []byte("b"), Peer: ptr("b"), Wait: ptr(false)})
	testMerge(t, options.MergeHijackOptions,
		&options.HijackOptions{Match: ptr(true), Pattern: ptr("a")},
		&options.HijackOptions{Match: ptr(false), Pattern: ptr("b")})
}

// testMerge takes two options in which every field is set, differently.
func testMerge[T any](t *testing.T, merge func(...*T) *T, first, last *T) {
	t.Helper()
	wasFirst, wasLast := *first, *last
	assert.Equal(t, new(T), merge())
	assert.Equal(t, new(T), merge(nil, nil))
	assert.Equal(t, first, merge(nil, first, nil))
	assert.Equal(t, last, merge(first, nil, last))
	assert.Equal(t, last, merge(last, new(T)), "what is not set overrides nothing")
	assert.NotSame(t, first, merge(first), "the result is a new one")
	assert.Equal(t, wasFirst, *first)
	assert.Equal(t, wasLast, *last)
}

func ptr[T any](v T) *T { return &v }
