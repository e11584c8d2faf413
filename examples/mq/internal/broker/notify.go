package broker

// notify wakes all who wait for a change. It is guarded by its owner's mutex.
type notify struct{ ch chan struct{} }

// wait returns what is closed at the next change.
func (n *notify) wait() <-chan struct{} {
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *notify) all() {
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}
