package rules

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Names of what the rules record. Counts are of one period.
const (
	callsRecord     = "gomonitor:calls:period"
	failuresRecord  = "gomonitor:failures:period"
	ratioRecord     = "gomonitor:success_ratio:period"
	withinRecord    = "gomonitor:within_target_ratio:period"
	successesRecord = "gomonitor:timed:period"
	calledRecord    = "gomonitor:called:timestamp_seconds"
	burnRecord      = "gomonitor:burn_rate:"
)

// by are the labels that make an operation.
const by = serviceLabel + ", " + operationLabel + ", " + kindLabel

// file is a file of Prometheus rules.
type file struct {
	Groups []group `yaml:"groups"`
}

type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// writer collects the rules of one configuration.
type writer struct {
	period          time.Duration
	calls, duration string // names of metrics
	kinds           string // a matcher
	bounds          []time.Duration
	unit            time.Duration
	scopes          []scope
	rules           []rule
	notes           []string
	hasMaintenance  bool
}

// Write returns a file of Prometheus rules in YAML that judge as c does. They are one group,
// which is evaluated once a period.
func Write(c *gomonitorconnector.Config) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	w := newWriter(c)
	w.write()
	period := promDuration(w.period)
	var b bytes.Buffer
	b.WriteString(w.head())
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(file{[]group{{Name: "gomonitor-" + period, Interval: period, Rules: w.rules}}})
	if err != nil {
		return nil, err
	}
	err = e.Close()
	return b.Bytes(), err
}

func newWriter(c *gomonitorconnector.Config) *writer {
	names := c.Metrics.PrometheusNames()
	w := &writer{
		period: cmp.Or(c.Period, time.Minute),
		calls:  names.Calls, duration: names.Duration, bounds: names.Bounds, unit: names.Unit,
		scopes: scopesOf(c), hasMaintenance: len(c.Maintenance) > 0,
	}
	kinds := c.Kinds
	if kinds == nil {
		kinds = []engine.SpanKind{engine.SpanKindServer, engine.SpanKindClient, engine.SpanKindProducer, engine.SpanKindConsumer}
	}
	var list []string
	for _, k := range kinds {
		list = append(list, spanKind(k))
	}
	w.kinds = kindLabel + "=~" + strconv.Quote(strings.Join(list, "|"))
	return w
}

