package monitor

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// nextMinute sleeps until a minute of the wall clock begins, so that the periods of a test
// are whole ones.
func nextMinute() {
	time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
	synctest.Wait()
}

// A call that hangs never ends, so that it can only be seen while it is in flight.
func TestStuckCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{Objective: engine.Objective{StuckAfter: 90 * time.Second, LatencyTarget: 10 * time.Minute, AlertAfter: 2, RecoverAfter: 1}}))
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		nextMinute()
		tracer := tp.Tracer("test")
		_, hangs := tracer.Start(context.Background(), "GET", trace.WithSpanKind(trace.SpanKindServer))
		hangs.SetName("GET /report") // as routers do, after the span has begun
		_, unwatched := tracer.Start(context.Background(), "internal", trace.WithSpanKind(trace.SpanKindInternal))
		defer unwatched.End()
		for range 4 {
			_, span := tracer.Start(context.Background(), "GET /quick", trace.WithSpanKind(trace.SpanKindServer))
			span.End()
			time.Sleep(10 * time.Second)
			_, span = tracer.Start(context.Background(), "GET /slow", trace.WithSpanKind(trace.SpanKindServer))
			nextMinute()
			span.End() // in flight at the end of each period, and never stuck
		}
		hangs.End()
		nextMinute()
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}

		summaries := r.summaries("GET /report")
		if len(summaries) != 6 {
			t.Fatalf("%d summaries of the call that hangs, want 4 while it does, one when it ends and the last one: %+v", len(summaries), summaries)
		}
		for i, s := range summaries[:4] {
			age := time.Duration(i+1) * time.Minute
			stuck := uint64(0)
			if age > 90*time.Second {
				stuck = 1
			}
			if s.Count != 0 || s.InFlight != 1 || s.OldestInFlight != age || s.Stuck != stuck || s.SpanKind != engine.SpanKindServer {
				t.Errorf("after %s: count %d, in flight %d, oldest %s, stuck %d; want 0, 1, %s, %d", age, s.Count, s.InFlight, s.OldestInFlight, s.Stuck, age, stuck)
			}
		}
		// The call that hangs can be looked up, while it does.
		sc := hangs.SpanContext()
		for i, s := range summaries {
			var want []engine.Exemplar
			if i == 1 || i == 2 || i == 3 {
				ref := engine.TraceRef{TraceID: sc.TraceID(), SpanID: sc.SpanID(), Sampled: true}
				want = []engine.Exemplar{{Trace: ref, Duration: time.Duration(i+1) * time.Minute, End: s.End}}
			}
			if !slices.Equal(s.StuckExemplars, want) {
				t.Errorf("period %d: stuck calls %+v, want %+v", i, s.StuckExemplars, want)
			}
		}
		for _, a := range r.alerts {
			if calls := a.Exemplars(); a.State == alert.Firing && (!slices.Equal(calls, summaries[2].StuckExemplars) || a.WorstExemplar.Trace != calls[0].Trace) {
				t.Errorf("the alert says to look up %+v, the worst of them %+v; want the call that hangs", calls, a.WorstExemplar)
			}
		}
		if s := summaries[4]; s.Count != 1 || s.InFlight != 0 || s.OldestInFlight != 0 {
			t.Errorf("when it has ended: %+v", s)
		}
		// Stuck in the second and the third period; its duration is no matter of Stuck.
		if got := strings.Join(r.states("GET /report"), ", "); got != "stuck firing, stuck resolved" {
			t.Errorf("alerts: %s", got)
		}
		if got := r.alerts[0].Summary(); got != "GET /report: oldest call in flight for 3m (stuck after 1m30s)" {
			t.Errorf("the alert says %s", got)
		}
		if s := r.summaries("GET /slow"); len(s) != 6 || s[0].InFlight != 1 || s[0].Stuck != 0 || len(r.states("GET /slow")) != 0 {
			t.Errorf("a call in flight is not stuck: %+v", s)
		}
		if s := r.summaries("GET /quick"); s[0].InFlight != 0 || s[0].Count != 1 {
			t.Errorf("a call that ended is in flight: %+v", s)
		}
		if s := r.summaries("internal"); len(s) != 0 {
			t.Errorf("a span of a kind that is not watched is in flight: %+v", s)
		}
	})
}

