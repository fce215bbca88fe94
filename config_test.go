package monitor

import (
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		want   string // the whole error, one line for each mistake; empty: none
	}{
		{"zero", Config{}, ""},
		{"period", Config{Period: -time.Second}, "period: must be between 10ms and 1h, got -1s"},
		{"period too long", Config{Period: 2 * time.Hour}, "period: must be between 10ms and 1h, got 2h0m0s"},
		{"nothing is clamped", Config{Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1}}, ""},
		{"ratios", Config{Objective: engine.Objective{SuccessRatio: 95, WithinTargetRatio: math.NaN()}},
			"objective.success_ratio: must be above 0 and at most 1, got 95\nobjective.within_target_ratio: must be above 0 and at most 1, got NaN"},
		{"operation", Config{Operations: map[string]engine.Objective{"GET /\x00": {AlertAfter: -3}}},
			`operations["GET /\x00"].alert_after: must be between 1 and 100, got -3`},
		{"kinds", Config{Kinds: []trace.SpanKind{trace.SpanKindServer, 0, 9}},
			"kinds[1]: must be a span kind from INTERNAL to CONSUMER, got 0\nkinds[2]: must be a span kind from INTERNAL to CONSUMER, got 9"},
		{"calls in flight", Config{MaxInFlight: -1}, "max_in_flight: must be between 0 and 1048576, got -1"},
		{"too many calls in flight", Config{MaxInFlight: 1<<20 + 1}, "max_in_flight: must be between 0 and 1048576, got 1048577"},
		{"silences", Config{Objective: engine.Objective{MinTraffic: 2e9, MinTrafficRatio: math.NaN(), StuckAfter: 25 * time.Hour, SLO: 1, RepeatInterval: 721 * time.Hour}},
			"objective.min_traffic: must be at most 1000000000, or negative for none, got 2000000000\n" +
				"objective.min_traffic_ratio: must be above 0 and below 1, or negative for none, got NaN\n" +
				"objective.stuck_after: must be at most 24h, or negative for none, got 25h0m0s\n" +
				"objective.slo: must be above 5/6, so that the burn rate can exceed 6, and below 1, or negative for none, got 1\n" +
				"objective.repeat_interval: must be at most 720h, or negative for none, got 721h0m0s"},
		{"nil notifier", Config{Notifiers: []alert.Notifier{nil}}, "notifiers[0]: must not be nil"},
		{"nil sink", Config{Sinks: []engine.Sink{nil}}, "sinks[0]: must not be nil"},
		{"outcomes", Config{Outcomes: Outcomes{HTTPServer4xx: 77, GRPCNotFound: 5}},
			"outcomes.http_server_4xx: must be success, failure, cancelled or ignored, got \"Outcome(77)\"\n" +
				"outcomes.grpc_not_found: must be success, failure, cancelled or ignored, got \"Outcome(5)\""},
		{"all at once", Config{Period: 1, MaxCodes: -1, QueueSize: 3},
			"period: must be between 10ms and 1h, got 1ns; a number without a unit is nanoseconds, probably 1s is meant\nmax_codes: must be between 1 and 1000, got -1\nqueue_size: must be between 16 and 16777216, got 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails if New leaves a goroutine behind
				m, err := New(tt.config)
				if tt.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					if err := m.Shutdown(t.Context()); err != nil {
						t.Fatal(err)
					}
					return
				}
				if err == nil || m != nil {
					t.Fatalf("New = %v, %v; want an error", m, err)
				}
				if err.Error() != tt.want {
					t.Errorf("New: %q, want %q", err, tt.want)
				}
			})
		})
	}
}

func TestNameAndServiceDefaults(t *testing.T) {
	c := Config{}.withDefaults(place{})
	want := "unknown_service:"
	if s := os.Getenv("OTEL_SERVICE_NAME"); s != "" {
		want = s
	}
	if !strings.HasPrefix(c.Name, want) || c.Service != c.Name {
		t.Errorf("name %q, service %q; want the service.name of the process's resource", c.Name, c.Service)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(int64(time.Minute), 0.95, 0.8, int64(time.Second), 3, 3, 1, 0, 0, int64(0), int64(0), 0, "GET /", uint8(0))
	f.Add(int64(-1), 2.0, -1.0, int64(-1), -1, 0, math.MaxInt, 7, 99, int64(5), int64(4), 2, "\xff", uint8(9))
	f.Fuzz(func(t *testing.T, period int64, success, within float64, target int64, n, m, minCalls, queue, operations int, low, high int64, intervals int, name string, preset uint8) {
		o := engine.Objective{SuccessRatio: success, WithinTargetRatio: within, LatencyTarget: time.Duration(target), AlertAfter: n, RecoverAfter: m, MinCalls: minCalls}
		c := Config{
			Period:        time.Duration(period),
			Objective:     o,
			Operations:    map[string]engine.Objective{name: o},
			Distributions: map[string]engine.Distribution{name: {Lowest: time.Duration(low), Highest: time.Duration(high), Intervals: intervals}},
			QueueSize:     min(queue, 1<<16), // a larger one is right, and slow to make
			MaxOperations: operations,
			Outcomes:      Outcomes{HTTPServer4xx: engine.Outcome(preset)},
			Kinds:         []trace.SpanKind{trace.SpanKind(preset)},
			Sinks:         []engine.Sink{},
			Notifiers:     []alert.Notifier{},
			Filter:        func(sdktrace.ReadOnlySpan) bool { return true },
		}
		valid := c.Validate()
		mon, err := New(c)
		if (valid == nil) != (err == nil) {
			t.Fatalf("Validate says %v, New says %v", valid, err)
		}
		if err != nil {
			if err.Error() != valid.Error() {
				t.Fatalf("Validate says %v, New says %v", valid, err)
			}
			return
		}
		// What is valid works, and counts what it is given.
		for _, d := range []time.Duration{0, time.Duration(low), time.Duration(high), time.Duration(target)} {
			mon.Report(Report{Operation: name, Duration: d})
		}
		if err := mon.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := mon.Stats(); s.Counted != 4 || s.Dropped() != 0 {
			t.Fatalf("stats: %+v", s)
		}
	})
}
