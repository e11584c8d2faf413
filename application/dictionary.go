package application

import (
	"errors"
	"sync"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// A dictionary holds the numbers of the method names of one connection: those
// that this side defined, and the names that the peer did.
type dictionary struct {
	mu sync.RWMutex
	// mu guards
	index map[string]uint32
	size  int // of the names together

	// reader only
	names     []string // the peer's, from index 1 on
	namesSize int
}

// methodIndex returns what a request carries of method: its number, or its
// name where the dictionary is full. A new number is made known before.
func (e *End) methodIndex(s *Stream, x *exchange, method string, p *patience) (index uint32, name string, err error) {
	d := &e.dictionary
	d.mu.RLock()
	index = d.index[method]
	d.mu.RUnlock()
	if index != 0 {
		return index, "", nil
	}
	for {
		index, err = d.define(e.conn, method, x.w)
		switch {
		case err == nil && index == 0:
			return 0, method, nil
		case err == nil:
			return index, "", nil
		case !errors.Is(err, wait.ErrMustWait):
			return 0, "", errHalted
		}
		if err = p.wait(x.w); err == nil && s.isHalted(x) {
			err = errHalted
		}
		if err != nil {
			e.conn.Withdraw(x.w)
			return 0, "", err
		}
	}
}

// define gives method a number and queues what makes it known, before any
// request can use it. It returns 0 where there is no room for it. An error is
// that of Append.
func (d *dictionary) define(link Conn, method string, w *wait.Waiter) (uint32, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	index := d.index[method]
	full := len(d.index) >= packet.MaxDictionary || d.size+len(method) > packet.MaxDictionaryBytes
	if index != 0 || full || method == "" {
		link.Withdraw(w) // from an earlier try
		return index, nil
	}
	index = uint32(len(d.index) + 1)
	fields := packet.AppendMethodDef(make([]byte, 0, 64), index, method)
	if _, err := link.Append(packet.Control, packet.Header{Type: packet.TypeMethodDef}, fields, nil, nil, w); err != nil {
		return 0, err
	}
	if d.index == nil {
		d.index = make(map[string]uint32)
	}
	d.index[method] = index
	d.size += len(method)
	return index, nil
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
	d.names = append(d.names, string(def.Name))
	d.namesSize += len(def.Name)
	return nil
}

// name returns the method of a request. Called on the reader.
func (d *dictionary) name(r *packet.Request) (string, error) {
	if r.Method == 0 {
		return string(r.Name), nil
	}
	if int(r.Method) > len(d.names) {
		return "", errUnknownMethodIndex
	}
	return d.names[r.Method-1], nil
}
