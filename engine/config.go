package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Config says how an engine counts. It is plain data; a zero field means its
// default.
type Config struct {
	// Name is the monitor's name, as summaries carry it. Default "monitor".
	Name string `mapstructure:"name"`
	// Service is the service of reports that name none. Default: empty.
	Service string `mapstructure:"service"`
	// Period is the time after which quality is judged, 10ms to 1h. Periods begin
	// on multiples of it. Default 1m.
	Period time.Duration `mapstructure:"period"`
	// Slice is how long the slices of a period are, 1s to 5s, by which it is soon noticed that
	// an operation has changed; a period is cut into equal ones, of about that length.
	// Negative: there are none, and own times are not measured. Default 3s.
	Slice time.Duration `mapstructure:"slice"`
	// Objective is what is expected of every operation. Default [DefaultObjective].
	Objective Objective `mapstructure:"objective"`
	// Operations holds the objectives of single operations by name, whatever their
	// service and span kind. A name behind a span kind, as in "client: GET /users", is for that kind
	// alone. A field left zero inherits that of the name alone, and then Objective's. Each name is
	// kept a place: MaxOperations does not keep it out.
	Operations map[string]Objective `mapstructure:"operations"`
	// Services holds the objectives of single services and of their operations, for a monitor
	// that watches many. The most specific objective counts: that of the operation in its
	// service, then Operations, then that of the service. A field left zero inherits the next
	// one's.
	Services map[string]ServiceObjectives `mapstructure:"services"`
	// Codes says what status codes mean, by code. Default: none has a special meaning.
	Codes map[string]CodeFeature `mapstructure:"codes"`
	// Distribution sets the intervals of the latency distribution. Default [DefaultDistribution].
	Distribution Distribution `mapstructure:"distribution"`
	// Distributions sets them for single operations by name. A field left zero
	// inherits Distribution's.
	Distributions map[string]Distribution `mapstructure:"distributions"`
	// MaxOperations is the number of operations that are counted one by one; the
	// reports of further ones are counted together under [OverflowName], 1 to
	// 1,000,000. Default 2000.
	MaxOperations int `mapstructure:"max_operations"`
	// MaxCodes is the number of failure codes that are counted one by one for each
	// operation and period; further ones are counted together under
	// [OverflowName], 1 to 1000. Default 64.
	MaxCodes int `mapstructure:"max_codes"`
	// IdlePeriods is the number of periods without a call after which an operation
	// gives up its place, 1 to 1,000,000, unless its judge needs it. A firing alert about it
	// ends then, too ([Objective.EndAfterIdle]). Default 60.
	IdlePeriods int `mapstructure:"idle_periods"`
	// QueueSize is the number of reports that can wait to be counted, 16 to
	// 16,777,216, rounded up to a power of two. Default: 4096 for each of the
	// processors that Go may use, itself rounded up to a power of two, at most 65,536.
	QueueSize int `mapstructure:"queue_size"`
	// MaxInFlight is the number of calls in flight that a live [Engine] can track, up to
	// 1,048,576, rounded up to a power of two of at least 64. Default (0): 8192 if any
	// objective has a StuckAfter, otherwise they are not tracked.
	MaxInFlight int `mapstructure:"-"`
	// Histograms says that summaries carry their full histogram. Default: they don't.
	Histograms bool `mapstructure:"histograms"`
}

// ServiceObjectives says what is expected of one service.
type ServiceObjectives struct {
	// Objective is what is expected of its operations. A field left zero inherits.
	Objective Objective `mapstructure:"objective"`
	// Operations holds the objectives of single operations by name. A field left zero inherits.
	Operations map[string]Objective `mapstructure:"operations"`
}

// Validate returns one error for each field that is out of bounds, joined; each names the
// key and quotes the value.
func (s ServiceObjectives) Validate() error {
	return errors.Join(keyed.Below("objective", s.Objective.Validate()), validateObjectives(s.Operations))
}

// validateObjectives returns what is wrong with the objectives of operations.
func validateObjectives(operations map[string]Objective) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		errs = append(errs, keyed.Below(entry("operations", name), operations[name].Validate()))
	}
	return errors.Join(errs...)
}

