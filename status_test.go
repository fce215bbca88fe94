package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{
			Service: "shop", Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{},
			Objective:   engine.Objective{AlertAfter: 2, RecoverAfter: 2},
			Operations:  map[string]engine.Objective{"b": {MinTraffic: 1}},
			IdlePeriods: 3,
		})
		check := func(when string, healthy bool, want ...string) {
			t.Helper()
			nextMinute()
			s := m.Status()
			var got []string
			for _, o := range s.Operations {
				line := fmt.Sprintf("%s %s %d:", o.Service, o.Operation, o.Last.Failure)
				for _, k := range o.Objectives {
					line += fmt.Sprintf(" %s %s %s", k.Objective, k.Phase, k.Verdict)
					if (k.AlertID != "") != (k.Phase == alert.PhaseFiring || k.Phase == alert.PhaseRecovering) {
						t.Errorf("%s: %s is %s with the alert %q", when, k.Objective, k.Phase, k.AlertID)
					}
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
			if m.Healthy("a") != healthy || (len(s.Alerts) == 0) != healthy {
				t.Errorf("%s: healthy %t with %d alerts", when, m.Healthy("a"), len(s.Alerts))
			}
			if !s.PeriodEnd.Equal(time.Now()) {
				t.Errorf("%s: as of %s, want %s", when, s.PeriodEnd, time.Now())
			}
			if _, err := json.Marshal(s); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		if s := m.Status(); !s.PeriodEnd.IsZero() || len(s.Operations) != 0 || len(s.Alerts) != 0 || !m.Healthy("a") {
			t.Errorf("before the first period: %+v", s)
		}
		nextMinute()
		bad := func() { reportMany(m, 5, Report{Operation: "a", Code: "500"}) }
		good := func() { reportMany(m, 5, Report{Operation: "a"}) }
		bad()
		reportMany(m, 1, Report{Operation: "b"})
		check("bad", true, "shop a 5: availability pending bad latency normal insufficient", "shop b 0: availability normal good latency normal good traffic normal good")
		bad()
		check("bad again", false, "shop a 5: availability firing bad latency normal insufficient", "shop b 0: availability normal insufficient latency normal insufficient traffic pending bad")
		good()
		reportMany(m, 1, Report{Operation: "b"})
		check("good", false, "shop a 0: availability recovering good latency normal good", "shop b 0: availability normal good latency normal good traffic normal good")
		good()
		reportMany(m, 1, Report{Operation: "b"})
		check("good again", true, "shop a 0: availability normal good latency normal good", "shop b 0: availability normal good latency normal good traffic normal good")
		for range 2 {
			reportMany(m, 1, Report{Operation: "b"})
			nextMinute()
		}
		reportMany(m, 1, Report{Operation: "b"})
		check("a was idle", true, "shop b 0: availability normal good latency normal good traffic normal good")
	})
}

// Whoever asks gets a state that was: alerts, phases and summaries of one moment.
func TestStatusIsConsistent(t *testing.T) {
	const periods = 2000
	const length = time.Hour // so that nothing flaps
	windows, err := engine.NewWindows(engine.Config{Period: length, Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1, MinCalls: 1}})
	if err != nil {
		t.Fatal(err)
	}
	var b board
	var busy sync.WaitGroup
	busy.Go(func() {
		judge, at := alert.NewJudge(), time.Unix(0, 0)
		for i := range periods { // bad ones and good ones take turns
			code := "500"
			if i%2 == 1 {
				code = "200"
			}
			windows.Add(Report{Operation: "a", Code: code})
			p := windows.Close(engine.Period{Start: at, End: at.Add(length)}, judge.Needs)
			at = p.End
			alerts := judge.Judge(&p)
			b.update(&p, alerts, judge.Phases())
		}
	})
	for range 4 {
		busy.Go(func() {
			last := time.Time{}
			for last.Before(time.Unix(0, 0).Add(periods * length)) {
				s := b.status()
				if s.PeriodEnd.Before(last) {
					t.Errorf("the status of %s came after that of %s", s.PeriodEnd, last)
				}
				last = s.PeriodEnd
				for _, o := range s.Operations {
					isBad := s.PeriodEnd.Unix()/int64(length.Seconds())%2 == 1
					fires := o.Objectives[0].Phase == alert.PhaseFiring
					if fires != isBad || fires != (len(s.Alerts) == 1) || fires && s.Alerts[0].ID != o.Objectives[0].AlertID || fires != (o.Last.Failure == 1) || !o.Last.End.Equal(s.PeriodEnd) {
						t.Errorf("at %s: %+v with %d alerts, %+v", s.PeriodEnd, o.Objectives[0], len(s.Alerts), o.Last)
						return
					}
				}
				b.isHealthy("a") // never waits
			}
		})
	}
	busy.Wait()
	if !b.isHealthy("a") {
		t.Error("an alert fires in the end")
	}
}

// An alert that was sent ten times is one alert, with the words of the last one.
func TestStatusAfterRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{
			Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{},
			Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1, RepeatInterval: time.Minute},
		})
		nextMinute()
		for range 10 {
			reportMany(m, 5, Report{Operation: "a", Code: "500"})
			nextMinute()
		}
		if s := m.Status(); len(s.Alerts) != 1 || !s.Alerts[0].Repeat || !s.Alerts[0].DecidedAt.Equal(s.PeriodEnd) || m.Healthy("a") {
			t.Errorf("healthy: %t, %+v", m.Healthy("a"), s.Alerts)
		}
		reportMany(m, 5, Report{Operation: "a"})
		nextMinute()
		if s := m.Status(); len(s.Alerts) != 0 || !m.Healthy("a") {
			t.Errorf("resolved, and healthy: %t, %+v", m.Healthy("a"), s.Alerts)
		}
	})
}

