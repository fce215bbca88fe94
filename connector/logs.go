package gomonitorconnector

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/blurooo/go-monitor/otellog"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// LogsConfig says what is emitted as log records besides alerts.
type LogsConfig struct {
	// Summaries emits one record for each operation and closed period, and one for each
	// period with problems, such as calls that were dropped. Default: alerts only.
	Summaries bool `mapstructure:"summaries"`
}

// Names of the events about closed periods.
const (
	eventSummary = "gomonitor.summary"
	eventError   = "gomonitor.error"
)

// alertLogs returns one log record for each alert, with the same content as [otellog.New],
// grouped by service.
func alertLogs(alerts []alert.Alert) plog.Logs {
	l := newServiceLogs()
	for i := range alerts {
		a := &alerts[i]
		source := otellog.Record(a)
		record := l.add(a.Service, &source)
		if worst := &a.WorstExemplar.Trace; worst.Sampled {
			record.SetTraceID(worst.TraceID)
			record.SetSpanID(worst.SpanID)
			record.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(true))
		}
	}
	return l.logs
}

// summaryLogs returns one log record for each summary of a closed period, grouped by service,
// and one more if the period has problems.
func summaryLogs(p *engine.Period) plog.Logs {
	l := newServiceLogs()
	for i := range p.Summaries {
		s := &p.Summaries[i]
		source := newRecord(eventSummary, log.SeverityInfo, s.End, summaryText(s))
		source.AddAttributes(summaryAttributes(s)...)
		l.add(s.Service, &source)
	}
	if problems := problemsOf(p); len(problems) > 0 {
		source := newRecord(eventError, log.SeverityWarn, p.End, problemsText(p, problems))
		source.AddAttributes(
			text("gomonitor.monitor", p.Monitor),
			moment("gomonitor.period.starts_at", p.Start),
			moment("gomonitor.period.ends_at", p.End),
		)
		for _, l := range problems {
			source.AddAttributes(attribute.Int64("gomonitor."+l.key, int64(l.count)))
		}
		l.add("", &source)
	}
	return l.logs
}

// newRecord returns a log record without attributes.
func newRecord(event string, severity log.Severity, at time.Time, body string) log.Record {
	var r log.Record
	r.SetEventName(event)
	r.SetTimestamp(at)
	r.SetSeverity(severity)
	r.SetSeverityText(severity.String())
	r.SetBody(attribute.StringValue(body))
	return r
}

