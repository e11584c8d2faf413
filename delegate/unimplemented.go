package delegate

// UnimplementedDelegate does nothing and agrees to everything. Embed it (as a
// value or as a pointer, which may be nil) and implement what is needed. Alone
// it is a ClientDelegate; a ServerDelegate needs a GetClientID of its own,
// which decides who a client is.
type UnimplementedDelegate struct{}

var (
	_ ClientDelegate = (*UnimplementedDelegate)(nil)
	_ Delegate       = (*UnimplementedDelegate)(nil)
)

// ConnOnline agrees.
func (*UnimplementedDelegate) ConnOnline(ConnDescriber) error { return nil }

// ConnOffline does nothing.
func (*UnimplementedDelegate) ConnOffline(ConnDescriber) error { return nil }

// Heartbeat does nothing.
func (*UnimplementedDelegate) Heartbeat(ConnDescriber) error { return nil }

// GetClientID has the id allocated. It is not the GetClientID of a
// ServerDelegate, which is also given the id that the client asks for.
func (*UnimplementedDelegate) GetClientID(meta []byte) (uint64, error) { return 0, nil }

// DialogueOnline agrees.
func (*UnimplementedDelegate) DialogueOnline(DialogueDescriber) error { return nil }

// DialogueOffline does nothing.
func (*UnimplementedDelegate) DialogueOffline(DialogueDescriber) error { return nil }

// RemoteRegistration does nothing.
func (*UnimplementedDelegate) RemoteRegistration(method string, clientID, streamID uint64) {}

// EndReOnline does nothing.
func (*UnimplementedDelegate) EndReOnline(ClientDescriber) {}