// An alert that flaps fires all the time; the operation is healthy while it does well.
func TestStatusOfWhatFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{
			Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{},
			Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1},
		})
		nextMinute()
		for i := range 8 {
			code := []string{"500", "200"}[i%2]
			reportMany(m, 5, Report{Operation: "a", Code: code})
			nextMinute()
			if i < 6 {
				continue
			}
			s := m.Status()
			if len(s.Alerts) != 1 || s.Alerts[0].Flapping.Count != 4 || s.Operations[0].Objectives[0].AlertID == "" || m.Healthy("a") != (code == "200") {
				t.Errorf("after %s: healthy: %t, %+v", code, m.Healthy("a"), s)
			}
		}
	})
}

// Alerts stand in the order in which they began, names are found as they were given, and what
// was handed out is the caller's own.
func TestStatusOfAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{
			Notifiers: []alert.Notifier{alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
				for _, a := range alerts { // they are its own
					clear(a.Evidence)
				}
				return nil
			})},
			Sinks:     []engine.Sink{},
			Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1},
		})
		nextMinute()
		huge := strings.Repeat("é", 1000)
		for _, name := range []string{"e", "d", "c", "b", "a", huge} { // one more each minute
			reportMany(m, 5, Report{Operation: name, Code: "500"})
			nextMinute()
		}
		reportMany(m, 5, Report{Operation: "a", SpanKind: engine.SpanKindServer, Code: "500"})
		nextMinute()
		if m.Healthy(huge) {
			t.Error("an operation whose name was cut is healthy")
		}
		var got string
		for _, a := range m.Status().Alerts {
			got += a.Operation[:1]
			a.Evidence[0].Failures[0].Code = "changed"
		}
		if got != "edcba\xc3a" {
			t.Errorf("alerts in the order of %q", got)
		}
		for _, a := range m.Status().Alerts {
			if code := a.Evidence[0].Failures[0].Code; code != "500" {
				t.Errorf("somebody changed the code to %q", code)
			}
		}
		reportMany(m, 5, Report{Operation: "a", SpanKind: engine.SpanKindServer})
		nextMinute()
		if m.Healthy("a") {
			t.Error("of two alerts about the name one fires still")
		}
		reportMany(m, 5, Report{Operation: "a"})
		nextMinute()
		if !m.Healthy("a") {
			t.Error("none fires any more")
		}
	})
}

func TestStatusOfAMonitorThatIsOff(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Status(); len(s.Operations) != 0 || !m.Healthy("a") {
		t.Errorf("got %+v", s)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func BenchmarkStatus(b *testing.B) {
	m, err := New(Config{MaxOperations: 2000, Period: time.Hour, Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{}})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 2000 {
		m.Report(Report{Operation: fmt.Sprint(i)})
	}
	if err := m.Shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.Run("Status", func(b *testing.B) {
		for b.Loop() {
			m.Status()
		}
	})
	b.Run("Healthy", func(b *testing.B) {
		for b.Loop() {
			m.Healthy("7")
		}
	})
}

// A scanner that fills all places before a configured operation is called does not hide its outage.
func TestNamedOperationsHaveAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fired []alert.Alert
		m := start(t, Config{
			MaxOperations: 10, Sinks: []engine.Sink{},
			Operations: map[string]engine.Objective{"POST /checkout": {SuccessRatio: 0.999, AlertAfter: 1}},
			Notifiers: []alert.Notifier{alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
				fired = append(fired, alerts...)
				return nil
			})},
		})
		nextMinute()
		for i := range 100 {
			m.Report(Report{Operation: fmt.Sprintf("GET /scan/%d", i), Code: "404", Outcome: engine.OutcomeSuccess})
		}
		if !m.Healthy("POST /checkout") || !m.Healthy("GET /users") {
			t.Error("nothing is known to be wrong yet")
		}
		for range 100 {
			m.Report(Report{Operation: "POST /checkout", Code: "500"})
			m.Report(Report{Operation: "GET /users", Code: "500"})
		}
		nextMinute()
		if m.Healthy("POST /checkout") {
			t.Error("the operation that the configuration names is said to be healthy")
		}
		if m.Healthy("GET /users") {
			t.Error("an operation without a place is said to be healthy")
		}
		if !m.Healthy("GET /scan/0") {
			t.Error("an operation that has a place is not healthy")
		}
		if !slices.ContainsFunc(fired, func(a alert.Alert) bool { return a.Operation == "POST /checkout" }) {
			t.Errorf("the alerts are %v", fired)
		}
	})
}

// A name in the configuration that nobody calls is told once.
func TestUncalledOperationsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := catchErrors(t)
		m := start(t, Config{
			Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{},
			Operations: map[string]engine.Objective{"POST /chekout": {SuccessRatio: 0.999}, "client: GET": {SuccessRatio: 0.5}, "server: GET": {SuccessRatio: 0.5}},
		})
		for range 130 {
			m.Report(Report{Operation: "POST /checkout"})
			m.Report(Report{Operation: "GET", SpanKind: engine.SpanKindClient})
			nextMinute()
		}
		want := "operations[\"POST /chekout\"], operations[\"server: GET\"]: no such operation was called in the first hour"
		if all := strings.Join(told(), "\n"); strings.Count(all, want) != 1 {
			t.Errorf("told %q, want %q once", all, want)
		}
	})
}
