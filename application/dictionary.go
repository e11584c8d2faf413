package application

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// A dictionary holds the numbers of the method names of one connection: those
// that this side defined, and the names that the peer did.
type dictionary struct {
	latest atomic.Pointer[definition] // the one that was asked for last

	mu sync.RWMutex
	// mu guards
	defined map[string]*definition
	size    int // of the names together

	// reader only
	names     []*string // the peer's, from index 1 on
	namesSize int
}

// A definition is a method of the peer and its number, 0 if it has none. It is
// not changed.
type definition struct {
	method string
	index  uint32
}

// name returns what a request carries beside the number.
func (d *definition) name() string {
	if d.index != 0 {
		return ""
	}
	return d.method
}

// definition returns what a request carries of method: its number, or its name
// where the dictionary is full. A new number is made known before.
func (e *End) definition(s *Stream, x *exchange, method string, p *patience) (def *definition, err error) {
	d := &e.dictionary
	if def = d.find(method); def != nil {
		return def, nil
	}
	for {
		def, err = d.define(e.conn, method, x.w)
		switch {
		case err == nil:
			return def, nil
		case !errors.Is(err, wait.ErrMustWait):
			return nil, errHalted
		}
		if err = p.wait(x.w); err == nil && s.isHalted(x) {
			err = errHalted
		}
		if err != nil {
			e.conn.Withdraw(x.w)
			return nil, err
		}
	}
}

// find returns the definition of method, nil if it has none.
func (d *dictionary) find(method string) *definition {
	if def := d.latest.Load(); def != nil && def.method == method {
		return def
	}
	d.mu.RLock()
	def := d.defined[method]
	d.mu.RUnlock()
	if def != nil {
		d.latest.Store(def)
	}
	return def
}

// define gives method a number and queues what makes it known, before any
// request can use it. The number is 0 where there is no room for it. An error
// is that of Append.
func (d *dictionary) define(link Conn, method string, w *wait.Waiter) (*definition, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	def := d.defined[method]
	full := len(d.defined) >= packet.MaxDictionary || d.size+len(method) > packet.MaxDictionaryBytes
	if def != nil || full || method == "" {
		link.Withdraw(w) // from an earlier try
		if def == nil {
			def = &definition{method: method}
		}
		return def, nil
	}
	def = &definition{method, uint32(len(d.defined) + 1)}
	fields := packet.AppendMethodDef(make([]byte, 0, 64), def.index, method)
	if _, err := link.Append(packet.Control, packet.Header{Type: packet.TypeMethodDef}, fields, nil, nil, w); err != nil {
		return nil, err
	}
	if d.defined == nil {
		d.defined = make(map[string]*definition)
	}
	d.defined[method] = def
	d.size += len(method)
	return def, nil
}

// handleMethodDef learns a name of the peer. Called on the reader.
func (d *dictionary) handleMethodDef(payload []byte) error {
	def, err := packet.ParseMethodDef(payload)
	if err != nil {
		return err
	}
	if def.Index != uint32(len(d.names)+1) || d.namesSize+len(def.Name) > packet.MaxDictionaryBytes {
		return errDictionary
	}
	name := string(def.Name)
	d.names = append(d.names, &name)
	d.namesSize += len(def.Name)
	return nil
}

// name returns the method of a request. Called on the reader.
func (d *dictionary) name(r *packet.Request) (*string, error) {
	if r.Method == 0 {
		name := string(r.Name)
		return &name, nil
	}
	if int(r.Method) > len(d.names) {
		return nil, errUnknownMethodIndex
	}
	return d.names[r.Method-1], nil
}
