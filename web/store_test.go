package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// shelf is a store in memory.
type shelf struct {
	summaries        []engine.Summary
	success, failure uint64
	asked            int // for histories
	counted          int // for calls
	err              error
}

func (s *shelf) History(_ context.Context, operation string, from, to time.Time) ([]engine.Summary, error) {
	s.asked++
	var list []engine.Summary
	for _, sum := range s.summaries {
		if sum.Operation == operation && !sum.Start.Before(from) && sum.Start.Before(to) {
			list = append(list, sum)
		}
	}
	return list, s.err
}

func (s *shelf) Calls(context.Context, engine.OperationKey, time.Time, time.Time) (success, failure uint64, err error) {
	s.counted++
	return s.success, s.failure, s.err
}

// Older periods come from the store, merged into as many slots as a picture has.
func TestStored(t *testing.T) {
	src := newSource(t, engine.Config{})
	long := src.now.Add(-7 * 24 * time.Hour)
	var st shelf
	for i := range 7 * 24 * 60 {
		start := long.Add(time.Duration(i) * time.Minute)
		sum := engine.Summary{Service: "shop", Operation: "a", SpanKind: engine.SpanKindServer, Start: start, End: start.Add(time.Minute), Count: 10, Success: 9, Failure: 1, Failures: []engine.CodeCount{{Code: "503", Count: 1}}, Latency: engine.Latency{P50: time.Duration(i+1) * time.Millisecond}, Objective: engine.DefaultObjective()}
		other := sum
		other.Service = "elsewhere"
		st.summaries = append(st.summaries, sum, other)
	}
	s := open(t, src, Config{Store: &st})
	src.calls("a", 5, 0, time.Millisecond)
	s.close(src)
	id := idOf(engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: "a"})
	ask := func(from, to time.Time) string {
		return "history?id=" + id + "&from=" + url.QueryEscape(from.Format(time.RFC3339)) + "&to=" + url.QueryEscape(to.Format(time.RFC3339))
	}
	var got object
	s.get(ask(long, src.now.Add(-time.Minute)), &got)
	if n := len(got["starts_ms"].([]any)); n != storedSlots {
		t.Errorf("%d slots, want %d", n, storedSlots)
	}
	sum := 0.0
	series := got["series"].([]any)[0].(object)
	for _, n := range series["calls"].([]any) {
		if n != nil {
			sum += n.(float64)
		}
	}
	if sum != 7*24*60*10 {
		t.Errorf("%g calls, want %d", sum, 7*24*60*10)
	}
	if at(series, "codes.0.counts.3") != "42" {
		t.Errorf("the fourth slot has %s failures, want 42", at(series, "codes.0.counts.3"))
	}
	if st.asked != 28 {
		t.Errorf("the store was asked %d times, want once for 6 h", st.asked)
	}
	// A short time has a slot for each period.
	s.get(ask(long, long.Add(time.Hour)), &got)
	if n := len(got["starts_ms"].([]any)); n != 60 {
		t.Errorf("%d slots, want 60", n)
	}
	for query, want := range map[string]int{
		"id=" + id + "&from=yesterday":                                    400,
		"id=" + id + "&from=2026-03-01T00:00:00Z&to=x":                    400,
		"id=" + id + "&from=2026-03-01T00:00:00Z&to=2026-02-01T00:00:00Z": 400,
		"id=" + id + "&from=1999-03-01T00:00:00Z&to=2026-02-01T00:00:00Z": 400,
		"id=" + id + "&id=total&from=2026-03-01T00:00:00Z":                400,
		"id=none&from=2026-03-01T00:00:00Z&to=2026-03-01T01:00:00Z":       404,
	} {
		if w := s.ask(http.MethodGet, "/api/v1/history?"+query); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", query, w.Code, want, w.Body)
		}
	}
	st.err = errors.New("no disk")
	if w := s.ask(http.MethodGet, "/api/v1/"+ask(long, long.Add(time.Hour))); w.Code != http.StatusBadGateway {
		t.Errorf("a store that fails: %d", w.Code)
	}
	without := open(t, newSource(t, engine.Config{}), Config{})
	if w := without.ask(http.MethodGet, "/api/v1/"+ask(long, src.now)); w.Code != http.StatusBadRequest {
		t.Errorf("without a store: %d", w.Code)
	}
}

// The error budget is what 30 days of calls leave of it, asked for once a minute at most.
func TestBudget(t *testing.T) {
	src := newSource(t, engine.Config{Objective: engine.Objective{SLO: 0.999}})
	st := shelf{success: 999_400, failure: 600}
	s := open(t, src, Config{Store: &st})
	src.calls("a", 5, 0, time.Millisecond)
	s.close(src)
	id := idOf(engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: "a"})
	var got object
	for range 3 {
		s.get("operation?id="+id, &got)
	}
	if st.counted != 1 {
		t.Errorf("the store was asked %d times", st.counted)
	}
	for path, want := range map[string]string{"error_budget.slo": "0.999", "error_budget.failures": "600"} {
		if at(got, path) != want {
			t.Errorf("%s is %s, want %s", path, at(got, path), want)
		}
	}
	var left float64
	if _, err := fmt.Sscan(at(got, "error_budget.left_ratio"), &left); err != nil || left < 0.399 || left > 0.401 {
		t.Errorf("%g is left, want 40 %%", left)
	}
}
