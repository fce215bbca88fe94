package web

import (
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Each value of an objective says where it was set.
func TestSettings(t *testing.T) {
	w, err := engine.NewWindows(engine.Config{
		Objective:  engine.Objective{LatencyTarget: 200 * time.Millisecond},
		Operations: map[string]engine.Objective{"GET /cart": {SuccessRatio: 0.99}, "client: GET /cart": {AlertAfter: 7}},
		Services: map[string]engine.ServiceObjectives{
			"shop": {Objective: engine.Objective{RecoverAfter: 9}, Operations: map[string]engine.Objective{"GET /cart": {SLO: 0.999}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Add(engine.Report{Service: "shop", Operation: "GET /cart", SpanKind: engine.SpanKindClient})
	w.Add(engine.Report{Service: "other", Operation: "GET /", SpanKind: engine.SpanKindServer})
	p := w.Close(engine.Period{}, nil)
	c := w.Config()
	from := func(s *engine.Summary, o engine.Objective) map[string]string {
		got := make(map[string]string)
		for _, v := range settingsOf(&c, s.Key(), o) {
			got[v.Key] = v.From
		}
		return got
	}
	cart, root := &p.Summaries[1], &p.Summaries[0]
	changed := cart.Objective
	changed.MinCalls = 77
	for _, test := range []struct {
		got       map[string]string
		key, want string
	}{
		{from(cart, cart.Objective), "success_ratio", `operations["GET /cart"]`},
		{from(cart, cart.Objective), "latency_target", "objective"},
		{from(cart, cart.Objective), "within_target_ratio", "default"},
		{from(cart, cart.Objective), "alert_after", `operations["client: GET /cart"]`},
		{from(cart, cart.Objective), "recover_after", `services["shop"].objective`},
		{from(cart, cart.Objective), "slo", `services["shop"].operations["GET /cart"]`},
		{from(cart, cart.Objective), "min_traffic", ""}, // nothing is expected
		{from(cart, changed), "min_calls", "runtime"},
		{from(root, root.Objective), "success_ratio", "default"},
		{from(root, root.Objective), "latency_target", "objective"},
	} {
		if test.got[test.key] != test.want {
			t.Errorf("%s comes from %q, want %q", test.key, test.got[test.key], test.want)
		}
	}
}