// promDuration writes d as Prometheus does: without fractions.
func promDuration(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// record adds an expression to what is recorded under a name. The expressions of one name are
// about different operations.
func (w *writer) record(name, expr string) {
	for i := range w.rules {
		if r := &w.rules[i]; r.Record == name {
			r.Expr += "\nor\n(" + expr + ")"
			return
		}
	}
	w.rules = append(w.rules, rule{Record: name, Expr: "(" + expr + ")"})
}

// grown returns by how much counters grew within a period, by operation. It is a difference and
// not increase(), which extrapolates and does not see what happened between two ranges:
// so each call is counted in one period. What began to be counted, or began anew, counts
// from zero.
func (w *writer) grown(series string) string {
	return fmt.Sprintf("sum by (%s) ((%s - %s offset %s) >= 0 or %s)", by, series, series, promDuration(w.period), series)
}

// over returns a function over what was recorded in a window. It is half a period short, since
// Prometheus before version 3 counts a sample at its very beginning, too.
func (w *writer) over(function, record string, window time.Duration) string {
	return fmt.Sprintf("%s_over_time(%s[%s])", function, record, promDuration(window-w.period/2))
}

func (w *writer) write() {
	w.record(callsRecord, w.grown(w.calls+"{"+w.kinds+"}"))
	failures := w.grown(w.calls + "{" + w.kinds + `,status_code="STATUS_CODE_ERROR"}`)
	w.record(failuresRecord, failures+" or "+callsRecord+" * 0")
	w.record(ratioRecord, "1 - "+failuresRecord+" / ("+callsRecord+" > 0)")

	w.availability()
	w.latency()
	w.traffic()
	w.burnRate()
	w.omitted()
}

// objectiveKinds are those that the rules know, with what an alert says.
var summaries = map[alert.ObjectiveKind]string{
	alert.Availability: "{{ $labels.span_name }} of {{ $labels.service_name }} fails: see " + ratioRecord,
	alert.Latency:      "{{ $labels.span_name }} of {{ $labels.service_name }} is slow: see " + withinRecord,
	alert.Traffic:      "{{ $labels.span_name }} of {{ $labels.service_name }} is called too seldom: see " + callsRecord,
	alert.BurnRate:     "{{ $labels.span_name }} of {{ $labels.service_name }} burns its error budget: see " + burnRecord + "*",
}

// name returns the name of a record about an objective.
func name(k alert.ObjectiveKind, what string) string { return "gomonitor:" + k.String() + ":" + what }

// availability judges the share of calls that succeed.
func (w *writer) availability() {
	for i := range w.scopes {
		s := &w.scopes[i]
		w.record(name(alert.Availability, "bad"), share(s, ratioRecord, callsRecord, s.objective.SuccessRatio))
	}
	w.machine(alert.Availability, func(*engine.Objective) bool { return true })
}

// share returns 1 where a ratio is below its target, 0 where it is not, and nothing where there
// are too few calls or, with a confidence, where nobody can be sure.
func share(s *scope, ratio, calls string, target float64) string {
	p, n := s.selector(ratio), s.selector(calls)
	enough := fmt.Sprintf(" and %s >= %d", n, max(s.objective.MinCalls, 1))
	if s.objective.Confidence <= 0 {
		return fmt.Sprintf("(%s < bool %s)%s", p, number(target), enough)
	}
	z := math.Sqrt2 * math.Erfinv(s.objective.Confidence)
	// The upper end of Wilson's interval.
	upper := fmt.Sprintf("(%[1]s + %[3]s / %[2]s + %[4]s * sqrt(%[1]s * (1 - %[1]s) / %[2]s + %[5]s / %[2]s ^ 2)) / (1 + %[6]s / %[2]s)",
		p, "("+n+" > 0)", number(z*z/2), number(z), number(z*z/4), number(z*z))
	return fmt.Sprintf("((%s >= %s) * 0 or (%s < %s) * 0 + 1)%s", p, number(target), upper, number(target), enough)
}

// latency judges the share of the successful calls that were quick enough.
func (w *writer) latency() {
	if w.bounds == nil {
		w.notes = append(w.notes, "latency: needs metrics.histogram.explicit, as Prometheus tells no other histogram's buckets apart")
		return
	}
	known := func(o *engine.Objective) bool { return o.LatencyTarget > 0 && w.bound(o.LatencyTarget) > 0 }
	for i := range w.scopes {
		s := &w.scopes[i]
		target := s.objective.LatencyTarget
		bound := w.bound(target)
		switch {
		case target <= 0:
			continue
		case bound == 0:
			w.notes = append(w.notes, fmt.Sprintf("latency: no bucket ends at or above %s, the target of %s", target, s.selector("calls")))
			continue
		case bound != target:
			w.notes = append(w.notes, fmt.Sprintf("latency: calls up to %s count as within %s, as no bucket ends there: %s", bound, target, s.selector("calls")))
		}
		at := number(float64(bound) / float64(w.unit))
		unset := `status_code="STATUS_CODE_UNSET"`
		bucket := (&scope{matchers: append(slices.Clone(s.matchers), w.kinds, unset, `le=~"`+strings.ReplaceAll(at, ".", `\\.`)+`(\\.0)?"`)}).selector(w.duration + "_bucket")
		count := (&scope{matchers: append(slices.Clone(s.matchers), w.kinds, unset)}).selector(w.duration + "_count")
		w.record(successesRecord, w.grown(count))
		w.record(withinRecord, w.grown(bucket)+" / ("+s.selector(successesRecord)+" > 0)")
		w.record(name(alert.Latency, "bad"), share(s, withinRecord, successesRecord, s.objective.WithinTargetRatio))
	}
	w.machine(alert.Latency, known)
}

// bound returns the least bound of a bucket that is not below a target, 0 if there is none.
func (w *writer) bound(target time.Duration) time.Duration {
	for _, b := range w.bounds {
		if b >= target {
			return b
		}
	}
	return 0
}

// traffic judges the number of calls.
func (w *writer) traffic() {
	const (
		usualPeriods = 20
		busy         = 10
	)
	for i := range w.scopes {
		s := &w.scopes[i]
		calls := s.selector(callsRecord)
		var bad []string
		if n := s.objective.MinTraffic; n > 0 {
			bad = append(bad, fmt.Sprintf("(%s < bool %d)", calls, n))
		}
		if r := s.objective.MinTrafficRatio; r > 0 {
			past := fmt.Sprintf("%s[%s] offset %s", calls, promDuration(usualPeriods*w.period-w.period/2), promDuration(w.period))
			usual := fmt.Sprintf("(quantile_over_time(0.5, %s) >= %d and count_over_time(%s) >= %d)", past, busy, past, usualPeriods)
			bad = append(bad, fmt.Sprintf("(%s < bool %s * %s)", calls, number(r), usual))
		}
		switch len(bad) {
		case 1:
			w.record(name(alert.Traffic, "bad"), bad[0])
		case 2:
			w.record(name(alert.Traffic, "bad"), fmt.Sprintf("(%s > %s) or %s", bad[1], bad[0], bad[0]))
		}
	}
	w.machine(alert.Traffic, trafficIsSet)
}

func trafficIsSet(o *engine.Objective) bool { return o.MinTraffic > 0 || o.MinTrafficRatio > 0 }

// burnRate judges how fast the error budget burns: the multiwindow, multi-burn-rate alerts of
// "The Site Reliability Workbook", chapter 5.
func (w *writer) burnRate() {
	isSet := func(o *engine.Objective) bool { return o.SLO > 0 }
	for i := range w.scopes {
		s := &w.scopes[i]
		if !isSet(&s.objective) {
			continue
		}
		for _, window := range []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour} {
			w.record(burnRecord+alert.Exact(window), fmt.Sprintf("(%s / (%s > 0) or %s * 0) / %s",
				w.over("sum", s.selector(failuresRecord), window), w.over("sum", s.selector(callsRecord), window),
				s.selector(callsRecord), number(roundBudget(1-s.objective.SLO))))
		}
		w.record(calledRecord, fmt.Sprintf("(%s > 0) * 0 + time()", s.selector(callsRecord)))
		rule := func(short, long time.Duration, above float64) (seems, evident string) {
			seems = fmt.Sprintf("(%s > bool %s) * (%s > bool %s)",
				s.selector(burnRecord+alert.Exact(long)), number(above), s.selector(burnRecord+alert.Exact(short)), number(above))
			// Enough calls in the short window, and so in both, two that failed, and calls of more time
			// than it is long, where those of a period, or a minute, take up all of it.
			spans := fmt.Sprintf("(%s - %s > bool %d)", w.over("max", s.selector(calledRecord), long), w.over("min", s.selector(calledRecord), long),
				int((short - max(w.period, time.Minute)).Seconds()))
			return seems, fmt.Sprintf("(%s >= bool %d) * (%s >= bool 2) * %s",
				w.over("sum", s.selector(callsRecord), short), max(s.objective.MinCalls, 1), w.over("sum", s.selector(failuresRecord), long), spans)
		}
		fast, fastEvident := rule(5*time.Minute, time.Hour, 14.4)
		slow, slowEvident := rule(30*time.Minute, 6*time.Hour, 6)
		// What burns without evidence is neither bad nor good.
		w.record(name(alert.BurnRate, "bad"), fmt.Sprintf("clamp_max(%s * %s + %s * %s, 1) == 1 or clamp_max(%s + %s, 1) == 0",
			fast, fastEvident, slow, slowEvident, fast, slow))
	}
	if w.period < time.Minute && slices.ContainsFunc(w.scopes, func(s scope) bool { return isSet(&s.objective) }) {
		w.notes = append(w.notes, "burn_rate: the monitor counts calls by the minute, so between full minutes its windows are shorter by less than one")
	}
	w.machine(alert.BurnRate, isSet)
}