// Spans that are never ended are a real defect of real programs: they are given up, and that
// is said.
func TestAbandonedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := catchErrors(t)
		var r recorder
		m := start(t, r.record(Config{Period: time.Hour, MaxInFlight: 64}))
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)))
		synctest.Wait()
		for range 1000 {
			_, _ = tp.Tracer("test").Start(context.Background(), "GET /leak", trace.WithSpanKind(trace.SpanKindServer))
		}
		time.Sleep(2*time.Hour + time.Minute)
		synctest.Wait()
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		first, second := r.periods[len(r.periods)-2], r.periods[len(r.periods)-1]
		if first.InFlight != 64 || first.Untracked != 1000-64 || first.Abandoned != 0 {
			t.Errorf("first: %d in flight, %d untracked, %d abandoned", first.InFlight, first.Untracked, first.Abandoned)
		}
		if second.InFlight != 0 || second.Untracked != 0 || second.Abandoned != 64 {
			t.Errorf("second: %d in flight, %d untracked, %d abandoned", second.InFlight, second.Untracked, second.Abandoned)
		}
		said := strings.Join(handled(), "\n")
		for _, want := range []string{"936 calls began for which there was no room", "64 calls were in flight for more than 1h and"} {
			if !strings.Contains(said, want) {
				t.Errorf("nobody said %q:\n%s", want, said)
			}
		}
	})
}

// checkInFlight ends the period and checks how many calls were in flight.
func (r *recorder) checkInFlight(t *testing.T, want uint64) {
	t.Helper()
	nextMinute()
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.periods[len(r.periods)-1]; p.InFlight != want || p.Untracked != 0 || p.Abandoned != 0 {
		t.Errorf("%d calls in flight, %d untracked, %d abandoned; want %d, 0, 0", p.InFlight, p.Untracked, p.Abandoned, want)
	}
}

func TestInFlightFollowsTheFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{MaxInFlight: 64, Filter: func(s sdktrace.ReadOnlySpan) bool { return s.Name() != "GET /health" }}))
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		_, health := tp.Tracer("test").Start(context.Background(), "GET /health", trace.WithSpanKind(trace.SpanKindServer))
		_, users := tp.Tracer("test").Start(context.Background(), "GET /users", trace.WithSpanKind(trace.SpanKindServer))
		r.checkInFlight(t, 1)
		health.End()
		users.End()
		r.checkInFlight(t, 0)
	})
}

// Calls that are recorded and not sampled are in flight, too, and end.
func TestInFlightWithoutSampling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{MaxInFlight: 64}))
		tp := sdktrace.NewTracerProvider(unsampled, sdktrace.WithSpanProcessor(m))
		_, span := tp.Tracer("test").Start(context.Background(), "GET /users", trace.WithSpanKind(trace.SpanKindServer))
		r.checkInFlight(t, 1)
		span.End()
		r.checkInFlight(t, 0)
	})
}

// What a monitor sees of a call in flight.
func TestDescribe(t *testing.T) {
	m := start(t, Config{Sinks: []engine.Sink{}, MaxInFlight: 64})
	tp := sdktrace.NewTracerProvider(sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))))
	_, span := tp.Tracer("test").Start(context.Background(), "GET", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("server.address", "stock.example.org")))
	s := span.(sdktrace.ReadWriteSpan)
	want := engine.InFlight{
		Service: "shop", Operation: "GET stock.example.org", SpanKind: engine.SpanKindClient, Started: s.StartTime(),
		Trace: engine.TraceRef{TraceID: s.SpanContext().TraceID(), SpanID: s.SpanContext().SpanID(), Sampled: true},
	}
	if got, ok := m.describe(s); !ok || got != want {
		t.Errorf("got %+v and %t, want %+v", got, ok, want)
	}
	span.End()
	if _, ok := m.describe(s); ok {
		t.Error("a span that has ended is in flight")
	}
	_, inner := tp.Tracer("test").Start(context.Background(), "inner")
	if _, ok := m.describe(inner.(sdktrace.ReadWriteSpan)); ok {
		t.Error("a span of a kind that is not watched is in flight")
	}
}

