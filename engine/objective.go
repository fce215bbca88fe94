package engine

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Objective says what is expected of an operation. A zero field means the
// field of the objective it inherits from ([Config.Objective] for the entries of
// [Config.Operations], [DefaultObjective] for [Config.Objective] itself).
type Objective struct {
	// SuccessRatio is the least share of calls that must succeed, above 0 and up
	// to 1. Default 0.95.
	SuccessRatio float64 `mapstructure:"success_ratio" json:"success_ratio"`
	// LatencyTarget is the time within which a successful call should be done,
	// itself included, 10µs to 24h; negative: latency is not judged. Default 500ms.
	LatencyTarget time.Duration `mapstructure:"latency_target" json:"latency_target_ns"`
	// WithinTargetRatio is the least share of the successful calls that must be done
	// within LatencyTarget, above 0 and up to 1. Default 0.8.
	WithinTargetRatio float64 `mapstructure:"within_target_ratio" json:"within_target_ratio"`
	// AlertAfter is N: an alert fires after this many bad periods running, 1 to
	// 100, or where the bad ones are ahead of the good ones by 2N-1. Default 3.
	AlertAfter int `mapstructure:"alert_after" json:"alert_after"`
	// RecoverAfter is M: a firing alert is resolved after this many good periods
	// running, 1 to 100. Default 3.
	RecoverAfter int `mapstructure:"recover_after" json:"recover_after"`
	// MinCalls is the number of calls that it takes to judge a period, 1 to 1,000,000,000.
	// Periods with fewer are judged together, once they hold so many, and count as one. For
	// availability successes and failures are calls, for latency successes alone. For the burn
	// rate each window must hold so many. Default 5.
	MinCalls int `mapstructure:"min_calls" json:"min_calls"`
	// Confidence is how sure a verdict on availability or latency must be, above 0 and
	// below 1: a period is bad only where the Wilson score interval of its ratio at
	// this confidence lies below the target, and insufficient where only the ratio itself does.
	// A negative value switches it off: the ratio alone decides. Default 0.95: with the other
	// defaults two of 5 to 11 calls must fail, and three of 12 to 20.
	Confidence float64 `mapstructure:"confidence" json:"confidence,omitzero"`

	// The fields below switch on what is off by default. A negative value switches off
	// for one operation what it would inherit.

	// AlertFor is how long the bad periods before an alert must have lasted, from the start of
	// the first to the end of the last, up to 24h. It is for short periods: it keeps one short
	// disturbance from raising an alert. A good period between bad ones then does not begin the
	// count anew, as long as all of them together are bad beyond chance: where a fault hits some
	// of few calls, such periods come by chance. Default: off, the number of bad periods alone
	// decides.
	AlertFor time.Duration `mapstructure:"alert_for" json:"alert_for_ns,omitzero"`
	// MinTraffic is the least number of calls in a period, 1 to 1,000,000,000: a
	// period with fewer is bad for the traffic objective. Default: off.
	MinTraffic int `mapstructure:"min_traffic" json:"min_traffic,omitzero"`
	// MinTrafficRatio is the least share of its usual number of calls that an operation must
	// have, above 0 and below 1: a period with less is bad for the traffic objective. Usual
	// is the median of the last 20 periods with calls. Where that is below 10 calls, or there
	// were fewer periods, traffic is not judged by it. Default: off.
	MinTrafficRatio float64 `mapstructure:"min_traffic_ratio" json:"min_traffic_ratio,omitzero"`
	// StuckAfter is the age, up to 24h, from which a call that has not ended counts as
	// stuck. A period that ends with such calls is bad for the stuck objective. Default: off.
	StuckAfter time.Duration `mapstructure:"stuck_after" json:"stuck_after_ns,omitzero"`
	// SLO is the share of the calls of 30 days that must succeed, above 5/6 and
	// below 1, such as 0.999: what it leaves is the error budget. A period is bad for the
	// burn rate objective if at its end that budget burns more than 14.4 times too
	// fast over the last hour and the last 5 minutes, or more than 6 times over the last
	// 6 hours and the last 30 minutes. A rule counts only if both windows hold MinCalls calls, and
	// the longer one two failed ones and calls of more time than the shorter one is long.
	// Default: off.
	SLO float64 `mapstructure:"slo" json:"slo,omitzero"`
	// RepeatInterval is the time after which a firing alert is sent again, at the end of
	// a period, up to 30 days. Default: off, it is sent once.
	RepeatInterval time.Duration `mapstructure:"repeat_interval" json:"repeat_interval_ns,omitzero"`
	// EndAfterIdle is the number of periods without a call after which a firing alert ends,
	// 1 to 1,000,000, unless it is about the traffic or stuck objective, for which silence is no
	// end. Negative: it fires until the objective is met. Default: [Config.IdlePeriods].
	EndAfterIdle int `mapstructure:"end_after_idle" json:"end_after_idle,omitzero"`
}