// roundBudget takes off what 1 - 0.999 adds to 0.001.
func roundBudget(b float64) float64 { return math.Round(b*1e12) / 1e12 }

// machine records how many periods running were bad and good, by how many the bad ones are ahead,
// and whether an alert fires: after AlertAfter bad ones, or a lead of 2*AlertAfter-1, until
// RecoverAfter good ones. A period that says nothing changes nothing. What was before is read from
// what the rules recorded themselves, as long as the operation has metrics.
func (w *writer) machine(k alert.ObjectiveKind, isSet func(*engine.Objective) bool) {
	if !slices.ContainsFunc(w.scopes, func(s scope) bool { return isSet(&s.objective) }) {
		return
	}
	bad, badRun, goodRun, lead, firing := name(k, "bad"), name(k, "bad_run"), name(k, "good_run"), name(k, "lead"), name(k, "firing")
	before := func(record string) string {
		return fmt.Sprintf("(last_over_time(%s[%s]) and %s)", record, promDuration(3*w.period), callsRecord)
	}
	w.record(badRun, fmt.Sprintf("%[1]s * (1 + (%[2]s or %[1]s * 0)) or %[2]s", bad, before(badRun)))
	w.record(goodRun, fmt.Sprintf("(1 - %[1]s) * (1 + (%[2]s or %[1]s * 0)) or %[2]s", bad, before(goodRun)))
	for i := range w.scopes {
		s := &w.scopes[i]
		o := &s.objective
		if !isSet(o) {
			continue
		}
		badRuns, goodRuns := s.selector(badRun), s.selector(goodRun)
		was := fmt.Sprintf("(%s or %s * 0)", before(s.selector(firing)), badRuns)
		if o.AlertFor > 0 {
			n := max(o.AlertAfter, int((o.AlertFor+w.period-1)/w.period))
			w.record(firing, fmt.Sprintf("clamp_max((%s >= bool %d) + %s * (%s < bool %d), 1)", badRuns, n, was, goodRuns, o.RecoverAfter))
			continue
		}
		// 1 says that an alert fires since so many bad periods were in a row, 2 that it does by the
		// lead, which then has to be gone before it is resolved.
		most := 2*o.AlertAfter - 1
		bads, leads := s.selector(bad), s.selector(lead)
		w.record(lead, fmt.Sprintf("clamp((%[1]s or %[2]s * 0) + 2 * %[2]s - 1, 0, %[3]d) * ((%[4]s or %[2]s * 0) != bool 1) or %[1]s",
			before(leads), bads, most, before(s.selector(firing))))
		w.record(firing, fmt.Sprintf("(%[1]s == bool 0) * ((%[2]s >= bool %[3]d) + 2 * (%[2]s < bool %[3]d) * (%[4]s >= bool %[5]d)) + "+
			"%[1]s * (1 - (%[6]s >= bool %[7]d) * clamp_max((%[1]s == bool 1) + (%[4]s == bool 0), 1))",
			was, badRuns, o.AlertAfter, leads, most, goodRuns, o.RecoverAfter))
	}
	w.rules = append(w.rules, rule{
		Alert:       "GoMonitor" + camel(k.String()),
		Expr:        firing + " > 0",
		Labels:      map[string]string{"objective": k.String(), "severity": "critical"},
		Annotations: map[string]string{"summary": summaries[k]},
	})
}

