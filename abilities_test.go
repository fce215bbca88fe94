package monitor

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// The tests in this file go through what go-monitor (2018) could do, ability by
// ability, and through its faults, which must stay dead. Each drives a monitor with
// its default period of a minute through minutes of made-up time.

// minute reports calls and lets a period pass. In a synctest bubble time begins on
// a full minute, so that no period is partial.
func minute(m *Monitor, reports ...Report) {
	for _, r := range reports {
		m.Report(r)
	}
	time.Sleep(time.Minute)
	synctest.Wait()
}

func usersCall(code string, d time.Duration) Report {
	return Report{Operation: "GET /app/api/users", Code: code, Duration: d}
}

const users = "GET /app/api/users"

func TestAbilitySeveralIndependentInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b recorder
		shared := map[string]engine.Objective{users: {LatencyTarget: time.Second}}
		x := start(t, a.record(Config{Name: "http", Operations: shared}))
		y := start(t, b.record(Config{Name: "functions", Operations: shared}))
		if err := x.SetObjective(users, engine.Objective{LatencyTarget: time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		minute(x)
		x.Report(usersCall("200", 20*time.Millisecond))
		y.Report(usersCall("200", 20*time.Millisecond))
		minute(y)
		if got := a.summaries(users)[0]; got.WithinTarget != 0 || got.Monitor != "http" {
			t.Errorf("first instance: %+v", got)
		}
		// One instance's configuration never changes another's.
		if got := b.summaries(users)[0]; got.WithinTarget != 1 || got.Monitor != "functions" {
			t.Errorf("second instance: %+v", got)
		}
		if shared[users].LatencyTarget != time.Second {
			t.Error("the caller's map was changed")
		}
	})
}

func TestAbilityPeriodAnalysis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{}))
		minute(m, usersCall("200", 0), usersCall("200", 30*time.Millisecond), usersCall("500", 9*time.Second), usersCall("500", time.Second))
		minute(m, usersCall("200", 5*time.Millisecond))
		got := r.summaries(users)
		if len(got) != 2 || got[1].Count != 1 {
			t.Fatalf("summaries: %+v", got)
		}
		s := got[0]
		if s.Count != 4 || s.Success != 2 || s.Failure != 2 || s.SuccessRatio != 0.5 {
			t.Errorf("counts: %+v", s)
		}
		// 2018 divided the successes' time by all calls, and lost a minimum of 0.
		if s.Latency.Mean != 15*time.Millisecond || s.Latency.Min != 0 || s.Latency.Max != 30*time.Millisecond {
			t.Errorf("latency of the successes: %+v, want mean 15ms, min 0, max 30ms", s.Latency)
		}
		if s.FailureLatency.Mean != 5*time.Second || s.FailureLatency.Max != 9*time.Second {
			t.Errorf("latency of the failures: %+v", s.FailureLatency)
		}
		// 2018 held the failures against the latency ratio.
		if s.WithinTarget != 2 || s.WithinTargetRatio != 1 {
			t.Errorf("within target: %d, %v; want all successes", s.WithinTarget, s.WithinTargetRatio)
		}
		if want := s.Start.Add(time.Minute); !s.End.Equal(want) || s.Start.Truncate(time.Minute) != s.Start {
			t.Errorf("period %s to %s", s.Start, s.End)
		}
	})
}

func TestAbilitySuccessByCodeList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{Codes: map[string]CodeFeature{
			"0":     {Success: true, Name: "ok"},
			"10000": {Success: false, Name: "service unavailable"},
			"10001": {Success: false, Name: "service unavailable"},
			"404":   {Success: true},
			"200":   {Success: false},
		}}))
		minute(m, usersCall("0", 0), usersCall("10000", 0), usersCall("10001", 0), usersCall("10001", 0), usersCall("404", 0), usersCall("200", 0), usersCall("unknown", 0))
		s := r.summaries(users)[0]
		if s.Success != 2 || s.Failure != 5 {
			t.Errorf("%d successes, %d failures, want 2 and 5", s.Success, s.Failure)
		}
		// Codes have names in the failure distribution; two codes of one name are added up.
		want := []engine.CodeCount{
			{Code: "10001", Name: "service unavailable", Count: 3},
			{Code: "200", Count: 1},
			{Code: "unknown", Count: 1},
		}
		if !slices.Equal(s.Failures, want) {
			t.Errorf("failures: %+v, want %+v", s.Failures, want)
		}
	})
}

func TestAbilitySuccessByFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{
			Codes:    map[string]CodeFeature{"0": {Success: true}},
			Classify: func(sdktrace.ReadOnlySpan) (string, engine.Outcome) { return "0", engine.OutcomeFailure },
		}))
		m.OnEnd(snapshot(users, trace.SpanKindServer, nil))
		// A report made by hand brings the function's answer along.
		minute(m, Report{Operation: "by hand", Code: "0", Outcome: engine.OutcomeFailure})
		for _, operation := range []string{users, "by hand"} {
			if s := r.summaries(operation)[0]; s.Failure != 1 {
				t.Errorf("%s: the function does not win over the list: %+v", operation, s)
			}
		}
	})
}

func TestAbilityTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{
			Objective:  engine.Objective{LatencyTarget: time.Second},
			Operations: map[string]engine.Objective{users: {LatencyTarget: 100 * time.Millisecond}},
		}))
		minute(m,
			usersCall("200", 100*time.Millisecond), usersCall("200", 101*time.Millisecond), // the target itself is within
			Report{Operation: "other", Duration: time.Second}, Report{Operation: "other", Duration: time.Second + 1},
		)
		for _, operation := range []string{users, "other"} {
			if s := r.summaries(operation)[0]; s.WithinTarget != 1 {
				t.Errorf("%s: %d within target, want 1", operation, s.WithinTarget)
			}
		}
		if s := r.summaries(users)[0]; s.Objective.SuccessRatio != 0.95 || s.Objective.AlertAfter != 3 {
			t.Errorf("an operation's own objective does not inherit: %+v", s.Objective)
		}
	})
}

// TestAbilityAlertAndRecovery has the pipelines of 2018's own tests, for both kinds of objective.
func TestAbilityAlertAndRecovery(t *testing.T) {
	tests := []struct {
		name              string
		periods           string // g: good, b: bad
		firing, resolving int
	}{
		{"broken streak", "bbgb", 0, 0},
		{"alert and recovery", "bbbggg", 1, 1},
		{"good between", "bgbb", 0, 0},
		{"recovery begins anew", "bbbggbggg", 1, 1},
		{"twice", "bbbgggbbbggg", 2, 2},
		{"lasting", "bbbbbbbbbbbbggg", 1, 1},
	}
	bad := map[alert.ObjectiveKind]Report{
		alert.Availability: usersCall("500", time.Millisecond),
		alert.Latency:      usersCall("200", time.Second),
	}
	for kind, badCall := range bad {
		for _, tt := range tests {
			t.Run(kind.String()+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var r recorder
					m := start(t, r.record(Config{}))
					for _, p := range tt.periods {
						if p == 'b' {
							minute(m, badCall)
						} else {
							minute(m, usersCall("200", time.Millisecond))
						}
					}
					var firing, resolved int
					for i, a := range r.alerts {
						if a.Objective != kind {
							t.Errorf("alert about %s, want %s", a.Objective, kind)
						}
						want := alert.Firing
						if i%2 == 1 {
							want = alert.Resolved
						}
						if a.State != want {
							t.Errorf("alert %d is %s, want %s: they alternate", i, a.State, want)
						}
						// The alert carries those N or M summaries, and never more.
						if len(a.Evidence) != 3 {
							t.Errorf("%s alert has %d periods of evidence, want 3", a.State, len(a.Evidence))
						}
						if a.State == alert.Firing {
							firing++
						} else {
							resolved++
						}
					}
					if firing != tt.firing || resolved != tt.resolving {
						t.Errorf("%d firing and %d resolved, want %d and %d", firing, resolved, tt.firing, tt.resolving)
					}
				})
			})
		}
	}
}

func TestAbilityCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outputs, alerts, recoveries int
		m := start(t, Config{
			Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1}, // 2018 turned 1 into 3 without a word
			Sinks: []engine.Sink{engine.SinkFunc(func(_ context.Context, p engine.Period) error {
				outputs += len(p.Summaries)
				return nil
			})},
			Notifiers: []alert.Notifier{alert.NotifierFunc(func(_ context.Context, as []alert.Alert) error {
				for _, a := range as {
					if a.State == alert.Firing {
						alerts++
					} else {
						recoveries++
					}
				}
				return nil
			})},
		})
		minute(m, usersCall("500", 0))
		minute(m, usersCall("200", 0))
		if outputs != 2 || alerts != 1 || recoveries != 1 {
			t.Errorf("%d outputs, %d alerts, %d recoveries; want 2, 1, 1", outputs, alerts, recoveries)
		}
	})
}

func TestFaultOutageRaisesOneAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{}))
		for range 3 {
			minute(m, usersCall("200", time.Second)) // slow
		}
		for range 5 {
			minute(m, usersCall("500", time.Millisecond)) // and then down: fast failures
		}
		// 2018 raised a second alert about latency in an outage, or "recovered" it.
		want := []string{"latency firing", "availability firing"}
		if got := r.states(users); !slices.Equal(got, want) {
			t.Errorf("alerts: %q, want %q", got, want)
		}
	})
}

func TestFaultEdgesOfTheDistribution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{
			// 400ms by 5 intervals, and by 7: 2018 divided by zero or filed 499ms under ">500".
			Distributions: map[string]engine.Distribution{"odd": {Intervals: 9}, "narrow": {Lowest: 1000, Highest: 1001, Intervals: 3}},
		}))
		for _, operation := range []string{users, "odd", "narrow"} {
			for _, ms := range []time.Duration{0, 99, 100, 499, 500, 5000} {
				m.Report(Report{Operation: operation, Duration: ms * time.Millisecond})
			}
		}
		minute(m)
		for _, operation := range []string{users, "odd", "narrow"} {
			var sum uint64
			d := r.summaries(operation)[0].Distribution
			for _, b := range d {
				sum += b.Count
			}
			if sum != 6 {
				t.Errorf("%s: the intervals hold %d calls, want 6: %+v", operation, sum, d)
			}
		}
		d := r.summaries(users)[0].Distribution
		if first, last, before := d[0], d[len(d)-1], d[len(d)-2]; len(d) != 10 ||
			first.High != 100*time.Millisecond || first.Count != 2 ||
			last.Low != 500*time.Millisecond || last.High != 0 || last.Count != 2 ||
			before.Low != 450*time.Millisecond || before.Count != 1 {
			t.Errorf("default distribution: %+v", d)
		}
	})
}

func TestFaultZeroCallsAreNoNaN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{}))
		minute(m, Report{Operation: users, Outcome: engine.OutcomeIgnored}, Report{Operation: "c", Outcome: engine.OutcomeCancelled})
		for _, operation := range []string{users, "c"} {
			s := r.summaries(operation)[0]
			if s.SuccessRatio != 1 || math.IsNaN(s.WithinTargetRatio) {
				t.Errorf("%s: ratios %v, %v", operation, s.SuccessRatio, s.WithinTargetRatio)
			}
			b, err := json.Marshal(s)
			if err != nil || strings.Contains(string(b), "NaN") {
				t.Errorf("%s: %s, %v", operation, b, err)
			}
			if s.Verdicts.Availability != engine.VerdictInsufficient {
				t.Errorf("%s: a period without a call is %s", operation, s.Verdicts.Availability)
			}
		}
	})
}

func TestFaultCallbacksStayInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c := r.record(Config{Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1}})
		// A notifier that takes longer the earlier it is called, and longer than a period.
		wait := 5 * time.Minute
		var got []alert.State
		var busy bool
		c.Notifiers = append(c.Notifiers, alert.NotifierFunc(func(_ context.Context, as []alert.Alert) error {
			if busy {
				t.Error("a notifier is called while it is busy")
			}
			busy = true
			time.Sleep(wait)
			wait /= 2
			got = append(got, as[0].State)
			busy = false
			return nil
		}))
		m := start(t, c)
		for i := range 4 {
			minute(m, usersCall("500", 0))
			minute(m, usersCall("200", 0))
			if i == 0 {
				time.Sleep(time.Hour) // four in an hour would be one incident
			}
		}
		if err := m.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := []alert.State{alert.Firing, alert.Resolved, alert.Firing, alert.Resolved, alert.Firing, alert.Resolved, alert.Firing, alert.Resolved}
		if !slices.Equal(got, want) {
			t.Errorf("order of alerts: %v", got)
		}
	})
}
