package multiplexer

// about is what the opener said of a dialogue.
type about struct {
	meta []byte
	peer string
}

// aboutOf returns nil where there is nothing to keep: many streams are like
// that.
func aboutOf(meta []byte, peer string) *about {
	if meta == nil && peer == "" {
		return nil
	}
	return &about{meta, peer}
}

// Meta returns what the opener said of the stream.
func (d *Dialogue) Meta() []byte {
	if d.about == nil {
		return nil
	}
	return d.about.meta
}

// Peer returns the name that the opener gave.
func (d *Dialogue) Peer() string {
	if d.about == nil {
		return ""
	}
	return d.about.peer
}
