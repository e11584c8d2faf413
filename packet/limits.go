package packet

// Limits of the wire, in bytes where nothing else is said.
const (
	// MaxPayload is the largest payload of a frame.
	MaxPayload = 64 << 10

	// MaxDecodablePacketLen is the largest content (custom and data) of a
	// message, request or answer where a peer has not said otherwise.
	MaxDecodablePacketLen = 10 << 20

	// MaxMeta is the largest sum of the meta and the peer name of a stream.
	MaxMeta = MaxPayload - openFixed

	// MaxName is the longest name of a method or topic.
	MaxName = 1 << 10

	// MaxErrorText is the longest error text but for that of RESET.
	MaxErrorText = 4 << 10

	// MaxResetText is the longest text of a RESET.
	MaxResetText = 256

	// MaxDictionary is how many methods a side may define on a connection,
	// MaxDictionaryBytes how long their names may be together.
	MaxDictionary      = 4096
	MaxDictionaryBytes = 256 << 10

	// MaxHandshake is the largest body of a handshake packet.
	MaxHandshake = 128 << 10

	// MaxHello is the largest encoded Hello.
	MaxHello = 4 << 10
)
