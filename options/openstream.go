package options

// OpenStreamOptions are the options of OpenStream.
type OpenStreamOptions struct {
	// Meta is what both sides get from the stream's Meta. With more than 65,524
	// bytes of Meta and Peer together (packet.MaxMeta) OpenStream fails.
	Meta []byte
	// Peer is what both sides get from the stream's Peer. If nil, it is empty.
	Peer *string
	// Wait says whether OpenStream waits for the peer's answer. If nil, it
	// does.
	Wait *bool
}

// OpenStream returns OpenStreamOptions with nothing set.
func OpenStream() *OpenStreamOptions { return &OpenStreamOptions{} }

// SetPeer sets what both sides get from the stream's Peer.
func (opt *OpenStreamOptions) SetPeer(peer string) { opt.Peer = &peer }

// SetMeta sets what both sides get from the stream's Meta. It must not be
// changed before OpenStream has returned.
func (opt *OpenStreamOptions) SetMeta(meta []byte) { opt.Meta = meta }

// SetWait says whether OpenStream waits for the peer's answer. With false it
// returns at once while the peer allows further streams; that the peer refused
// the stream then shows when it is used.
func (opt *OpenStreamOptions) SetWait(wait bool) { opt.Wait = &wait }

func (opt *OpenStreamOptions) overlay(on *OpenStreamOptions) {
	setBytes(&on.Meta, opt.Meta)
	set(&on.Peer, opt.Peer)
	set(&on.Wait, opt.Wait)
}

// MergeOpenStreamOptions returns new options with, of each field, the last
// that is set in opts. Nil opts are skipped.
func MergeOpenStreamOptions(opts ...*OpenStreamOptions) *OpenStreamOptions {
	return Merge(opts, (*OpenStreamOptions).overlay)
}
