package monitor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/keyed"
	"github.com/blurooo/go-monitor/v2/state"
)

// Report is one finished call, reported by hand.
type Report = engine.Report

// CodeFeature says what a status code means: whether a call with it succeeded, and
// its name in summaries.
type CodeFeature = engine.CodeFeature

// Config says what a monitor watches, what it expects, and where its findings go.
// The zero Config is a useful one: every field's zero value means its default.
type Config struct {
	// Name is the monitor's name in summaries and alerts. Default: the service.name
	// of the process's resource (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, or
	// unknown_service:<executable>).
	Name string
	// Service is the service of reports made by hand that name none. Default: the
	// same service.name. Spans bring their own.
	Service string
	// Period is the time after which quality is judged, 10ms to 1h; short ones are
	// for tests and demos. Periods begin on multiples of it. Default 1m.
	Period time.Duration

	// Slice is how long the slices of a period are, 1s to 5s, by which it is soon noticed that an
	// operation has changed; a period is cut into equal ones, of about that length. Negative: there
	// are none, and own times are not measured. Default 3s.
	Slice time.Duration

	// Objective is what is expected of every operation. Default: 95 % of the calls
	// succeed, 80 % of the successful ones within 500ms; an alert fires after 3
	// bad periods running and is resolved after 3 good ones.
	Objective engine.Objective
	// Operations holds the objectives of single operations by name, whatever their
	// service and span kind. A name behind a span kind, as in "client: GET /users", is for that kind
	// alone. A field left zero inherits that of the name alone, and then Objective's. Each name is
	// kept a place: MaxOperations does not keep it out. A name that was
	// never called in the first hour is told to OpenTelemetry's error handler.
	Operations map[string]engine.Objective

	// Codes says, by status code, whether a call succeeded, and names the code in
	// summaries. It wins over the default rules, and loses to Classify. Default: empty.
	Codes map[string]CodeFeature
	// Classify says with which code a span's call ended, and how, in place of the
	// default classifier. [engine.OutcomeUnset] leaves the outcome to the code; with an
	// empty code, too, the default classifier's answer stands. It runs inside
	// span.End on the caller's goroutine, so it must be quick, and must not keep
	// the span. If it panics the default classifier's answer stands. Default: nil.
	Classify func(span sdktrace.ReadOnlySpan) (code string, outcome engine.Outcome)
	// Outcomes settle what counts as a failure where opinions differ.
	Outcomes Outcomes
	// Rules say what to make of spans that the default rules misjudge: whether they are calls,
	// how they ended, and whether their time counts. The first that fits a span goes before the
	// default rules and Codes, and loses to Classify. Default: empty.
	Rules []Rule
	// Dimensions are keys of span attributes that may tell bad calls from good ones, such as
	// "tenant.id", beside those of the semantic conventions; "*" stands for all. An alert says
	// what the bad calls share: "92 % have tenant.id=acme (7 % of the others)". Default: none.
	Dimensions []string
	// Redact returns what alerts may show of the value of an attribute, or of a message, whose key
	// is "exception.message"; "" leaves it out. It gets failed and slow calls only, after what
	// secrets are known by, as passwords in URLs are, has been taken out. It runs as Classify
	// does; if it panics, the value is left out. Default: nil.
	Redact func(key, value string) string
	// NoDetails keeps messages, events and attributes of calls out of summaries and alerts.
	// Default: failed and slow calls show them.
	NoDetails bool
	// Kinds are the span kinds that are watched. Default (nil): SERVER, CLIENT,
	// PRODUCER and CONSUMER. An empty slice that is not nil: none, so that only
	// reports made by hand count.
	Kinds []trace.SpanKind
	// Filter says whether a span is watched at all. It runs as Classify does; if it
	// panics the span is watched. Default (nil): all spans of the Kinds are watched.
	Filter func(span sdktrace.ReadOnlySpan) bool

	// Notifiers are where alerts go. Default (nil): a readable block on stderr if that is a
	// terminal, otherwise [slog.Default], as [alert.Slog] does, or JSON lines on stderr while the program
	// has not chosen a default logger. An empty slice that is not nil:
	// nowhere.
	Notifiers []alert.Notifier
	// Maintenance are the times in which alerts are judged and kept, but not sent. What still fires
	// at the end of one is sent then. Default: none.
	Maintenance []alert.Maintenance
	// Delivery says how notifications are delivered: how often a notifier is tried, and how
	// much can wait for it. Default: up to 16 tries in about ten minutes.
	Delivery delivery.Config
	// Sinks are where summaries go. Default (nil): [engine.Table] on stderr if that is a
	// terminal, otherwise [slog.Default], as [engine.Slog] does, or JSON lines as for alerts;
	// nowhere in a test binary. The default leaves out partial periods. An empty slice that is not nil: nowhere.
	Sinks []engine.Sink

	// State is the home of what outlives the process: streaks, alerts that fire, burn rates. A
	// restart then neither loses an incident nor repeats it. [state.File] is one, the module store
	// has others. Default: none; then alerts that fire when the process ends are interrupted.
	State state.Store
	// StateTolerance is the longest time between two periods over which streaks go on, 1s to 168h.
	// After a longer one they begin anew, and alerts that fired end. Default: the larger of 10
	// minutes and three periods.
	StateTolerance time.Duration

	// Distribution sets the intervals of the summaries' latency distribution.
	// Default: below 100ms, eight intervals of 50ms, 500ms and above.
	Distribution engine.Distribution
	// Distributions sets them for single operations by name. A field left zero
	// inherits Distribution's.
	Distributions map[string]engine.Distribution
	// MaxOperations is the number of operations that are counted one by one, 1 to
	// 1,000,000; what goes beyond is counted under [engine.OverflowName]. Default 2000.
	MaxOperations int
	// MaxCodes is the number of failure codes that are counted one by one for each
	// operation and period, 1 to 1000; what goes beyond is counted under
	// [engine.OverflowName]. Default 64.
	MaxCodes int
	// IdlePeriods is the number of periods without a call after which an operation
	// gives up its place, 1 to 1,000,000. A firing alert about it ends then, too, see
	// [engine.Objective.EndAfterIdle]. It stays while an alert about it fires, while its
	// silence is bad, and, with an SLO, for six hours after the last call. Default 60.
	IdlePeriods int
	// QueueSize is the number of reports that can wait to be counted, 16 to
	// 16,777,216, rounded up to a power of two. What comes while the queue is full is
	// dropped, and counted as such. Default: 4096 for each processor, at most 65,536.
	QueueSize int
	// MaxInFlight is the number of calls in flight that can be tracked, up to 1,048,576,
	// rounded up to a power of two of at least 64: spans that have begun and not ended, so
	// that a call that hangs can be seen. Default (0): 8192 if any objective has a
	// StuckAfter, otherwise they are not tracked. With it, Filter is asked about each span
	// when it begins, too.
	MaxInFlight int
	// Histograms says that summaries carry their full latency histogram. Default: they don't.
	Histograms bool
}