// camel writes lower_snake as LowerSnake.
func camel(s string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(s, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// omitted notes what the configuration asks for and the rules can't say.
func (w *writer) omitted() {
	has := func(isSet func(*engine.Objective) bool) bool {
		return slices.ContainsFunc(w.scopes, func(s scope) bool { return isSet(&s.objective) })
	}
	if has(func(o *engine.Objective) bool { return o.MinCalls > 1 }) {
		w.notes = append(w.notes, "min_calls: periods with fewer calls are left out, and not judged together")
	}
	if has(func(o *engine.Objective) bool { return o.AlertFor > 0 }) {
		w.notes = append(w.notes, "alert_for: a good period between bad ones begins them anew")
	}
	if has(func(o *engine.Objective) bool { return o.MinTrafficRatio > 0 }) {
		w.notes = append(w.notes, "min_traffic_ratio: the usual number is that of the last 20 periods, those without calls among them")
	}
	if has(func(o *engine.Objective) bool { return o.RepeatInterval > 0 }) {
		w.notes = append(w.notes, "repeat_interval: is Alertmanager's, in its own configuration")
	}
	if has(func(o *engine.Objective) bool { return o.EndAfterIdle >= 0 }) {
		w.notes = append(w.notes, "end_after_idle: an alert about an operation that nobody calls any more fires as long as the operation has metrics")
	}
	if w.hasMaintenance {
		w.notes = append(w.notes, "maintenance: is Alertmanager's, as mute_time_intervals and silences")
	}
	w.notes = append(w.notes, "flapping: each time it fires is an alert of its own; group_interval of Alertmanager bounds how often that is said")
	w.notes = append(w.notes, "cancelled calls: count as successes, as the metrics don't tell them apart")
}

func (w *writer) head() string {
	lines := []string{
		"Written by go-monitor rules: what the configuration expects, for Prometheus.",
		"Evaluate it where " + w.calls + " is scraped at least twice a period.",
		"",
		"Not quite the same as the monitor:",
	}
	for _, n := range w.notes {
		lines = append(lines, "- "+alert.Printable(n))
	}
	return "# " + strings.ReplaceAll(strings.Join(lines, "\n"), "\n", "\n# ") + "\n"
}
