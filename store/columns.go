package store

import "github.com/blurooo/go-monitor/v2/engine"

// column is a column of a table, and the field of T that its value comes from.
type column[T any] struct {
	name string
	in   func(*T) field
}

// names returns the columns' names.
func names[T any](columns []column[T]) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.name
	}
	return list
}

// values returns the values given, and after them those of the columns of v.
func values[T any](columns []column[T], v *T, given ...any) ([]any, error) {
	row := make([]any, 0, len(given)+len(columns))
	row = append(row, given...)
	for _, c := range columns {
		value, err := c.in(v).Value()
		if err != nil {
			return nil, &refusedError{what: c.name, err: err}
		}
		row = append(row, value)
	}
	return row, nil
}

// destinations returns the destinations given, and after them those of the columns of v.
func destinations[T any](columns []column[T], v *T, given ...any) []any {
	for _, c := range columns {
		given = append(given, c.in(v))
	}
	return given
}

// operationColumns are those that name an operation.
var operationColumns = []column[engine.OperationKey]{
	{"service", func(k *engine.OperationKey) field { return (*words)(&k.Service) }},
	{"span_kind", func(k *engine.OperationKey) field { return spanKindName(&k.SpanKind) }},
	{"operation", func(k *engine.OperationKey) field { return (*words)(&k.Name) }},
}

// periodColumns are those of a period, besides its key and the instance.
var periodColumns = []column[engine.Period]{
	{"monitor", func(p *engine.Period) field { return (*words)(&p.Monitor) }},
	{"started_at", func(p *engine.Period) field { return (*instant)(&p.Start) }},
	{"ended_at", func(p *engine.Period) field { return (*instant)(&p.End) }},
	{"partial", func(p *engine.Period) field { return (*flag)(&p.Partial) }},
	{"final", func(p *engine.Period) field { return (*flag)(&p.Final) }},
	{"missed", func(p *engine.Period) field { return (*whole)(&p.Missed) }},
	{"received", func(p *engine.Period) field { return (*count)(&p.Received) }},
	{"dropped", func(p *engine.Period) field { return (*count)(&p.Dropped) }},
	{"late", func(p *engine.Period) field { return (*count)(&p.Late) }},
	{"early", func(p *engine.Period) field { return (*count)(&p.Early) }},
	{"overflowed", func(p *engine.Period) field { return (*count)(&p.Overflowed) }},
	{"in_flight", func(p *engine.Period) field { return (*count)(&p.InFlight) }},
	{"untracked", func(p *engine.Period) field { return (*count)(&p.Untracked) }},
	{"abandoned", func(p *engine.Period) field { return (*count)(&p.Abandoned) }},
	{"undelivered_periods", func(p *engine.Period) field { return (*count)(&p.UndeliveredPeriods) }},
	{"undelivered_notifications", func(p *engine.Period) field { return (*count)(&p.UndeliveredNotifications) }},
	{"sampled_ratio", func(p *engine.Period) field { return (*real)(&p.SampledRatio) }},
}

