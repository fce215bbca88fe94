package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// TimelineConfig says how a [Timeline] counts. It is plain data; a zero field means its default.
type TimelineConfig struct {
	Config `mapstructure:",squash"`
	// Grace is how long after its end a period stays open for spans that come late, up to
	// 1h. Default 10s.
	Grace time.Duration `mapstructure:"grace"`
	// Settle is how long after its end a slice waits for spans that come late, at most Grace. What
	// comes later still is in no slice. It should be longer than the senders keep their spans back,
	// which is 5s by default. Default: Grace, but 10s at most.
	Settle time.Duration `mapstructure:"settle"`
	// RecentSpans is the number of spans that are remembered, for as long as Grace, to find
	// the causes of failed and slow calls, 1 to 16,777,216. One takes about 90
	// bytes. Where more spans come in that time, the search sees fewer of them. Default 131,072.
	RecentSpans int `mapstructure:"recent_spans"`
	// PeerServices counts the calls of clients by the service that they reach, if that
	// service's server span comes in the same time: the operation GET becomes "GET > stock",
	// say, with an objective of its own. It is for clients that call many services under one
	// name, and takes more time. What is left under the one name is not judged by its traffic.
	// A failed call without a server's span counts with those like it, if they have always
	// reached the same service: that one does not answer. Default: off.
	PeerServices bool `mapstructure:"peer_services"`
	// Recorded says that the time is that of recorded spans, so that the clock does not leap: where
	// none comes, nobody called. Then the periods of a pause of up to an hour follow each other like
	// others. A longer one is left out, as most likely nobody recorded. Default: every pause is left out
	// that is longer than a period and the grace.
	Recorded bool `mapstructure:"-"`
}

const (
	maxGrace           = time.Hour
	maxRecentSpans     = 1 << 24
	defaultGrace       = 10 * time.Second
	mostSettle         = 10 * time.Second // by default
	defaultRecentSpans = 1 << 17
	maxWeight          = 1 << 32
	maxSilence         = time.Hour // of recorded spans
	// maxOpen bounds the periods that are open at once, for a short period and a long grace.
	maxOpen = 1000
)

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value.
func (c TimelineConfig) Validate() error {
	errs := []error{c.Config.Validate()}
	errs = append(errs, keyed.Range{High: maxGrace}.Check("grace", c.Grace))
	if period, grace := c.timing(); period >= minPeriod && grace/period >= maxOpen {
		errs = append(errs, fmt.Errorf("grace: must be less than %d periods of %s, got %s", maxOpen, period, grace))
	}
	if _, grace := c.timing(); c.Settle > 0 && c.Settle < time.Millisecond {
		errs = append(errs, keyed.Range{High: max(grace, time.Millisecond)}.Check("settle", c.Settle))
	} else if c.Settle < 0 || c.Settle > max(grace, 0) {
		errs = append(errs, fmt.Errorf("settle: must be above 0s and at most the grace of %s, got %s", keyed.Short(grace), c.Settle))
	}
	if c.RecentSpans < 0 || c.RecentSpans > maxRecentSpans {
		errs = append(errs, fmt.Errorf("recent_spans: must be between 1 and %d, got %d", maxRecentSpans, c.RecentSpans))
	}
	return errors.Join(errs...)
}

// settle returns Settle or its default.
func (c *TimelineConfig) settle() time.Duration {
	_, grace := c.timing()
	settle := c.Settle
	inherit(&settle, min(grace, mostSettle))
	return settle
}

// timing returns the period and the grace, or their defaults.
func (c *TimelineConfig) timing() (period, grace time.Duration) {
	period, grace = c.Period, c.Grace
	inherit(&period, DefaultPeriod)
	inherit(&grace, defaultGrace)
	return period, grace
}
