package alertmanager

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Bounds of annotations.
const (
	maxAnnotationBytes = 4096
	maxCauses          = 5
	maxCauseBytes      = 600
	maxPeriods         = 10
	maxCodes           = 3
	maxCodeBytes       = 64
)

// annotationsOf returns the annotations of an alert, which may change while it fires.
func annotationsOf(a *alert.Alert) map[string]string {
	annotations := make(map[string]string)
	set := func(name, value string) {
		if value != "" {
			annotations[name] = value
		}
	}
	set("summary", clean(a.Summary(), maxLabelBytes))
	set("description", cleanLines(alert.Text(a), maxAnnotationBytes))
	set("id", clean(a.ID, maxLabelBytes))
	set("target", number(a.Target))
	set("actual", number(a.Actual))
	set("causes", causes(a))
	if a.Flapping.Count > 0 {
		set("flapping", strconv.Itoa(a.Flapping.Count))
	}
	set("end_reason", a.EndReason.String())
	set("caused_by", clean(a.CausedBy, maxLabelBytes))
	set("trace_ids", traceIDs(a))
	set("evidence", evidence(a.Evidence))
	return annotations
}

// number writes a number for programs.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// causes lists the largest causes in one line: "92 % INSERT orders [23505], 8 % HTTP POST".
func causes(a *alert.Alert) string {
	var parts []string
	for _, c := range a.Causes[:min(len(a.Causes), maxCauses)] {
		parts = append(parts, alert.Percent(c.Share)+" "+clean(alert.CauseText(&c.Cause, a.Service), maxCauseBytes))
	}
	return strings.Join(parts, ", ")
}

// traceIDs lists the traces to look up, that of the worst exemplar first.
func traceIDs(a *alert.Alert) string {
	var ids []string
	for _, call := range append([]engine.Exemplar{a.WorstExemplar}, a.Exemplars()...) {
		id := hex.EncodeToString(call.Trace.TraceID[:])
		if !call.Trace.IsZero() && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return strings.Join(ids, ",")
}

// periodJSON is one period of the evidence, in numbers.
type periodJSON struct {
	Start   string            `json:"start"`
	End     string            `json:"end"`
	Calls   uint64            `json:"calls"`
	Failed  uint64            `json:"failed"`
	Within  uint64            `json:"within_target"`
	P50     int64             `json:"p50_ns"`
	P99     int64             `json:"p99_ns"`
	Stuck   uint64            `json:"stuck,omitzero"`
	ByCodes map[string]uint64 `json:"failures,omitempty"`
}

// evidence returns the newest periods that led to an alert as a JSON array, oldest first. It
// holds no floating-point numbers, since JSON has no infinity.
func evidence(summaries []engine.Summary) string {
	summaries = summaries[max(0, len(summaries)-maxPeriods):]
	if len(summaries) == 0 {
		return ""
	}
	periods := make([]periodJSON, len(summaries))
	for i := range summaries {
		s := &summaries[i]
		periods[i] = periodJSON{
			Start:   s.Start.Format(time.RFC3339Nano),
			End:     s.End.Format(time.RFC3339Nano),
			Calls:   s.Count,
			Failed:  s.Failure,
			Within:  s.WithinTarget,
			P50:     int64(s.Latency.P50),
			P99:     int64(s.Latency.P99),
			Stuck:   s.Stuck,
			ByCodes: make(map[string]uint64),
		}
		for _, f := range s.Failures[:min(len(s.Failures), maxCodes)] {
			periods[i].ByCodes[clean(f.Code, maxCodeBytes)] += f.Count
		}
	}
	for {
		text, err := json.Marshal(periods)
		if err != nil {
			return ""
		}
		if len(text) <= maxAnnotationBytes {
			return string(text)
		}
		periods = periods[1:] // a single one always fits
	}
}
