package engine

import (
	"errors"
	"fmt"
	"time"
)

// Objective says what is expected of an operation. A zero field means the
// field of the objective it inherits from ([Config.Objective] for the entries of
// [Config.Operations], [DefaultObjective] for [Config.Objective] itself).
type Objective struct {
	// SuccessRatio is the least share of calls that must succeed, above 0 and up
	// to 1. Default 0.95.
	SuccessRatio float64 `mapstructure:"success_ratio" json:"success_ratio"`
	// LatencyTarget is the time within which a successful call should be done,
	// itself included. Default 500ms.
	LatencyTarget time.Duration `mapstructure:"latency_target" json:"latency_target_ns"`
	// WithinTarget is the least share of the successful calls that must be done
	// within LatencyTarget, above 0 and up to 1. Default 0.8.
	WithinTarget float64 `mapstructure:"within_target" json:"within_target"`
	// AlertAfter is N: an alert fires after this many bad periods running, 1 to
	// 100. Default 3.
	AlertAfter int `mapstructure:"alert_after" json:"alert_after"`
	// RecoverAfter is M: a firing alert is resolved after this many good periods
	// running, 1 to 100. Default 3.
	RecoverAfter int `mapstructure:"recover_after" json:"recover_after"`
	// MinCalls is the number of calls below which a period says too little to be
	// judged, 1 to 1,000,000,000. For availability it is held against the
	// successes and failures, for latency against the successes. Default 1.
	MinCalls int `mapstructure:"min_calls" json:"min_calls"`
}

// DefaultObjective returns the objective that a zero [Config] expects of every
// operation.
func DefaultObjective() Objective {
	return Objective{
		SuccessRatio:  0.95,
		LatencyTarget: 500 * time.Millisecond,
		WithinTarget:  0.8,
		AlertAfter:    3,
		RecoverAfter:  3,
		MinCalls:      1,
	}
}

// Inherit returns o with its zero fields taken from parent.
func (o Objective) Inherit(parent Objective) Objective {
	inherit(&o.SuccessRatio, parent.SuccessRatio)
	inherit(&o.LatencyTarget, parent.LatencyTarget)
	inherit(&o.WithinTarget, parent.WithinTarget)
	inherit(&o.AlertAfter, parent.AlertAfter)
	inherit(&o.RecoverAfter, parent.RecoverAfter)
	inherit(&o.MinCalls, parent.MinCalls)
	return o
}

// inherit sets a zero value to its parent's.
func inherit[T comparable](v *T, parent T) {
	var zero T
	if *v == zero {
		*v = parent
	}
}

const (
	maxPeriodsRunning = 100
	maxMinCalls       = 1_000_000_000
	maxLatencyTarget  = 24 * time.Hour
)

// Validate returns one error for each field that is neither zero nor within its
// bounds, joined; each names the key and quotes the value.
func (o Objective) Validate() error {
	var errs []error
	ratio := func(key string, v float64) {
		if v != 0 && !(v > 0 && v <= 1) { // written so that NaN fails, too
			errs = append(errs, fmt.Errorf("%s: must be above 0 and at most 1, got %v", key, v))
		}
	}
	within := func(key string, v, low, high int) {
		if v != 0 && (v < low || v > high) {
			errs = append(errs, fmt.Errorf("%s: must be between %d and %d, got %d", key, low, high, v))
		}
	}
	ratio("success_ratio", o.SuccessRatio)
	if o.LatencyTarget < 0 || o.LatencyTarget > maxLatencyTarget {
		errs = append(errs, fmt.Errorf("latency_target: must be above 0s and at most %s, got %s", hours(maxLatencyTarget), o.LatencyTarget))
	}
	ratio("within_target", o.WithinTarget)
	within("alert_after", o.AlertAfter, 1, maxPeriodsRunning)
	within("recover_after", o.RecoverAfter, 1, maxPeriodsRunning)
	within("min_calls", o.MinCalls, 1, maxMinCalls)
	return errors.Join(errs...)
}
