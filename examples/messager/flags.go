package main

import (
	"flag"
	"slices"
	"strings"
	"time"

	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/options"
)

// tokenVariable is where the secret is looked for that no flag says.
const tokenVariable = "MESSAGER_TOKEN"

// common are the options that both commands share.
type common struct {
	topic, delivery, refuse string
	manual                  bool
	timeout                 time.Duration
	token                   program.Token
}

func (c *common) define(flags *flag.FlagSet) {
	flags.StringVar(&c.topic, "topic", "", "`topic` of all that is typed; if empty, the first word of each line is its topic")
	flags.StringVar(&c.delivery, "delivery", "least", "how messages are delivered: `most` (at most once, nobody acknowledges), least (at least once) or effectively (once)")
	flags.DurationVar(&c.timeout, "timeout", 0, "how `long` an outcome is waited for; 0: as long as it takes")
	flags.StringVar(&c.refuse, "refuse", "", "`topics`, separated by commas, whose messages are answered with Error")
	flags.BoolVar(&c.manual, "manual", false, "answer what is received by typing /done N or /error N WHY, instead of Done at once")
	c.token.Define(flags, tokenVariable, "that dial must show to listen; if there is none, everybody may come in")
}

// check returns what is wrong with the options.
func (c *common) check() error {
	if _, ok := deliveries[c.delivery]; !ok {
		return program.Usage("-delivery: not %q, but most, least or effectively", c.delivery)
	}
	if c.timeout < 0 {
		return program.Usage("-timeout: %v is negative", c.timeout)
	}
	return nil
}

var deliveries = map[string]options.Cnss{
	"most":        options.CnssAtMostOnce,
	"least":       options.CnssAtLeastOnce,
	"effectively": options.CnssAtEffectiveOnce,
}

// refuses tells whether messages of topic are answered with Error.
func (c *common) refuses(topic string) bool {
	return topic != "" && slices.Contains(strings.Split(c.refuse, ","), topic)
}
