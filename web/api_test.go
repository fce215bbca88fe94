package web

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// status follows an operation from its first call over an alert to its end.
func TestStatus(t *testing.T) {
	src := newSource(t, engine.Config{Name: "shop", Service: "shop"})
	s := open(t, src, Config{})
	var got object
	expect := func(what string, want map[string]string) {
		t.Helper()
		got = nil
		s.get("status", &got)
		for path, value := range want {
			if at(got, path) != value {
				t.Errorf("%s: %s is %s, want %s", what, path, at(got, path), value)
			}
		}
	}
	expect("before the first period", map[string]string{"monitor": "shop", "state": "idle", "last_period": "<nil>", "operations.0": "none", "seq": "0", "period_ns": "6e+10"})

	src.calls("GET /cart", 20, 0, 10*time.Millisecond)
	s.close(src)
	expect("well", map[string]string{"state": "good", "seq": "1", "operations.0.state": "good", "operations.0.calls": "20", "operations.0.success_ratio": "1", "last_period.calls": "20"})

	states := []string{"pending", "pending", "firing"}
	for _, want := range states {
		src.calls("GET /cart", 10, 10, 10*time.Millisecond)
		s.close(src)
		expect("failing", map[string]string{"state": want, "operations.0.state": want, "operations.0.phases.availability": want, "operations.0.bad_availability": "true", "operations.0.success_ratio": "0.5"})
	}
	expect("firing", map[string]string{"incidents.0.operation": "GET /cart", "incidents.0.objective": "availability", "incidents.0.state": "firing", "incidents.0.open": "true", "incidents.0.actual": "0.5", "operations_by_state.firing": "1"})
	if line := at(got, "incidents.0.headline"); !strings.Contains(line, "50 % succeed (target 95 %)") {
		t.Errorf("the incident says %q", line)
	}
	id := at(got, "incidents.0.id")
	for _, want := range []string{"recovering", "recovering", "good"} {
		src.calls("GET /cart", 20, 0, 10*time.Millisecond)
		s.close(src)
		expect("well again", map[string]string{"state": want})
	}
	expect("resolved", map[string]string{"incidents.0": "none"})

	var list, one object
	s.get("incidents", &list)
	if at(list, "incidents.0.id") != id || at(list, "incidents.0.state") != "resolved" || at(list, "incidents.0.open") != "false" {
		t.Errorf("the list says %v", list)
	}
	s.get("incident?id="+id, &one)
	for path, want := range map[string]string{
		"alerts.0.fired.state": "firing", "alerts.0.last.state": "resolved", "alerts.0.fired.evidence.2.failure": "10",
		"graph.nodes.0.operation": "GET /cart", "graph.nodes.0.root": "true", "starts_at": "2026-03-01T12:01:00Z", "ends_at": "2026-03-01T12:04:00Z",
	} {
		if at(one, path) != want {
			t.Errorf("incident: %s is %s, want %s", path, at(one, path), want)
		}
	}

	s.calls(src, "GET /cart")
	var op object
	s.get("operation?id="+at(got, "operations.0.id"), &op)
	for path, want := range map[string]string{"operation": "GET /cart", "objectives.0.objective": "availability", "objectives.0.verdict": "good", "incidents.0.id": id, "last.objective.success_ratio": "0.95"} {
		if at(op, path) != want {
			t.Errorf("operation: %s is %s, want %s", path, at(op, path), want)
		}
	}
}

// calls closes a period in which an operation was well.
func (s *site) calls(src *source, operation string) {
	src.calls(operation, 10, 0, time.Millisecond)
	s.close(src)
}