// Bounds of [Config].
const (
	minPeriod     = 10 * time.Millisecond
	maxPeriod     = time.Hour
	minSlice      = time.Second
	maxSlice      = 5 * time.Second
	maxOperations = 1_000_000
	maxCodes      = 1000
	maxIdle       = 1_000_000
	minQueue      = 16
	maxQueue      = 1 << 24
	maxInFlight   = 1 << 20

	defaultInFlight = 8192
)

// DefaultPeriod is the length of a period where a configuration sets none.
const DefaultPeriod = time.Minute

// Validate returns one error for everything in c that can't be, joined; each
// names the key and quotes the value.
func (c Config) Validate() error {
	var errs []error
	errs = append(errs, keyed.Range{Low: minPeriod, High: maxPeriod}.Check("period", c.Period))
	errs = append(errs, keyed.Range{Low: minSlice, High: maxSlice, Negative: "for none"}.Check("slice", c.Slice))
	errs = append(errs, keyed.Below("objective", c.Objective.Validate()))
	errs = append(errs, validateObjectives(c.Operations))
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		errs = append(errs, keyed.Below(entry("services", name), c.Services[name].Validate()))
	}
	errs = append(errs, keyed.Below("distribution", c.Distribution.Validate()))
	for _, name := range slices.Sorted(maps.Keys(c.Distributions)) {
		d := c.Distributions[name].inherit(c.Distribution)
		errs = append(errs, keyed.Below(entry("distributions", name), d.Validate()))
	}
	within := func(key string, v, low, high int) {
		if v != 0 && (v < low || v > high) {
			errs = append(errs, fmt.Errorf("%s: must be between %d and %d, got %d", key, low, high, v))
		}
	}
	within("max_operations", c.MaxOperations, 1, maxOperations)
	within("max_codes", c.MaxCodes, 1, maxCodes)
	within("idle_periods", c.IdlePeriods, 1, maxIdle)
	within("queue_size", c.QueueSize, minQueue, maxQueue)
	within("max_in_flight", c.MaxInFlight, 0, maxInFlight)
	return errors.Join(errs...)
}

// entry names an entry of a map; its key may be anything.
func entry(key, name string) string { return fmt.Sprintf("%s[%q]", key, name) }

// sliceLength returns the length of the slices into which a period is cut; 0: it is not. The last
// one of a period may be a few nanoseconds longer.
func (c *Config) sliceLength() time.Duration {
	if c.Slice <= 0 {
		return 0
	}
	n := max(1, (c.Period+c.Slice/2)/c.Slice)
	return c.Period / n
}

// withDefaults returns a copy of c with its defaults, which shares no map or slice with it.
// QueueSize is left to the queue.
func (c Config) withDefaults() Config {
	inherit(&c.Name, "monitor")
	inherit(&c.Period, DefaultPeriod)
	inherit(&c.Slice, 3*time.Second)
	inherit(&c.MaxOperations, 2000)
	inherit(&c.MaxCodes, 64)
	inherit(&c.IdlePeriods, 60)
	c.Objective = c.Objective.Inherit(DefaultObjective())
	if c.MaxInFlight == 0 && c.expectsStuck() {
		c.MaxInFlight = defaultInFlight
	}
	c.Distribution = c.Distribution.inherit(DefaultDistribution())
	c.Distribution.Bounds = slices.Clone(c.Distribution.Bounds)
	c.Codes = maps.Clone(c.Codes)
	c.Operations = maps.Clone(c.Operations)
	for name, o := range c.Operations {
		c.Operations[name] = o.Inherit(c.Objective)
	}
	c.Services = maps.Clone(c.Services)
	for name, s := range c.Services {
		s.Operations = maps.Clone(s.Operations)
		c.Services[name] = s
	}
	c.Distributions = maps.Clone(c.Distributions)
	for name, d := range c.Distributions {
		d = d.inherit(c.Distribution)
		d.Bounds = slices.Clone(d.Bounds)
		c.Distributions[name] = d
	}
	return c
}

// expectsStuck reports whether any objective has a StuckAfter.
func (c *Config) expectsStuck() bool {
	has := func(operations map[string]Objective) bool {
		for _, o := range operations {
			if o.StuckAfter > 0 {
				return true
			}
		}
		return false
	}
	if c.Objective.StuckAfter > 0 || has(c.Operations) {
		return true
	}
	for _, s := range c.Services {
		if s.Objective.StuckAfter > 0 || has(s.Operations) {
			return true
		}
	}
	return false
}