// DefaultObjective returns the objective that a zero [Config] expects of every
// operation.
func DefaultObjective() Objective {
	return Objective{
		SuccessRatio:      0.95,
		LatencyTarget:     500 * time.Millisecond,
		WithinTargetRatio: 0.8,
		AlertAfter:        3,
		RecoverAfter:      3,
		MinCalls:          5,
		Confidence:        0.95,
	}
}

// Inherit returns o with its zero fields taken from parent.
func (o Objective) Inherit(parent Objective) Objective {
	inherit(&o.SuccessRatio, parent.SuccessRatio)
	inherit(&o.LatencyTarget, parent.LatencyTarget)
	inherit(&o.WithinTargetRatio, parent.WithinTargetRatio)
	inherit(&o.AlertAfter, parent.AlertAfter)
	inherit(&o.RecoverAfter, parent.RecoverAfter)
	inherit(&o.MinCalls, parent.MinCalls)
	inherit(&o.Confidence, parent.Confidence)
	inherit(&o.AlertFor, parent.AlertFor)
	inherit(&o.MinTraffic, parent.MinTraffic)
	inherit(&o.MinTrafficRatio, parent.MinTrafficRatio)
	inherit(&o.StuckAfter, parent.StuckAfter)
	inherit(&o.SLO, parent.SLO)
	inherit(&o.RepeatInterval, parent.RepeatInterval)
	inherit(&o.EndAfterIdle, parent.EndAfterIdle)
	return o
}

// needsSilence reports whether a period without a call must be judged, too.
func (o *Objective) needsSilence() bool {
	return o.MinTraffic > 0 || o.MinTrafficRatio > 0 || o.StuckAfter > 0 || o.SLO > 0
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
	minLatencyTarget  = 10 * time.Microsecond
	maxLatencyTarget  = 24 * time.Hour
	minObjectiveTime  = time.Millisecond
	maxAlertFor       = 24 * time.Hour
	maxStuckAfter     = 24 * time.Hour
	maxRepeatInterval = 30 * 24 * time.Hour
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
	duration := func(key string, d, low, high time.Duration) {
		errs = append(errs, keyed.Range{Low: low, High: high, Negative: "for none"}.Check(key, d))
	}
	duration("latency_target", o.LatencyTarget, minLatencyTarget, maxLatencyTarget)
	ratio("within_target_ratio", o.WithinTargetRatio)
	within("alert_after", o.AlertAfter, 1, maxPeriodsRunning)
	within("recover_after", o.RecoverAfter, 1, maxPeriodsRunning)
	within("min_calls", o.MinCalls, 1, maxMinCalls)

	share := func(key string, v float64) {
		if !(v < 1) { // NaN, too
			errs = append(errs, fmt.Errorf("%s: must be above 0 and below 1, or negative for none, got %v", key, v))
		}
	}
	share("confidence", o.Confidence)
	duration("alert_for", o.AlertFor, minObjectiveTime, maxAlertFor)
	if o.MinTraffic > maxMinCalls {
		errs = append(errs, fmt.Errorf("min_traffic: must be at most %d, or negative for none, got %d", maxMinCalls, o.MinTraffic))
	}
	share("min_traffic_ratio", o.MinTrafficRatio)
	duration("stuck_after", o.StuckAfter, minObjectiveTime, maxStuckAfter)
	if err := validateSLO(o.SLO); err != nil {
		errs = append(errs, err)
	}
	duration("repeat_interval", o.RepeatInterval, minObjectiveTime, maxRepeatInterval)
	if o.EndAfterIdle > maxIdle {
		errs = append(errs, fmt.Errorf("end_after_idle: must be at most %d, or negative for none, got %d", maxIdle, o.EndAfterIdle))
	}
	return errors.Join(errs...)
}

// slowestBurn is the burn rate above which the slower of the two burn rate rules fires.
const slowestBurn = 6

// highestBurn returns the burn rate where every call fails.
func highestBurn(slo float64) float64 { return 1 / (1 - slo) }

// validateSLO refuses an SLO for which no alert could fire: one that is no share, and one that
// leaves so large an error budget that neither burn rate rule holds though every call fails.
// Most likely that is the error budget itself, or a percentage.
func validateSLO(slo float64) error {
	canFire := func(slo float64) bool { return slo < 1 && highestBurn(slo) > slowestBurn }
	switch {
	case slo <= 0 || canFire(slo):
		return nil
	case slo < 1 && canFire(1-slo):
		return fmt.Errorf("slo: %v is an error budget; the objective is what must succeed: %s", slo, exactly(1-slo))
	case slo > 1 && slo < 100 && canFire(slo/100):
		return fmt.Errorf("slo: %v is a percentage; the objective is a share: %s", slo, exactly(slo/100))
	}
	return fmt.Errorf("slo: must be above 5/6, so that the burn rate can exceed %d, and below 1, or negative for none, got %v", slowestBurn, slo)
}

// exactly writes the decimal number that was meant, without the last digits of its binary form.
func exactly(v float64) string { return strconv.FormatFloat(v, 'g', 14, 64) }
