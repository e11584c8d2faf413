package served

import (
	"errors"
	"testing"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

var errFake = errors.New("fake")

// fake counts what is open.
type fake struct {
	open, dialed, called int
	failDial, failCall   int // the number of the one that fails; 0: none
}

func (f *fake) serve(int) (Server, error) {
	f.open++
	return f, nil
}

func (f *fake) Dial() (peer.Caller, error) {
	f.dialed++
	if f.dialed == f.failDial {
		return nil, errFake
	}
	f.open++
	return (*fakeConn)(f), nil
}

func (f *fake) Close() error {
	f.open--
	return nil
}

type fakeConn fake

func (f *fakeConn) Call(payload []byte) ([]byte, error) {
	f.called++
	if f.called == f.failCall {
		return nil, errFake
	}
	return payload, nil
}

func (f *fakeConn) Close() error {
	f.open--
	return nil
}

func TestConnsAreUsedOnceAndClosed(t *testing.T) {
	f := &fake{}
	end, err := Conns(f.serve)(3)
	if err != nil {
		t.Fatal(err)
	}
	if f.open != 4 || f.called != 3 {
		t.Errorf("%d open, %d calls; want a server and 3 connections, 3 calls", f.open, f.called)
	}
	if end(); f.open != 0 {
		t.Errorf("%d still open", f.open)
	}
}

func TestCallClosesItsServer(t *testing.T) {
	f := &fake{}
	c, err := Call(f.serve)()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil || f.open != 0 {
		t.Errorf("%v, %d still open", err, f.open)
	}
}

func TestNothingIsOpenAfterFailure(t *testing.T) {
	for name, f := range map[string]*fake{
		"dial": {failDial: 2},
		"call": {failCall: 2},
	} {
		if _, err := Conns(f.serve)(3); !errors.Is(err, errFake) || f.open != 0 {
			t.Errorf("conns, %s fails: %v, %d still open", name, err, f.open)
		}
	}
	f := &fake{failDial: 1}
	if _, err := Call(f.serve)(); !errors.Is(err, errFake) || f.open != 0 {
		t.Errorf("call, dial fails: %v, %d still open", err, f.open)
	}
}