func TestSetObjectiveStuckAfter(t *testing.T) {
	untracked := start(t, Config{})
	if err := untracked.SetObjective("a", engine.Objective{StuckAfter: time.Minute}); err == nil || !strings.HasPrefix(err.Error(), "stuck_after: ") {
		t.Errorf("got %v, want an error that names stuck_after", err)
	}
	if err := untracked.SetObjective("a", engine.Objective{StuckAfter: -1}); err != nil {
		t.Error(err)
	}
	tracked := start(t, Config{MaxInFlight: 64})
	if err := tracked.SetObjective("a", engine.Objective{StuckAfter: 5 * time.Hour}); err != nil {
		t.Error(err)
	}
}

// An operation that nobody calls any more looks healthy to anything that only looks at calls.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{
			Objective:   engine.Objective{AlertAfter: 2, RecoverAfter: 2},
			IdlePeriods: 3,
			Operations: map[string]engine.Objective{
				"heartbeat": {MinTraffic: 2},
				"busy":      {MinTrafficRatio: 0.5},
			},
		}))
		nextMinute()
		for minute := range 40 {
			if minute < 25 || minute >= 35 {
				reportMany(m, 2, Report{Operation: "heartbeat"})
				reportMany(m, 30, Report{Operation: "busy"})
			} else if minute < 28 {
				reportMany(m, 14, Report{Operation: "busy"}) // less than half
			}
			reportMany(m, 1, Report{Operation: "other"})
			nextMinute()
		}
		for _, operation := range []string{"heartbeat", "busy"} {
			if got := strings.Join(r.states(operation), ", "); got != "traffic firing, traffic resolved" {
				t.Errorf("%s: %s", operation, got)
			}
			if n := len(r.summaries(operation)); n != 40 {
				t.Errorf("%s: %d summaries, want one for each period, silent ones too", operation, n)
			}
		}
		for _, a := range r.alerts[:2] {
			want := map[string]string{
				"heartbeat": "heartbeat: 0 calls a period (at least 2 expected)",
				"busy":      "busy: 14 calls a period (at least 15 expected)",
			}[a.Operation]
			if a.Summary() != want {
				t.Errorf("the alert says %q, want %q", a.Summary(), want)
			}
		}
	})
}

// However soon idle operations leave: one whose silence is bad stays until an alert about that
// was raised and resolved.
func TestSilenceOutlivesIdlePeriods(t *testing.T) {
	for _, tt := range []struct{ idlePeriods, alertAfter int }{{1, 1}, {1, 3}, {2, 3}, {3, 3}, {4, 3}, {60, 60}, {60, 100}} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				m := start(t, r.record(Config{
					IdlePeriods: tt.idlePeriods,
					Objective:   engine.Objective{MinTraffic: 1, AlertAfter: tt.alertAfter, RecoverAfter: 1},
				}))
				nextMinute()
				m.Report(Report{Operation: "a"})
				for range 120 {
					nextMinute()
				}
				if m.Healthy("a") || len(m.Status().Operations) != 1 || len(m.Status().Alerts) != 1 {
					t.Errorf("after two hours without a call: healthy %t, %+v", m.Healthy("a"), m.Status())
				}
				m.Report(Report{Operation: "a"})
				nextMinute()
				if got := strings.Join(r.states("a"), ", "); got != "traffic firing, traffic resolved" || !m.Healthy("a") {
					t.Errorf("alerts: %s; healthy: %t", got, m.Healthy("a"))
				}
			})
		})
	}
}

