package alert

import (
	"encoding"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// fullSummary returns a summary in which everything that can be shared is there.
func fullSummary(i int, o engine.Objective, c calls) engine.Summary {
	s := summaryOf(i, o, c)
	s.Latency = engine.Latency{
		Min: time.Millisecond, Mean: 250 * time.Millisecond, Max: 3 * time.Second,
		P50: 120 * time.Millisecond, P90: 700 * time.Millisecond, P95: 1200 * time.Millisecond, P99: 2345678 * time.Microsecond,
	}
	s.FailureLatency = engine.FailureLatency{Mean: 2 * time.Second, Max: 5 * time.Second}
	s.Distribution = []engine.Bucket{{Low: 0, High: 100 * time.Millisecond, Count: 3}, {Low: 100 * time.Millisecond, Count: 4}}
	s.Failures = []engine.CodeCount{{Code: "503", Name: "unavailable", Count: 5}, {Code: "500", Count: 1}}
	s.FailureExemplars = []engine.Exemplar{exemplar(0x11, true, "503", 1200*time.Millisecond)}
	s.SlowExemplars = []engine.Exemplar{exemplar(0x22, true, "200", 3*time.Second)}
	return s
}

// exemplar returns a call whose trace and span ids consist of the given byte.
func exemplar(id byte, sampled bool, code string, d time.Duration) engine.Exemplar {
	e := engine.Exemplar{Code: code, Duration: d, End: began.Add(42 * time.Second)}
	e.Trace.Sampled = sampled
	for i := range e.Trace.TraceID {
		e.Trace.TraceID[i] = id
	}
	for i := range e.Trace.SpanID {
		e.Trace.SpanID[i] = id
	}
	return e
}

// incident returns the firing and the resolved alert of one incident.
func incident(t testing.TB, k ObjectiveKind) (firing, resolved Alert) {
	t.Helper()
	o := plain()
	bad := []calls{{success: 84, within: 84, failure: 36}, {success: 70, within: 70, failure: 28}, {success: 1, within: 1, failure: 2}}
	good := []calls{{success: 12, within: 12}, {success: 99, within: 99, failure: 1}, {success: 110, within: 110}}
	if k == Latency {
		bad = []calls{{success: 120, within: 60}, {success: 98, within: 77, failure: 2}, {success: 1}}
	}
	by := []uint64{9, 10, 3, 0, 0, 0}
	if !k.isShare() {
		own := newKinds[k]
		own.SuccessRatio, own.WithinTargetRatio = 0.01, 0.01
		o = expecting(own)
	}
	if k == BurnRate {
		by = []uint64{500, 160, 700, 0, 0, 0}
	}
	j := NewJudge()
	calledBefore(j, 0, o)
	var alerts []Alert
	for i, c := range append(bad, good...) {
		s := fullSummary(i, o, c)
		if !k.isShare() {
			at := i
			if k == BurnRate && i >= 3 {
				at += 400 // when what burnt is out of all windows
			}
			own := kindSummary(k, at, o, by[i] > 0, by[i])
			own.FailureExemplars, own.SlowExemplars = s.FailureExemplars, s.SlowExemplars
			s = own
		}
		if c.failure == 0 && k.isShare() {
			s.Failures = nil
		}
		_, raised := judged(j, s)
		alerts = append(alerts, raised...)
	}
	if len(alerts) != 2 || alerts[0].Objective != k || alerts[0].State != Firing || alerts[1].State != Resolved {
		t.Fatalf("got the alerts %v, want %s firing and resolved", about(alerts), k)
	}
	return alerts[0], alerts[1]
}

func TestAlertJSON(t *testing.T) {
	for _, k := range kinds {
		firing, resolved := incident(t, k)
		for _, a := range []Alert{firing, resolved} {
			t.Run(k.String()+" "+a.State.String(), func(t *testing.T) {
				data, err := json.Marshal(&a)
				if err != nil {
					t.Fatal(err)
				}
				var back Alert
				if err := json.Unmarshal(data, &back); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(a, back); diff != "" {
					t.Errorf("there and back again (-want +got):\n%s", diff)
				}

				var fields map[string]any
				if err := json.Unmarshal(data, &fields); err != nil {
					t.Fatal(err)
				}
				checkKeys(t, fields)
				for key, want := range map[string]any{
					"id":                a.ID,
					"monitor":           "http",
					"service":           "shop",
					"operation":         "GET /users/{id}",
					"span_kind":         "server",
					"objective":         k.String(),
					"state":             a.State.String(),
					"starts_at":         "2026-03-01T02:57:00+01:00",
					"target":            a.Target,
					"actual":            a.Actual,
					"decided_at":        a.DecidedAt.Format(time.RFC3339),
					"latency_target_ns": map[ObjectiveKind]any{Latency: 500e6}[k],
					"ends_at":           map[State]any{Resolved: resolved.EndsAt.Format(time.RFC3339)}[a.State],
				} {
					if got := fields[key]; got != want {
						t.Errorf("%s = %v, want %v", key, got, want)
					}
				}
				if got := len(fields["evidence"].([]any)); got != 3 {
					t.Errorf("evidence has %d periods, want 3", got)
				}
			})
		}
	}
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// checkKeys fails the test for keys that are not in snake_case, however deep.
func checkKeys(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if !snakeCase.MatchString(key) {
				t.Errorf("key %q is not in snake_case", key)
			}
			checkKeys(t, value)
		}
	case []any:
		for _, value := range v {
			checkKeys(t, value)
		}
	}
}