// summaryAttributes returns the attributes of a summary's event. Where an alert's event says the
// same, they have the same keys. What was not measured is left out.
func summaryAttributes(s *engine.Summary) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		text("gomonitor.monitor", s.Monitor),
		text("gomonitor.operation", s.Operation),
		attribute.String("gomonitor.span.kind", s.SpanKind.String()),
		moment("gomonitor.period.starts_at", s.Start),
		moment("gomonitor.period.ends_at", s.End),
		attribute.Int64("gomonitor.calls", int64(s.Count)),
		attribute.Int64("gomonitor.successes", int64(s.Success)),
		attribute.Int64("gomonitor.failures", int64(s.Failure)),
		attribute.Int64("gomonitor.cancelled", int64(s.Cancelled)),
		attribute.Int64("gomonitor.ignored", int64(s.Ignored)),
	}
	if s.Service != "" {
		attrs = append(attrs, text("service.name", s.Service))
	}
	if s.Partial {
		attrs = append(attrs, attribute.Bool("gomonitor.period.partial", true))
	}
	if s.Success+s.Failure > 0 {
		attrs = append(attrs, attribute.Float64("gomonitor.success_ratio", s.SuccessRatio))
	}
	if s.Success > 0 {
		attrs = append(attrs,
			attribute.Float64("gomonitor.within_target_ratio", s.WithinTargetRatio),
			seconds("gomonitor.latency.min", s.Latency.Min),
			seconds("gomonitor.latency.mean", s.Latency.Mean),
			seconds("gomonitor.latency.p50", s.Latency.P50),
			seconds("gomonitor.latency.p90", s.Latency.P90),
			seconds("gomonitor.latency.p95", s.Latency.P95),
			seconds("gomonitor.latency.p99", s.Latency.P99),
			seconds("gomonitor.latency.max", s.Latency.Max),
		)
	}
	if s.OwnTime.Count > 0 {
		attrs = append(attrs,
			seconds("gomonitor.own_time.mean", s.OwnTime.Mean),
			seconds("gomonitor.own_time.p50", s.OwnTime.P50),
			seconds("gomonitor.own_time.p99", s.OwnTime.P99),
		)
	}
	if s.Failure > 0 {
		attrs = append(attrs,
			seconds("gomonitor.failure_latency.mean", s.FailureLatency.Mean),
			seconds("gomonitor.failure_latency.max", s.FailureLatency.Max),
		)
	}
	for _, f := range s.Failures {
		if f.Code != "" {
			attrs = append(attrs, text("error.type", f.Code))
			break
		}
	}
	if len(s.FailureCauses) > 0 {
		c := &s.FailureCauses[0]
		attrs = append(attrs,
			text("gomonitor.cause.operation", c.Operation),
			text("gomonitor.cause.service", c.Service),
			text("gomonitor.cause.code", c.Code),
			attribute.Float64("gomonitor.cause.share", c.Share),
		)
	}
	if s.InFlight > 0 {
		attrs = append(attrs,
			attribute.Int64("gomonitor.in_flight", int64(s.InFlight)),
			seconds("gomonitor.oldest_in_flight", s.OldestInFlight),
			attribute.Int64("gomonitor.stuck", int64(s.Stuck)),
		)
	}
	for _, k := range []alert.ObjectiveKind{alert.Availability, alert.Latency, alert.Traffic, alert.Stuck, alert.BurnRate} {
		if v := alert.VerdictOf(s, k); v != engine.VerdictNone {
			attrs = append(attrs, attribute.String("gomonitor.verdict."+k.String(), v.String()))
		}
	}
	if ids := traceIDs(s.FailureExemplars); len(ids) > 0 {
		attrs = append(attrs, attribute.StringSlice("gomonitor.failure_exemplars.trace_ids", ids))
	}
	if ids := traceIDs(s.SlowExemplars); len(ids) > 0 {
		attrs = append(attrs, attribute.StringSlice("gomonitor.slow_exemplars.trace_ids", ids))
	}
	return attrs
}

// traceIDs returns the ids of sampled traces.
func traceIDs(calls []engine.Exemplar) []string {
	var ids []string
	for _, c := range calls {
		if c.Trace.Sampled {
			ids = append(ids, pcommon.TraceID(c.Trace.TraceID).String())
		}
	}
	return ids
}

// summaryText writes a summary in one line: "GET /users/{id}: 120 calls, 95 % succeed: 503 x6,
// p50 12ms, p99 80ms, max 120ms". It is printable.
func summaryText(s *engine.Summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", alert.Printable(s.Operation), alert.Counted(s.Count, "call"))
	if s.Success+s.Failure > 0 {
		fmt.Fprintf(&b, ", %s succeed", alert.Percent(s.SuccessRatio))
	}
	if codes := alert.CodesText(s.Failures); codes != "" {
		fmt.Fprintf(&b, ": %s", codes)
	}
	if s.Success > 0 {
		fmt.Fprintf(&b, ", p50 %s, p99 %s, max %s",
			alert.Rounded(s.Latency.P50), alert.Rounded(s.Latency.P99), alert.Rounded(s.Latency.Max))
	}
	if s.Cancelled > 0 {
		fmt.Fprintf(&b, ", %d cancelled (%s)", s.Cancelled, alert.Percent(s.CancelledRatio()))
	}
	if s.InFlight > 0 {
		fmt.Fprintf(&b, ", %d in flight, the oldest for %s", s.InFlight, alert.Rounded(s.OldestInFlight))
	}
	return b.String()
}

// problem is something of a period that was not counted or delivered as it should have been.
type problem struct {
	key   string // of its attribute, under gomonitor
	count uint64
	text  string
}