// An alert about silence is resolved though nobody calls, once silence is no longer bad.
func TestSilenceIsNoLongerBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{IdlePeriods: 10, Objective: engine.Objective{MinTraffic: 1, AlertAfter: 2, RecoverAfter: 2}}))
		nextMinute()
		m.Report(Report{Operation: "a"})
		for range 20 {
			nextMinute()
		}
		if err := m.SetObjective("a", engine.Objective{MinTraffic: -1}); err != nil {
			t.Fatal(err)
		}
		for range 3 { // it takes effect after the first of them
			nextMinute()
		}
		if got := strings.Join(r.states("a"), ", "); got != "traffic firing, traffic resolved" || !m.Healthy("a") {
			t.Errorf("alerts: %s; healthy: %t", got, m.Healthy("a"))
		}
		nextMinute()
		if s := m.Status(); len(s.Operations) != 0 || len(s.Alerts) != 0 {
			t.Errorf("it is still there: %+v", s)
		}
	})
}

// What was called in the last six hours says how fast the error budget burns, however few
// periods it takes for an idle operation to leave.
func TestErrorBudgetOutlivesIdlePeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{Objective: engine.Objective{SLO: 0.9}, IdlePeriods: 10}))
		nextMinute()
		reportMany(m, 999, Report{Operation: "a"})
		for range 3 * 60 {
			nextMinute()
		}
		reportMany(m, 1, Report{Operation: "a", Code: "500"})
		nextMinute()
		all := r.summaries("a")
		got := all[len(all)-1].BurnRates
		if got.Hour1 < 9.99 || got.Hour1 > 10.01 || got.Hours6 < 0.00999 || got.Hours6 > 0.01001 {
			t.Errorf("one failure in an hour, one of 1000 in six: %+v, want 10 and 0.01", got)
		}
		for range 6*60 - 1 {
			nextMinute()
		}
		if n := len(m.Status().Operations); n != 1 {
			t.Errorf("%d operations just within six hours, want it still there", n)
		}
		for range 2 {
			nextMinute()
		}
		if n := len(m.Status().Operations); n != 0 {
			t.Errorf("%d operations after six hours, want none", n)
		}
	})
}

// By the lowest SLO that is valid an alert fires where every call fails; see [engine.Objective.SLO].
func TestLowestSLOFires(t *testing.T) {
	lowest := 5.0 / 6
	for (engine.Objective{SLO: lowest}).Validate() != nil {
		lowest = math.Nextafter(lowest, 1)
	}
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{Objective: engine.Objective{SLO: lowest, AlertAfter: 1}}))
		nextMinute()
		reportMany(m, 10, Report{Operation: "a", Code: "500"})
		nextMinute()
		if got := strings.Join(r.states("a"), ", "); !strings.Contains(got, "burn_rate firing") {
			t.Errorf("with an SLO of %v and no success: %s", lowest, got)
		}
	})
}

