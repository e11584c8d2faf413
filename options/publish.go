package options

import "time"

// PublishOptions are the options of Publish and PublishAsync.
type PublishOptions struct {
	// Timeout limits how long the publication may take; 0 means no limit. If
	// nil, the message's own timeout counts.
	Timeout *time.Duration
}

// Publish returns PublishOptions with nothing set.
func Publish() *PublishOptions { return &PublishOptions{} }

// SetTimeout limits how long the publication may take; 0 means no limit.
func (opt *PublishOptions) SetTimeout(timeout time.Duration) { opt.Timeout = &timeout }

func (opt *PublishOptions) overlay(on *PublishOptions) { set(&on.Timeout, opt.Timeout) }

// MergePublishOptions returns new options with, of each field, the last that
// is set in opts. Nil opts are skipped.
func MergePublishOptions(opts ...*PublishOptions) *PublishOptions {
	return Merge(opts, (*PublishOptions).overlay)
}

// NewMessageOptions are the options of NewMessage.
type NewMessageOptions struct {
	// Custom are the bytes that travel beside the message's data.
	Custom []byte
	// Cnss is how the message is delivered. If nil, CnssAtLeastOnce.
	Cnss *Cnss
	// Topic is the message's topic, of 1 KiB at most. If nil, it is empty.
	Topic *string
}

// NewMessage returns NewMessageOptions with nothing set.
func NewMessage() *NewMessageOptions { return &NewMessageOptions{} }

// SetCustom sets the bytes that travel beside the message's data. They are not
// copied.
func (opt *NewMessageOptions) SetCustom(custom []byte) { opt.Custom = custom }

// SetCnss sets how the message is delivered.
func (opt *NewMessageOptions) SetCnss(cnss Cnss) { opt.Cnss = &cnss }

// SetTopic sets the message's topic.
func (opt *NewMessageOptions) SetTopic(topic string) { opt.Topic = &topic }

func (opt *NewMessageOptions) overlay(on *NewMessageOptions) {
	setBytes(&on.Custom, opt.Custom)
	set(&on.Cnss, opt.Cnss)
	set(&on.Topic, opt.Topic)
}

// MergeNewMessageOptions returns new options with, of each field, the last
// that is set in opts. Nil opts are skipped.
func MergeNewMessageOptions(opts ...*NewMessageOptions) *NewMessageOptions {
	return Merge(opts, (*NewMessageOptions).overlay)
}
