package nats

import (
	"errors"
	"testing"
)

func TestPending(t *testing.T) {
	p := newPending[int]()
	acked, ended := errors.New("acked"), errors.New("ended")
	got := make(map[int][]error)
	add := func(key int) bool {
		return p.add(key, func(err error) { got[key] = append(got[key], err) })
	}
	for key := range 3 {
		if !add(key) {
			t.Fatalf("%d was not taken", key)
		}
	}
	p.finish(0, acked)
	p.finish(0, acked) // once is enough
	if p.remove(1) == nil {
		t.Error("1 was not there")
	}
	p.fail(ended)
	p.finish(2, acked)
	if add(3) {
		t.Error("3 was taken after fail")
	}
	want := map[int]error{0: acked, 2: ended}
	for key := range 4 {
		switch w := want[key]; {
		case w == nil && len(got[key]) > 0:
			t.Errorf("%d ran with %v", key, got[key])
		case w != nil && (len(got[key]) != 1 || got[key][0] != w):
			t.Errorf("%d ran with %v, want %v once", key, got[key], w)
		}
	}
}