// history tells what was counted in each period, and nothing of periods in which an operation did
// nothing.
func TestHistory(t *testing.T) {
	src := newSource(t, engine.Config{})
	s := open(t, src, Config{})
	src.calls("a", 5, 1, 10*time.Millisecond)
	s.close(src)
	src.calls("b", 1, 0, time.Millisecond)
	s.close(src)
	src.calls("a", 7, 0, 20*time.Millisecond)
	s.close(src)
	id := idOf(engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: "a"})
	var one object
	s.get("history?id="+id, &one)
	for path, want := range map[string]string{
		"resolution_ns": "6e+10", "starts_ms.0": fmt.Sprint(float64(src.now.Add(-3 * time.Minute).UnixMilli())),
		"series.0.calls.0": "6", "series.0.calls.1": "<nil>", "series.0.calls.2": "7",
		"series.0.failures.0": "1", "series.0.failures.2": "0", "series.0.p50_s.1": "<nil>",
		"series.0.codes.0.code": "503", "series.0.codes.0.counts.0": "1", "series.0.codes.0.counts.2": "0",
		"series.0.latency_counts.0.0.1": "5", "series.0.latency_counts.1": "<nil>", "series.0.states.0": "good",
	} {
		if at(one, path) != want {
			t.Errorf("%s is %s, want %s", path, at(one, path), want)
		}
	}
	if p50 := at(one, "series.0.p50_s.0"); !strings.HasPrefix(p50, "0.01") && !strings.HasPrefix(p50, "0.009") {
		t.Errorf("p50 is %s", p50)
	}
	var both object
	s.get("history?range=recent&id="+id+"&id=total&id=unknown", &both)
	if at(both, "series.1.calls.1") != "1" || at(both, "series.1.calls.2") != "7" || at(both, "series.2") != "none" || at(both, "series.0.latency_counts") != "<nil>" {
		t.Errorf("got %v", both)
	}
	for _, bad := range []string{"history", "history?id=a&range=year", "history?" + strings.Repeat("id=a&", maxAsked+1)} {
		if w := s.ask(http.MethodGet, "/api/v1/"+bad); w.Code != http.StatusBadRequest {
			t.Errorf("%.40s: %d", bad, w.Code)
		}
	}
	for _, gone := range []string{"operation?id=x", "incident?id=x", "operation", "incident"} {
		if w := s.ask(http.MethodGet, "/api/v1/"+gone); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", gone, w.Code)
		}
	}
}

// An alert in the middle of a period shows at once, and the figures stay those of the last period.
func TestMidPeriod(t *testing.T) {
	src := newSource(t, engine.Config{})
	s := open(t, src, Config{})
	s.calls(src, "GET /cart")
	key := engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: "GET /cart"}
	a := firing("a", "GET /cart", "")
	a.Service, a.SpanKind = "shop", engine.SpanKindServer
	src.out <- alert.Judgement{At: src.now.Add(10 * time.Second), Alerts: []alert.Alert{a}, Firing: []alert.Alert{a}, Phases: []alert.ObjectivePhase{{Operation: key, Objective: alert.Availability, Phase: alert.PhaseFiring}}}
	for s.seq() != 2 {
		runtime.Gosched()
	}
	var got object
	s.get("status", &got)
	for path, want := range map[string]string{"state": "firing", "operations.0.state": "firing", "operations.0.calls": "10", "incidents.0.id": "a", "last_period.calls": "10"} {
		if at(got, path) != want {
			t.Errorf("%s is %s, want %s", path, at(got, path), want)
		}
	}
	s.get("history?id=total", &got)
	if n := len(got["starts_ms"].([]any)); n != 1 {
		t.Errorf("%d slots, want that of the one period", n)
	}
}

// An operation that is no longer called keeps its own summary, and not all those of its last period.
func TestIdleRow(t *testing.T) {
	src := newSource(t, engine.Config{})
	s := open(t, src, Config{})
	src.calls("busy", 5, 0, time.Millisecond)
	src.calls("idle", 5, 0, time.Millisecond)
	j := src.judgement()
	src.out <- j
	for s.seq() != 1 {
		runtime.Gosched()
	}
	s.calls(src, "busy")
	s.page.history.mu.RLock()
	defer s.page.history.mu.RUnlock()
	for _, r := range s.page.history.sorted() {
		for i := range j.Period.Summaries {
			if r.summary == &j.Period.Summaries[i] {
				t.Errorf("%s keeps a summary of the period before", r.key.Name)
			}
		}
		if r.summary.Count == 0 {
			t.Errorf("%s has no summary", r.key.Name)
		}
	}
}
