package engine

import (
	"context"
	"log/slog"
	"time"
)

// Slog returns a sink that logs each summary as one record, with the message "gomonitor.summary":
// at level WARN if the operation missed an objective, at INFO otherwise. Durations are
// seconds, as everywhere in telemetry. A nil logger means [slog.Default], whichever that is
// when a period closes.
func Slog(logger *slog.Logger) Sink {
	return SinkFunc(func(ctx context.Context, p Period) error {
		l := logger
		if l == nil {
			l = slog.Default()
		}
		for i := range p.Summaries {
			s := &p.Summaries[i]
			if level := s.level(); l.Enabled(ctx, level) {
				l.LogAttrs(ctx, level, summaryMessage, slogAttrs(s)...)
			}
		}
		return nil
	})
}

// summaryMessage is what a summary is called in logs.
const summaryMessage = "gomonitor.summary"

// level returns that of a summary in logs.
func (s *Summary) level() slog.Level {
	if s.Verdicts.isBad() {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// isBad reports whether any verdict is.
func (v *Verdicts) isBad() bool {
	return v.Availability == VerdictBad || v.Latency == VerdictBad || v.Traffic == VerdictBad || v.Stuck == VerdictBad || v.BurnRate == VerdictBad
}

// slogAttrs returns the attributes of a summary. What was not measured is left out.
func slogAttrs(s *Summary) []slog.Attr {
	seconds := func(key string, d time.Duration) slog.Attr { return slog.Float64(key, d.Seconds()) }
	attrs := []slog.Attr{
		slog.String("gomonitor.monitor", s.Monitor),
		slog.String("service.name", s.Service),
		slog.String("gomonitor.operation", s.Operation),
		slog.String("gomonitor.span.kind", s.SpanKind.String()),
		slog.Time("gomonitor.period.starts_at", s.Start),
		slog.Time("gomonitor.period.ends_at", s.End),
		slog.Uint64("gomonitor.calls", s.Count),
		slog.Uint64("gomonitor.failures", s.Failure),
	}
	if s.Partial {
		attrs = append(attrs, slog.Bool("gomonitor.period.partial", true))
	}
	if s.Success+s.Failure > 0 {
		attrs = append(attrs, slog.Float64("gomonitor.success_ratio", s.SuccessRatio))
	}
	if s.Success > 0 {
		attrs = append(attrs,
			slog.Float64("gomonitor.within_target_ratio", s.WithinTargetRatio),
			seconds("gomonitor.latency.p50", s.Latency.P50),
			seconds("gomonitor.latency.p99", s.Latency.P99),
			seconds("gomonitor.latency.max", s.Latency.Max),
		)
	}
	if s.OwnTime.Count > 0 {
		attrs = append(attrs, seconds("gomonitor.own_time.p50", s.OwnTime.P50), seconds("gomonitor.own_time.p99", s.OwnTime.P99))
	}
	if len(s.Failures) > 0 {
		attrs = append(attrs, slog.String("error.type", s.Failures[0].Code))
	}
	if s.InFlight > 0 {
		attrs = append(attrs, slog.Uint64("gomonitor.in_flight", s.InFlight), slog.Uint64("gomonitor.stuck", s.Stuck))
	}
	return attrs
}
