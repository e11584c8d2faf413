package nats

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout bounds how long the server may take until it accepts.
const startTimeout = 10 * time.Second

// A broker is a server in this process that all connections of one peer share:
// it starts with the first and ends with the last.
type broker struct {
	jetStream bool

	mu     sync.Mutex // guards what follows
	users  int
	server *server.Server
	store  string // where JetStream keeps its own files
}

// acquire returns the address of the server. release has to follow.
func (b *broker) acquire() (url string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users == 0 {
		if err := b.start(); err != nil {
			return "", err
		}
	}
	b.users++
	return b.server.ClientURL(), nil
}

func (b *broker) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users--
	if b.users > 0 {
		return nil
	}
	return b.stop()
}

// connect dials the server at url. A connection that is lost stays so: the
// error is to be seen.
func connect(url string) (*nats.Conn, error) {
	return nats.Connect(url, nats.NoReconnect())
}

func (b *broker) start() error {
	options := &server.Options{
		Host:   "127.0.0.1",
		Port:   server.RANDOM_PORT,
		NoLog:  true,
		NoSigs: true,
	}
	if b.jetStream {
		store, err := os.MkdirTemp("", "jetstream-")
		if err != nil {
			return err
		}
		b.store = store
		options.JetStream = true
		options.StoreDir = store
	}
	s, err := server.NewServer(options)
	if err != nil {
		return errors.Join(err, b.clean())
	}
	b.server = s
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		return errors.Join(errors.New("nats: the server does not accept connections"), b.stop())
	}
	return nil
}

func (b *broker) stop() error {
	b.server.Shutdown()
	b.server.WaitForShutdown()
	b.server = nil
	return b.clean()
}

func (b *broker) clean() error {
	store := b.store
	b.store = ""
	if store == "" {
		return nil
	}
	return os.RemoveAll(store)
}
