package options

// Cnss says how often a message may reach the receiving application, and what
// the publisher learns of it. The zero value stands for CnssAtLeastOnce.
type Cnss byte

const (
	// CnssAtMostOnce publishes without waiting for the receiver. What is in
	// flight when the session is lost is lost with it.
	CnssAtMostOnce Cnss = 1

	// CnssAtLeastOnce waits until the receiving application has answered. The
	// message reaches it once; only after a lost session may it come again,
	// marked as redelivered.
	CnssAtLeastOnce Cnss = 2

	// CnssAtEffectiveOnce waits as CnssAtLeastOnce does, and a living
	// receiver gets the message once, also after a lost session. What may have
	// reached a receiver that no longer knows is not sent again: its outcome
	// is reported as unknown.
	CnssAtEffectiveOnce Cnss = 3
)