// The burn rates of summaries are those that Prometheus recording rules give on the same calls,
//
//	sum(increase(failed[5m])) / sum(increase(total[5m])) / (1 - 0.99)
//
// and so on: here a plain computation over every call. It begins within a period, has silent
// hours, and the calls are reported as they come.
func TestBurnRatesOfCalls(t *testing.T) {
	type call struct {
		at     time.Time
		failed bool
	}
	for _, period := range []time.Duration{20 * time.Second, time.Minute} {
		t.Run(period.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				time.Sleep(47*time.Second + 300*time.Millisecond)
				m := start(t, r.record(Config{Period: period, IdlePeriods: 5, Objective: engine.Objective{SLO: 0.99, AlertAfter: 1, RecoverAfter: 1}}))
				random := rand.New(rand.NewPCG(1, 2))
				var calls []call
				for _, stretch := range []struct {
					last, every time.Duration
					failing     float64
				}{
					{5 * time.Second, 200 * time.Millisecond, 0.9}, // before the first whole period
					{time.Hour, 2 * time.Second, 0.001},
					{20 * time.Minute, 2 * time.Second, 0.3}, // burns fast
					{3 * time.Hour, time.Hour, 0},
					{2 * time.Hour, 5 * time.Second, 0.08}, // burns slowly
					{5 * time.Hour, 10 * time.Hour, 1},     // one call
					{time.Hour, 2 * time.Second, 0.01},
				} {
					for until := time.Now().Add(stretch.last); time.Now().Before(until); time.Sleep(stretch.every/2 + time.Duration(random.Int64N(int64(stretch.every)))) {
						c := call{time.Now(), random.Float64() < stretch.failing}
						calls = append(calls, c)
						code := "200"
						if c.failed {
							code = "500"
						}
						m.Report(Report{Operation: "a", Code: code})
					}
				}
				nextMinute()
				rate := func(end time.Time, window time.Duration) float64 {
					from := end.Add(-window)
					first, _ := slices.BinarySearchFunc(calls, from, func(c call, at time.Time) int { return c.at.Compare(at) })
					var failed, total float64
					for _, c := range calls[first:] {
						if !c.at.Before(end) {
							break
						}
						if total++; c.failed {
							failed++
						}
					}
					return failed / max(total, 1) / 0.01
				}
				checked, burning := 0, 0
				for _, s := range r.summaries("a") {
					if s.Partial || !s.End.Equal(s.End.Truncate(time.Minute)) {
						continue
					}
					checked++
					want := [4]float64{rate(s.End, 5*time.Minute), rate(s.End, 30*time.Minute), rate(s.End, time.Hour), rate(s.End, 6*time.Hour)}
					got := [4]float64{s.BurnRates.Minutes5, s.BurnRates.Minutes30, s.BurnRates.Hour1, s.BurnRates.Hours6}
					for i := range want {
						if math.Abs(got[i]-want[i]) > 1e-9 {
							t.Fatalf("at %s: %v, want %v", s.End, got, want)
						}
					}
					isBurning := want[2] > 14.4 && want[0] > 14.4 && !s.BurnRates.FastInsufficient || want[3] > 6 && want[1] > 6 && !s.BurnRates.SlowInsufficient
					if isBurning {
						burning++
					}
					if (s.Verdicts.BurnRate == engine.VerdictBad) != isBurning {
						t.Fatalf("at %s: %s with %v", s.End, s.Verdicts.BurnRate, want)
					}
				}
				states := slices.DeleteFunc(r.states("a"), func(state string) bool { return !strings.HasPrefix(state, "burn_rate") })
				if got := strings.Join(states, ", "); checked < 12*60 || burning < 60 || !strings.Contains(got, "burn_rate firing, burn_rate resolved") {
					t.Errorf("%d periods checked, %d of them burn: %s", checked, burning, got)
				}
			})
		})
	}
}

// A sampler that keeps calls from the monitor is noticed once, and stays in the periods.
func TestSamplerIsNoticed(t *testing.T) {
	for name, tt := range map[string]struct {
		sampler sdktrace.Sampler
		noticed bool
	}{
		"ratio":               {sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.1)), true},
		"ratio, all recorded": {sdktrace.AlwaysRecord(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.1))), false},
		"everything":          {sdktrace.AlwaysSample(), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handled := catchErrors(t)
				var r recorder
				m := start(t, r.record(Config{Name: "http"}))
				tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(tt.sampler), sdktrace.WithSpanProcessor(m))
				for range 3 {
					nextMinute()
					for range 3000 {
						server("GET /", "", 0).run(context.Background(), tp.Tracer("test"))
					}
				}
				nextMinute()
				if err := m.ForceFlush(context.Background()); err != nil {
					t.Fatal(err)
				}
				told := 0
				for _, text := range handled() {
					if strings.Contains(text, "sdktrace.WithSampler(sdktrace.AlwaysRecord(sampler))") {
						told++
					}
				}
				last := r.periods[len(r.periods)-1].SampledRatio
				if tt.noticed && (told != 1 || last < 0.08 || last > 0.12) || !tt.noticed && (told != 0 || last != 0) {
					t.Errorf("told %d times, the last period says %v", told, last)
				}
			})
		})
	}
}
