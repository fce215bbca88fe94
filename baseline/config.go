package baseline

import (
	"errors"
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Config says how sensitive a [Detector] is. It is plain data; a zero field means its default.
type Config struct {
	// Factor is how many times longer than usual a part of a call may take before that counts as
	// worse, above 1 and up to 100. A negative value switches the detector off. Default 1.5.
	Factor float64 `mapstructure:"factor"`
	// Floor is how much longer than usual, beyond Factor, a part of a call may take before that
	// counts as worse, up to 1h. It adapts to the operation: one with noise is given up to so
	// much, one without is given less. A negative value means no floor at all. Default 15ms.
	Floor time.Duration `mapstructure:"floor"`
	// FailureFloor is the share of failed calls, beyond the usual one, from which on failures
	// count as worse, above 0 and below 1. A negative value switches off that failures are judged.
	// Default 0.02.
	FailureFloor float64 `mapstructure:"failure_floor"`
	// Hold is how long a change must have stood before it is reported, and how long all must have
	// been as usual before its end is, up to 1h. A negative value means not at all. Default 20s.
	Hold time.Duration `mapstructure:"hold"`
	// WarmUp is how long an operation is only watched before it is judged, up to 24h, unless what
	// is usual for it was restored. A negative value means not at all. Default 5m.
	WarmUp time.Duration `mapstructure:"warm_up"`
	// AcceptAfter is the time after which a change that stays is the new normal, from 1m on. A
	// negative value means never. Default 1h.
	AcceptAfter time.Duration `mapstructure:"accept_after"`
	// HalfLife is the time after which what was learned counts half, from 1m to 720h. Default 2h.
	HalfLife time.Duration `mapstructure:"half_life"`
	// MaxParts is the number of parts of operations that are kept, 1 to 10,000,000; those that
	// were seen last stay. Default 10,000.
	MaxParts int `mapstructure:"max_parts"`
}

// DefaultConfig returns what a zero [Config] means.
func DefaultConfig() Config {
	return Config{
		Factor:       1.5,
		Floor:        15 * time.Millisecond,
		FailureFloor: 0.02,
		Hold:         20 * time.Second,
		WarmUp:       5 * time.Minute,
		AcceptAfter:  time.Hour,
		HalfLife:     2 * time.Hour,
		MaxParts:     10_000,
	}
}

// Validate returns one error for each field that is out of bounds, joined; each names the key and
// quotes the value.
func (c Config) Validate() error {
	var errs []error
	check := func(isRight bool, format string, values ...any) {
		if !isRight {
			errs = append(errs, fmt.Errorf(format, values...))
		}
	}
	check(c.Factor <= 0 || c.Factor > 1 && c.Factor <= 100, "factor: must be above 1 and at most 100, or negative for off, got %v", c.Factor)
	errs = append(errs, keyed.Range{Low: time.Microsecond, High: time.Hour, Negative: "for none"}.Check("floor", c.Floor))
	check(c.FailureFloor < 1, "failure_floor: must be below 1, a share and no percentage, got %v", c.FailureFloor)
	errs = append(errs, keyed.Range{High: time.Hour, Negative: "for none"}.Check("hold", c.Hold))
	errs = append(errs, keyed.Range{High: 24 * time.Hour, Negative: "for none"}.Check("warm_up", c.WarmUp))
	errs = append(errs, keyed.Range{Low: time.Minute, Negative: "for never"}.Check("accept_after", c.AcceptAfter))
	errs = append(errs, keyed.Range{Low: time.Minute, High: 720 * time.Hour}.Check("half_life", c.HalfLife))
	check(c.MaxParts >= 0 && c.MaxParts <= 10_000_000, "max_parts: must be between 1 and 10000000, got %d", c.MaxParts)
	return errors.Join(errs...)
}

// IsOff reports whether the detector is switched off.
func (c Config) IsOff() bool { return c.Factor < 0 }

// withDefaults returns c with its zero fields filled in, and with 0 for what is switched off, but
// for Factor and FailureFloor.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	inherit(&c.Factor, d.Factor)
	inherit(&c.Floor, d.Floor)
	inherit(&c.FailureFloor, d.FailureFloor)
	inherit(&c.Hold, d.Hold)
	inherit(&c.WarmUp, d.WarmUp)
	inherit(&c.AcceptAfter, d.AcceptAfter)
	inherit(&c.HalfLife, d.HalfLife)
	inherit(&c.MaxParts, d.MaxParts)
	c.Floor, c.Hold, c.WarmUp = max(c.Floor, 0), max(c.Hold, 0), max(c.WarmUp, 0)
	return c
}

func inherit[T comparable](v *T, from T) {
	var zero T
	if *v == zero {
		*v = from
	}
}
