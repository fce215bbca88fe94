package alert

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// op returns the key of an operation of the test service.
func op(name string) engine.OperationKey {
	return engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: name}
}

// cause returns a cause of so many calls.
func cause(name, code string, count uint64) engine.CauseCount {
	key := op(name)
	return engine.CauseCount{Cause: engine.Cause{Service: key.Service, SpanKind: key.SpanKind, Operation: key.Name, Code: code}, Count: count}
}

func TestCausesOfAllPeriods(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 2, SLO: 0.9})
	both := func(i int, failures, slowCalls []engine.CauseCount) engine.Summary {
		s := named(summaryOf(i, o, calls{success: 10, within: 0, failure: 40}), op("a"))
		s.FailureCauses, s.SlowCauses = failures, slowCalls
		return s
	}
	j := NewJudge()
	calledBefore(j, 0, o, op("a"))
	judged(j, both(0, []engine.CauseCount{cause("x", "1", 30), cause("y", "2", 6)}, []engine.CauseCount{cause("s", "", 5)}))
	_, alerts := judged(j, both(1, []engine.CauseCount{cause("y", "2", 40)}, []engine.CauseCount{cause("s", "", 2), cause("r", "", 1)}))
	share := func(c engine.CauseCount, share float64) engine.CauseCount {
		c.Share = share
		return c
	}
	failures := []engine.CauseCount{share(cause("y", "2", 46), 46.0/80), share(cause("x", "1", 30), 30.0/80)}
	want := map[ObjectiveKind][]engine.CauseCount{
		Availability: failures,
		Latency:      {share(cause("s", "", 7), 0.35), share(cause("r", "", 1), 0.05)},
		BurnRate:     failures,
	}
	got := make(map[ObjectiveKind][]engine.CauseCount)
	for _, a := range alerts {
		got[a.Objective] = a.Causes
	}
	if diff := cmp.Diff(want, got); diff != "" {
		// 10 of 90 may fail, so it burns at 8 over all windows: slowly.
		t.Errorf("causes (-want +got):\n%s", diff)
	}
}

func TestMainCause(t *testing.T) {
	causes := func(share float64, code string) []engine.CauseCount {
		return []engine.CauseCount{{Cause: engine.Cause{Operation: "INSERT orders", Code: code}, Share: share}, {Cause: engine.Cause{Operation: "SELECT"}, Share: 0.05}}
	}
	for _, tt := range []struct {
		name  string
		alert Alert
		want  string
	}{
		{"failures", Alert{Objective: Availability, Actual: 0.71, Target: 0.95, Causes: causes(0.92, "23505")},
			"POST /orders: 71 % succeed (target 95 %), 92 % of failures caused by INSERT orders [23505]"},
		{"without a code", Alert{Objective: Availability, Actual: 0.71, Target: 0.95, Causes: causes(0.92, "")},
			"POST /orders: 71 % succeed (target 95 %), 92 % of failures caused by INSERT orders"},
		{"slow calls have no code to speak of", Alert{Objective: Latency, Actual: 0.71, Target: 0.8, LatencyTarget: time.Second, Causes: causes(0.925, "OK")},
			"POST /orders: 71 % of successful calls within 1s (target 80 %), 92.5 % of slow calls caused by INSERT orders"},
		{"the way there", Alert{Objective: Latency, Actual: 0.71, Target: 0.8, LatencyTarget: time.Second, Causes: []engine.CauseCount{
			{Cause: engine.Cause{Service: "stock", Operation: "GET /stock", Code: engine.NetworkCode}, Share: 0.9},
		}},
			"POST /orders: 71 % of successful calls within 1s (target 80 %), 90 % of slow calls caused by the network to stock (GET /stock)"},
		{"burning", Alert{Objective: BurnRate, Actual: 20, Target: fastBurn, Causes: causes(1, "23505")},
			"POST /orders: error budget burns at 20x (limit 14.4x over 1h), 100 % of failures caused by INSERT orders [23505]"},
		{"not quite all", Alert{Objective: Availability, Actual: 0, Target: 0.95, Causes: causes(0.9999, "x")},
			"POST /orders: 0 % succeed (target 95 %), 99.99 % of failures caused by INSERT orders [x]"},
		{"a tenth is worth naming", Alert{Objective: Availability, Actual: 0.71, Target: 0.95, Causes: causes(0.1, "x")},
			"POST /orders: 71 % succeed (target 95 %), 10 % of failures caused by INSERT orders [x]"},
		{"less is not", Alert{Objective: Availability, Actual: 0.71, Target: 0.95, Causes: causes(0.09, "x")},
			"POST /orders: 71 % succeed (target 95 %)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.alert.Operation = "POST /orders"
			if got := tt.alert.Summary(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestCauseText(t *testing.T) {
	for want, c := range map[string]engine.Cause{
		"INSERT orders [23505]":         {Service: "shop", Operation: "INSERT orders", Code: "23505"},
		"INSERT orders":                 {Operation: "INSERT orders"},
		"read of stock [OK]":            {Service: "stock", Operation: "read", Code: "OK"},
		"the network to stock (POST /)": {Service: "stock", Operation: "POST /", Code: engine.NetworkCode},
	} {
		if got := CauseText(&c, "shop"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