func TestEnums(t *testing.T) {
	t.Run("kinds", func(t *testing.T) {
		for k, want := range map[ObjectiveKind]string{Availability: "availability", Latency: "latency", Traffic: "traffic", Stuck: "stuck", BurnRate: "burn_rate"} {
			checkText(t, k, want)
		}
		if got := ObjectiveKind(9).String(); got != "ObjectiveKind(9)" {
			t.Errorf("an unknown kind reads %q", got)
		}
	})
	t.Run("phases", func(t *testing.T) {
		for p, want := range map[Phase]string{PhaseNormal: "normal", PhasePending: "pending", PhaseFiring: "firing", PhaseRecovering: "recovering"} {
			checkText(t, p, want)
		}
		if got := Phase(9).String(); got != "Phase(9)" {
			t.Errorf("an unknown phase reads %q", got)
		}
	})
	t.Run("states", func(t *testing.T) {
		for s, want := range map[State]string{Firing: "firing", Resolved: "resolved"} {
			checkText(t, s, want)
		}
		if got := State(9).String(); got != "State(9)" {
			t.Errorf("an unknown state reads %q", got)
		}
	})
}

// checkText fails the test unless v is written as want and read back from it, and
// from nothing else.
func checkText[T interface {
	comparable
	encoding.TextMarshaler
}, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, v T, want string) {
	t.Helper()
	text, err := v.MarshalText()
	if err != nil || string(text) != want {
		t.Errorf("text = %q, %v, want %q", text, err, want)
	}
	var got T
	if err := P(&got).UnmarshalText([]byte(want)); err != nil || got != v {
		t.Errorf("read from %q: %v, %v", want, got, err)
	}
	for _, wrong := range []string{"", strings.ToUpper(want), want + " ", "no\x1bsuch"} {
		err := P(&got).UnmarshalText([]byte(wrong))
		if err == nil {
			t.Errorf("%q is taken for %v", wrong, got)
			continue
		}
		if !strings.Contains(err.Error(), strconv.Quote(wrong)) {
			t.Errorf("error %q does not quote the value %q", err, wrong)
		}
		if got != v {
			t.Errorf("an error changed the value to %v", got)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	fresh := func() Alert {
		a, _ := incident(t, Availability)
		a.Causes = []engine.CauseCount{{Count: 1}}
		a.Evidence[0].FailureCauses = []engine.CauseCount{{Count: 1}}
		a.Evidence[0].SlowCauses = []engine.CauseCount{{Count: 2}}
		a.Evidence[0].Histogram = &engine.ExponentialHistogram{Counts: []uint64{1, 2, 3}}
		return a
	}
	a := fresh()
	c := a.Clone()
	if diff := cmp.Diff(a, c); diff != "" {
		t.Fatalf("a clone differs (-alert +clone):\n%s", diff)
	}
	spoil(&c)
	if diff := cmp.Diff(fresh(), a); diff != "" {
		t.Errorf("changing the clone changed the alert (-before +after):\n%s", diff)
	}
}

// spoil changes everything that an alert refers to.
func spoil(a *Alert) {
	for i := range a.Causes {
		a.Causes[i].Operation = "spoilt"
	}
	for i := range a.Evidence {
		s := &a.Evidence[i]
		for j := range s.Distribution {
			s.Distribution[j].Count = 999
		}
		for j := range s.Failures {
			s.Failures[j] = engine.CodeCount{Code: "spoilt"}
		}
		for j := range s.FailureExemplars {
			s.FailureExemplars[j].Code = "spoilt"
		}
		for j := range s.FailureCauses {
			s.FailureCauses[j].Operation = "spoilt"
		}
		for j := range s.SlowCauses {
			s.SlowCauses[j].Operation = "spoilt"
		}
		for j := range s.SlowExemplars {
			s.SlowExemplars[j].Code = "spoilt"
		}
		if s.Histogram != nil {
			clear(s.Histogram.Counts)
		}
		*s = engine.Summary{Operation: "spoilt"}
	}
}

func TestSummaryLine(t *testing.T) {
	a := Alert{Operation: "GET /", Objective: Availability, Actual: 0.5, Target: 0.95}
	if got, want := a.Summary(), "GET /: 50 % succeed (target 95 %)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
