package alert

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// randomAlerts draws alerts about different operations, some caused by others, in circles too.
func randomAlerts(t *rapid.T) []Alert {
	n := rapid.IntRange(0, 12).Draw(t, "alerts")
	alerts := make([]Alert, n)
	for i := range alerts {
		calls := rapid.Uint64Range(0, 5).Draw(t, "calls")
		alerts[i] = Alert{
			ID: fmt.Sprint(i), Operation: fmt.Sprint(i), Target: 0.95,
			Objective: rapid.SampledFrom(kinds[:]).Draw(t, "kind"),
			State:     rapid.SampledFrom([]State{Firing, Firing, Resolved}).Draw(t, "state"),
			Repeat:    rapid.Bool().Draw(t, "repeat"),
			Actual:    rapid.SampledFrom([]float64{0, 0.5, 1, 20, math.NaN(), math.Inf(1)}).Draw(t, "actual"),
			StartsAt:  time.Unix(rapid.Int64Range(0, 2).Draw(t, "start"), 0),
			Evidence:  []engine.Summary{{Success: calls, Failure: calls, Count: 2 * calls}},
		}
		if by := rapid.IntRange(-n, n).Draw(t, "cause"); by >= 0 {
			alerts[i].CausedBy = fmt.Sprint(by) // of n there is no alert
		}
	}
	return alerts
}

// ancestors returns the ids of the firing alerts that explain one, nearest first.
func ancestors(alerts []Alert, a Alert) []string {
	var ids []string
	for a.State == Firing && a.CausedBy != "" && !slices.Contains(ids, a.CausedBy) {
		i := slices.IndexFunc(alerts, func(b Alert) bool { return b.ID == a.CausedBy && b.State == Firing })
		if i < 0 {
			break
		}
		ids, a = append(ids, a.CausedBy), alerts[i]
	}
	return ids
}

func TestSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alerts := randomAlerts(t)
		sorted := slices.Clone(alerts)
		Sort(sorted)
		place := make(map[string]int)
		for i := range sorted {
			place[sorted[i].ID] = i
		}
		if len(place) != len(alerts) {
			t.Fatalf("%d alerts have become %d", len(alerts), len(place))
		}
		inCircle := func(a Alert) bool { return slices.Contains(ancestors(alerts, a), a.ID) }
		roots := Roots(sorted)
		for i, a := range sorted {
			if i > 0 && a.State == Firing && sorted[i-1].State != Firing {
				t.Fatalf("%s fires and comes after a resolved alert", a.ID)
			}
			for _, id := range ancestors(alerts, a) {
				if !inCircle(a) && place[id] > i {
					t.Fatalf("%s comes before %s, which causes it", a.ID, id)
				}
			}
			isRoot := a.State == Firing && (a.CausedBy == "" || inCircle(a))
			if isRoot != (i < roots) {
				t.Fatalf("%s is number %d of %d roots, and a root: %v", a.ID, i, roots, isRoot)
			}
			if i > 0 && i < roots && a.Repeat == sorted[i-1].Repeat && weightOf(&a) > weightOf(&sorted[i-1]) {
				t.Fatalf("%s is worse than the root before it", a.ID)
			}
		}
		shuffled := rapid.Permutation(alerts).Draw(t, "another order")
		Sort(shuffled)
		if diff := cmp.Diff(ids(sorted), ids(shuffled)); diff != "" {
			t.Fatalf("the order depends on the one before (-one +other):\n%s", diff)
		}
		again := slices.Clone(sorted)
		Sort(again)
		if diff := cmp.Diff(ids(sorted), ids(again)); diff != "" {
			t.Fatalf("sorting again changes the order:\n%s", diff)
		}
	})
}

func ids(alerts []Alert) []string {
	var list []string
	for i := range alerts {
		list = append(list, alerts[i].ID)
	}
	return list
}

func TestSortWorstFirst(t *testing.T) {
	about := func(id string, k ObjectiveKind, target, actual float64, calls uint64) Alert {
		return Alert{ID: id, Operation: id, State: Firing, Objective: k, Target: target, Actual: actual, WorstActual: actual,
			Evidence: []engine.Summary{{Count: calls, Success: calls, InFlight: calls}}}
	}
	alerts := []Alert{
		about("few calls, all fail", Availability, 0.95, 0, 3),
		about("many calls, some fail", Availability, 0.95, 0.9, 1000),
		about("many calls, most fail", Availability, 0.95, 0.1, 1000),
		about("some are slow", Latency, 0.8, 0.7, 10),
		about("no traffic", Traffic, 700, 0, 0),
		about("stuck", Stuck, 30, 60, 20),
		about("burns", BurnRate, 14.4, 28.8, 200),
	}
	Sort(alerts)
	want := []string{"many calls, most fail", "no traffic", "burns", "many calls, some fail", "stuck", "few calls, all fail", "some are slow"}
	if diff := cmp.Diff(want, ids(alerts)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// Twelve operations recover in the period in which another begins to fail.
func TestSortPutsWhatFiresFirst(t *testing.T) {
	var alerts []Alert
	for i := range 12 {
		alerts = append(alerts, Alert{ID: fmt.Sprint(i), Operation: fmt.Sprintf("GET /a-%02d", i), State: Resolved, Objective: Availability, Target: 0.95, WorstActual: 0.1})
	}
	alerts = append(alerts, Alert{ID: "z", Operation: "POST /z-payments", State: Firing, Objective: Availability, Target: 0.95, Actual: 0.9})
	Sort(alerts)
	if alerts[0].ID != "z" {
		t.Errorf("first is %s", alerts[0].Operation)
	}
	if got, want := Overview(alerts), "1 firing, 1 root: POST /z-payments 90 % succeed (target 95 %); 12 resolved"; got != want {
		t.Errorf("overview is %q, want %q", got, want)
	}
}

func TestOverview(t *testing.T) {
	firing := func(id, by string) Alert {
		return Alert{ID: id, Operation: id, CausedBy: by, State: Firing, Objective: Availability, Target: 0.95, Actual: 0.5}
	}
	resolved := Alert{ID: "r", Operation: "r\u202e", State: Resolved, Objective: Availability, Target: 0.95, Actual: 1}
	for _, tt := range []struct {
		alerts []Alert
		want   string
	}{
		{[]Alert{firing("a", "")}, "ALERT     a  availability: 50 % succeed (target 95 %)"},
		{[]Alert{firing("a", ""), firing("b", "a"), resolved}, "2 firing, 1 root: a 50 % succeed (target 95 %); 1 resolved"},
		{[]Alert{firing("a", ""), firing("b", "")}, "2 firing, 2 roots: a, b"},
		{[]Alert{firing("a", ""), firing("b", ""), firing("c", ""), firing("d", ""), firing("e", "")}, "5 firing, 5 roots: a, b, c and 2 more"},
		{[]Alert{firing("a", "old"), firing("b", "old")}, "2 firing, caused by what fired before: a, b"},
		{[]Alert{resolved, resolved}, `2 resolved: r\u202e`},
	} {
		Sort(tt.alerts)
		if got := Overview(tt.alerts); got != tt.want {
			t.Errorf("overview is %q, want %q", got, tt.want)
		}
	}
}
