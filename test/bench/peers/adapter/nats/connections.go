package nats

import "github.com/nats-io/nats.go"

// connections opens n connections to the server, each of which has made one
// request. All are answered by the same other connection.
func connections(b *broker, n int) (end func(), err error) {
	r, err := newRequester(b, echo)
	if err != nil {
		return nil, err
	}
	var open []*nats.Conn
	end = func() {
		for _, c := range open {
			c.Close()
		}
		r.Close()
	}
	for range n {
		c, err := connect(r.near.ConnectedUrl())
		if err != nil {
			end()
			return nil, err
		}
		open = append(open, c)
		if _, err := c.Request(r.subject, []byte{1}, requestTimeout); err != nil {
			end()
			return nil, err
		}
	}
	return end, nil
}