// summaryColumns are those of a summary, besides its ids.
var summaryColumns = []column[engine.Summary]{
	{"started_at", func(s *engine.Summary) field { return (*instant)(&s.Start) }},
	{"ended_at", func(s *engine.Summary) field { return (*instant)(&s.End) }},
	{"partial", func(s *engine.Summary) field { return (*flag)(&s.Partial) }},
	{"calls", func(s *engine.Summary) field { return (*count)(&s.Count) }},
	{"success", func(s *engine.Summary) field { return (*count)(&s.Success) }},
	{"failure", func(s *engine.Summary) field { return (*count)(&s.Failure) }},
	{"cancelled", func(s *engine.Summary) field { return (*count)(&s.Cancelled) }},
	{"ignored", func(s *engine.Summary) field { return (*count)(&s.Ignored) }},
	{"late", func(s *engine.Summary) field { return (*count)(&s.Late) }},
	{"success_ratio", func(s *engine.Summary) field { return (*real)(&s.SuccessRatio) }},
	{"min_ms", func(s *engine.Summary) field { return (*millis)(&s.Latency.Min) }},
	{"mean_ms", func(s *engine.Summary) field { return (*millis)(&s.Latency.Mean) }},
	{"max_ms", func(s *engine.Summary) field { return (*millis)(&s.Latency.Max) }},
	{"p50_ms", func(s *engine.Summary) field { return (*millis)(&s.Latency.P50) }},
	{"p90_ms", func(s *engine.Summary) field { return (*millis)(&s.Latency.P90) }},
	{"p95_ms", func(s *engine.Summary) field { return (*millis)(&s.Latency.P95) }},
	{"p99_ms", func(s *engine.Summary) field { return (*millis)(&s.Latency.P99) }},
	{"untimed", func(s *engine.Summary) field { return (*count)(&s.Untimed) }},
	{"slow_cancelled", func(s *engine.Summary) field { return (*count)(&s.SlowCancelled) }},
	{"own_time_calls", func(s *engine.Summary) field { return (*count)(&s.OwnTime.Count) }},
	{"own_time_mean_ms", func(s *engine.Summary) field { return (*millis)(&s.OwnTime.Mean) }},
	{"own_time_p50_ms", func(s *engine.Summary) field { return (*millis)(&s.OwnTime.P50) }},
	{"own_time_p99_ms", func(s *engine.Summary) field { return (*millis)(&s.OwnTime.P99) }},
	{"reasons", func(s *engine.Summary) field { return document{&s.Reasons} }},
	{"within_target", func(s *engine.Summary) field { return (*count)(&s.WithinTarget) }},
	{"within_target_ratio", func(s *engine.Summary) field { return (*real)(&s.WithinTargetRatio) }},
	{"failure_mean_ms", func(s *engine.Summary) field { return (*millis)(&s.FailureLatency.Mean) }},
	{"failure_max_ms", func(s *engine.Summary) field { return (*millis)(&s.FailureLatency.Max) }},
	{"distribution", func(s *engine.Summary) field { return (*intervals)(&s.Distribution) }},
	{"in_flight", func(s *engine.Summary) field { return (*count)(&s.InFlight) }},
	{"oldest_in_flight_ms", func(s *engine.Summary) field { return (*millis)(&s.OldestInFlight) }},
	{"stuck", func(s *engine.Summary) field { return (*count)(&s.Stuck) }},
	{"typical_calls", func(s *engine.Summary) field { return (*count)(&s.TypicalCalls) }},
	{"burn_rate_5m", func(s *engine.Summary) field { return (*real)(&s.BurnRates.Minutes5) }},
	{"burn_rate_30m", func(s *engine.Summary) field { return (*real)(&s.BurnRates.Minutes30) }},
	{"burn_rate_1h", func(s *engine.Summary) field { return (*real)(&s.BurnRates.Hour1) }},
	{"burn_rate_6h", func(s *engine.Summary) field { return (*real)(&s.BurnRates.Hours6) }},
	{"burn_fast_insufficient", func(s *engine.Summary) field { return (*flag)(&s.BurnRates.FastInsufficient) }},
	{"burn_slow_insufficient", func(s *engine.Summary) field { return (*flag)(&s.BurnRates.SlowInsufficient) }},
	{"verdict_availability", func(s *engine.Summary) field { return verdictName(&s.Verdicts.Availability) }},
	{"verdict_latency", func(s *engine.Summary) field { return verdictName(&s.Verdicts.Latency) }},
	{"verdict_traffic", func(s *engine.Summary) field { return verdictName(&s.Verdicts.Traffic) }},
	{"verdict_stuck", func(s *engine.Summary) field { return verdictName(&s.Verdicts.Stuck) }},
	{"verdict_burn_rate", func(s *engine.Summary) field { return verdictName(&s.Verdicts.BurnRate) }},
	{"target_success_ratio", func(s *engine.Summary) field { return (*real)(&s.Objective.SuccessRatio) }},
	{"target_latency_ms", func(s *engine.Summary) field { return (*millis)(&s.Objective.LatencyTarget) }},
	{"target_within_ratio", func(s *engine.Summary) field { return (*real)(&s.Objective.WithinTargetRatio) }},
	{"alert_after", func(s *engine.Summary) field { return (*whole)(&s.Objective.AlertAfter) }},
	{"recover_after", func(s *engine.Summary) field { return (*whole)(&s.Objective.RecoverAfter) }},
	{"min_calls", func(s *engine.Summary) field { return (*whole)(&s.Objective.MinCalls) }},
	{"confidence", func(s *engine.Summary) field { return (*real)(&s.Objective.Confidence) }},
	{"alert_for_ms", func(s *engine.Summary) field { return (*millis)(&s.Objective.AlertFor) }},
	{"min_traffic", func(s *engine.Summary) field { return (*whole)(&s.Objective.MinTraffic) }},
	{"min_traffic_ratio", func(s *engine.Summary) field { return (*real)(&s.Objective.MinTrafficRatio) }},
	{"stuck_after_ms", func(s *engine.Summary) field { return (*millis)(&s.Objective.StuckAfter) }},
	{"slo", func(s *engine.Summary) field { return (*real)(&s.Objective.SLO) }},
	{"repeat_interval_ms", func(s *engine.Summary) field { return (*millis)(&s.Objective.RepeatInterval) }},
	{"end_after_idle", func(s *engine.Summary) field { return (*whole)(&s.Objective.EndAfterIdle) }},
}

// failureColumns are those of the failures with one code.
var failureColumns = []column[engine.CodeCount]{
	{"code", func(c *engine.CodeCount) field { return (*words)(&c.Code) }},
	{"name", func(c *engine.CodeCount) field { return (*words)(&c.Name) }},
	{"calls", func(c *engine.CodeCount) field { return (*count)(&c.Count) }},
}

// causeColumns are those of one cause.
var causeColumns = []column[engine.CauseCount]{
	{"cause_service", func(c *engine.CauseCount) field { return (*words)(&c.Service) }},
	{"cause_span_kind", func(c *engine.CauseCount) field { return spanKindName(&c.SpanKind) }},
	{"cause_operation", func(c *engine.CauseCount) field { return (*words)(&c.Operation) }},
	{"cause_code", func(c *engine.CauseCount) field { return (*words)(&c.Code) }},
	{"calls", func(c *engine.CauseCount) field { return (*count)(&c.Count) }},
	{"share", func(c *engine.CauseCount) field { return (*real)(&c.Share) }},
}

// exemplarColumns are those of one exemplar.
var exemplarColumns = []column[engine.Exemplar]{
	{"trace_id", func(e *engine.Exemplar) field { return hexID(e.Trace.TraceID[:]) }},
	{"span_id", func(e *engine.Exemplar) field { return hexID(e.Trace.SpanID[:]) }},
	{"sampled", func(e *engine.Exemplar) field { return (*flag)(&e.Trace.Sampled) }},
	{"code", func(e *engine.Exemplar) field { return (*words)(&e.Code) }},
	{"duration_ms", func(e *engine.Exemplar) field { return (*millis)(&e.Duration) }},
	{"ended_at", func(e *engine.Exemplar) field { return (*instant)(&e.End) }},
	{"details", func(e *engine.Exemplar) field { return document{&e.Details} }},
}

func spanKindName(k *engine.SpanKind) field { return name[engine.SpanKind, *engine.SpanKind]{k} }

func verdictName(v *engine.Verdict) field { return name[engine.Verdict, *engine.Verdict]{v} }
