package load

import "sync/atomic"

// extra is a workload that a peer brings along.
type extra struct {
	op  func() error
	n   int
	end func()
}

func newExtra(open func() (op func() error, bytes int, close func(), err error)) (load, error) {
	op, n, end, err := open()
	if err != nil {
		return nil, err
	}
	return &extra{op: op, n: n, end: end}, nil
}

func (e *extra) run(stop *atomic.Bool) (int64, error) { return repeat(stop, e.op) }

func (e *extra) bytes() int { return e.n }

func (e *extra) close() error {
	e.end()
	return nil
}