// problemsOf returns the problems of a period, none if all is well.
func problemsOf(p *engine.Period) []problem {
	var problems []problem
	for _, l := range []problem{
		{"late", p.Late, alert.Counted(p.Late, "call") + " of an earlier period"},
		{"early", p.Early, alert.Counted(p.Early, "call") + " from the future"},
		{"dropped", p.Dropped, alert.Counted(p.Dropped, "call") + " dropped"},
		{"overflowed", p.Overflowed, alert.Counted(p.Overflowed, "call") + " of too many operations counted as " + engine.OverflowName},
		{"untracked", p.Untracked, alert.Counted(p.Untracked, "call") + " in flight not tracked"},
		{"abandoned", p.Abandoned, alert.Counted(p.Abandoned, "call") + " in flight for too long"},
		{"undelivered_periods", p.UndeliveredPeriods, alert.Counted(p.UndeliveredPeriods, "period") + " not delivered"},
		{"undelivered_notifications", p.UndeliveredNotifications, alert.Counted(p.UndeliveredNotifications, "notification") + " not delivered"},
	} {
		if l.count > 0 {
			problems = append(problems, l)
		}
	}
	return problems
}

// problemsText writes problems in one line.
func problemsText(p *engine.Period, problems []problem) string {
	texts := make([]string, len(problems))
	for i, l := range problems {
		texts[i] = l.text
	}
	return "monitor " + alert.Printable(p.Monitor) + ": " + strings.Join(texts, ", ")
}

// clean returns s with everything replaced that is not UTF-8, since an exporter drops a whole
// batch for one such byte.
func clean(s string) string { return strings.ToValidUTF8(s, string(unicode.ReplacementChar)) }

// text returns an attribute whose value may hold anything.
func text(key, value string) attribute.KeyValue { return attribute.String(key, clean(value)) }

func moment(key string, t time.Time) attribute.KeyValue {
	return attribute.String(key, t.Format(time.RFC3339Nano))
}

func seconds(key string, d time.Duration) attribute.KeyValue {
	return attribute.Float64(key, d.Seconds())
}

// serviceLogs groups log records by the resource of their service.
type serviceLogs struct {
	logs    plog.Logs
	records map[string]plog.LogRecordSlice
}

func newServiceLogs() *serviceLogs {
	return &serviceLogs{logs: plog.NewLogs(), records: make(map[string]plog.LogRecordSlice)}
}

// add appends source to the records of a service, which may be empty.
func (l *serviceLogs) add(service string, source *log.Record) plog.LogRecord {
	service = clean(service)
	records, ok := l.records[service]
	if !ok {
		resource := l.logs.ResourceLogs().AppendEmpty()
		if service != "" {
			resource.Resource().Attributes().PutStr("service.name", service)
		}
		scope := resource.ScopeLogs().AppendEmpty()
		scope.Scope().SetName(alert.ScopeName)
		records = scope.LogRecords()
		l.records[service] = records
	}
	record := records.AppendEmpty()
	record.SetEventName(source.EventName())
	record.SetTimestamp(pcommon.NewTimestampFromTime(source.Timestamp()))
	// A period is observed when it is over, by the clock of its spans.
	record.SetObservedTimestamp(record.Timestamp())
	record.SetSeverityNumber(plog.SeverityNumber(source.Severity()))
	record.SetSeverityText(source.SeverityText())
	putValue(record.Body(), source.Body())
	record.Attributes().EnsureCapacity(source.AttributesLen())
	source.WalkAttributes(func(a attribute.KeyValue) bool {
		putValue(record.Attributes().PutEmpty(string(a.Key)), a.Value)
		return true
	})
	return record
}

// putValue sets a value of the Collector to one of the OpenTelemetry API.
func putValue(to pcommon.Value, from attribute.Value) {
	switch from.Type() {
	case attribute.EMPTY:
	case attribute.BOOL:
		to.SetBool(from.AsBool())
	case attribute.INT64:
		to.SetInt(from.AsInt64())
	case attribute.FLOAT64:
		to.SetDouble(from.AsFloat64())
	case attribute.STRING:
		to.SetStr(from.AsString())
	case attribute.STRINGSLICE:
		list := to.SetEmptySlice()
		for _, s := range from.AsStringSlice() {
			list.AppendEmpty().SetStr(s)
		}
	default: // no attribute here has another type; write it as text
		to.SetStr(clean(from.String()))
	}
}
