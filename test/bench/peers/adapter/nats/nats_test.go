package nats

import (
	"errors"
	"os"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/singchia/geminio/test/bench/peers/adapter/adaptertest"
)

func TestPeers(t *testing.T) {
	for _, p := range Peers() {
		t.Run(p.Name, func(t *testing.T) { adaptertest.Test(t, p) })
	}
}

// The server lives as long as somebody uses it, and leaves nothing behind.
func TestBroker(t *testing.T) {
	b := &broker{jetStream: true}
	url, err := b.acquire()
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.acquire()
	if err != nil {
		t.Fatal(err)
	}
	if second != url {
		t.Errorf("the second user got a server at %s, the first at %s", second, url)
	}
	store := b.store
	if _, err := os.Stat(store); err != nil {
		t.Error(err)
	}
	if err := b.release(); err != nil {
		t.Error(err)
	}
	c, err := connect(url)
	if err != nil {
		t.Fatalf("with one user left: %v", err)
	}
	c.Close()
	if err := b.release(); err != nil {
		t.Error(err)
	}
	if c, err := connect(url); err == nil {
		c.Close()
		t.Error("the server goes on without users")
	}
	if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the store is still there: %v", err)
	}
}

// A message that nobody receives is not acknowledged.
func TestMessengerNoReceiver(t *testing.T) {
	m, err := newMessenger(&broker{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.(*messenger).subject = "nobody"
	if err := m.Publish([]byte("lost")); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("Publish: %v", err)
	}
	done := make(chan error, 1)
	if err := m.PublishAsync([]byte("lost"), func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("PublishAsync: %v", err)
	}
}

// A message that no stream takes is not acknowledged, and one after Close is
// not sent.
func TestPublisherNoStream(t *testing.T) {
	m, err := newPublisher(&broker{jetStream: true})
	if err != nil {
		t.Fatal(err)
	}
	p := m.(*publisher)
	subject := p.subject
	p.subject = "nobody"
	if err := p.Publish([]byte("lost")); err == nil {
		t.Error("Publish was acknowledged")
	}
	done := make(chan error, 1)
	if err := p.PublishAsync([]byte("lost"), func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("PublishAsync was acknowledged")
	}
	p.subject = subject
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.PublishAsync([]byte("late"), func(error) {}); err == nil {
		t.Error("PublishAsync after Close has no error")
	}
}