// Validate returns one error for everything in c that can't be, joined; each names
// the key and quotes the value.
func (c Config) Validate() error {
	errs := []error{c.engine().Validate(), keyed.Below("outcomes", c.Outcomes.Validate()), classify.ValidateRules(c.Rules), alert.ValidateMaintenance(c.Maintenance), c.details().Validate()}
	for i, k := range c.Kinds {
		if k < trace.SpanKindInternal || k > trace.SpanKindConsumer {
			errs = append(errs, fmt.Errorf("kinds[%d]: must be a span kind from INTERNAL to CONSUMER, got %d", i, int(k)))
		}
	}
	errs = append(errs, keyed.Below("delivery", c.Delivery.Validate()), keyed.Below("state", state.Config{Tolerance: c.StateTolerance}.Validate()))
	for i, n := range c.Notifiers {
		if n == nil {
			errs = append(errs, fmt.Errorf("notifiers[%d]: must not be nil", i))
		}
	}
	for i, s := range c.Sinks {
		if s == nil {
			errs = append(errs, fmt.Errorf("sinks[%d]: must not be nil", i))
		}
	}
	return errors.Join(errs...)
}

// details returns what c says of the details of calls.
func (c Config) details() classify.DetailConfig {
	return classify.DetailConfig{Disable: c.NoDetails, Dimensions: c.Dimensions, Redact: c.Redact}
}

// engine returns the engine's part of c.
func (c Config) engine() engine.Config {
	return engine.Config{
		Name:          c.Name,
		Service:       c.Service,
		Period:        c.Period,
		Slice:         c.Slice,
		Objective:     c.Objective,
		Operations:    c.Operations,
		Codes:         c.Codes,
		Distribution:  c.Distribution,
		Distributions: c.Distributions,
		MaxOperations: c.MaxOperations,
		MaxCodes:      c.MaxCodes,
		IdlePeriods:   c.IdlePeriods,
		QueueSize:     c.QueueSize,
		MaxInFlight:   c.MaxInFlight,
		Histograms:    c.Histograms,
	}
}

// withDefaults returns c with the defaults that are not the engine's.
func (c Config) withDefaults(p place) Config {
	if c.Name == "" || c.Service == "" {
		service := processService()
		if c.Name == "" {
			c.Name = service
		}
		if c.Service == "" {
			c.Service = service
		}
	}
	if c.Kinds == nil {
		c.Kinds = []trace.SpanKind{
			trace.SpanKindServer, trace.SpanKindClient,
			trace.SpanKindProducer, trace.SpanKindConsumer,
		}
	}
	if c.Notifiers == nil {
		c.Notifiers = []alert.Notifier{p.notifier()}
	}
	if c.Sinks == nil {
		c.Sinks = p.sinks()
	}
	c.Notifiers, c.Sinks = slices.Clone(c.Notifiers), slices.Clone(c.Sinks)
	return c
}

// isDisabled reports whether the environment switches telemetry off, as the
// OpenTelemetry specification has it: OTEL_SDK_DISABLED=true, in any case.
func isDisabled() bool { return strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") }
