package web

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// firing returns an alert about an operation, caused by others.
func firing(id, operation, causedBy string, causes ...string) alert.Alert {
	a := alert.Alert{ID: id, Operation: operation, Objective: alert.Availability, State: alert.Firing, StartsAt: noon, DecidedAt: noon.Add(3 * time.Minute), Target: 0.95, Actual: 0.5, CausedBy: causedBy, Evidence: []engine.Summary{{Success: 5, Failure: 5}}}
	for _, c := range causes {
		a.Causes = append(a.Causes, engine.CauseCount{Cause: engine.Cause{Operation: c}, Count: 5, Share: 1 / float64(len(causes))})
	}
	return a
}

func resolved(a alert.Alert) alert.Alert {
	a.State, a.EndsAt, a.DecidedAt = alert.Resolved, noon.Add(10*time.Minute), noon.Add(13*time.Minute)
	return a
}

// shapes writes incidents as "root(dependent dependent)".
func shapes(in *incidents) []string {
	var list []string
	for _, g := range in.groups() {
		text := g.root.fired.ID
		if !g.isOpen() {
			text = "-" + text
		}
		if len(g.dependents) > 0 {
			var ids []string
			for _, e := range g.dependents {
				ids = append(ids, e.fired.ID)
			}
			slices.Sort(ids)
			text += fmt.Sprint(ids)
		}
		list = append(list, text)
	}
	return list
}

// Alerts with one root are one incident, whatever the order in which they came.
func TestGroups(t *testing.T) {
	p := &engine.Period{End: noon.Add(5 * time.Minute)}
	for name, test := range map[string]struct {
		alerts []alert.Alert
		want   []string
	}{
		"named cause":          {[]alert.Alert{firing("r", "db", ""), firing("d", "api", "r", "db")}, []string{"r[d]"}},
		"a chain":              {[]alert.Alert{firing("c", "page", "b"), firing("b", "api", "a"), firing("a", "db", "")}, []string{"a[b c]"}},
		"the cause came later": {[]alert.Alert{firing("d", "api", "", "db"), firing("r", "db", "")}, []string{"r[d]"}},
		"half a cause":         {[]alert.Alert{firing("d", "api", "", "db", "cache", "disk"), firing("r", "db", "")}, []string{"d", "r"}},
		"a cause that is gone": {[]alert.Alert{firing("d", "api", "x")}, []string{"d"}},
		"each other":           {[]alert.Alert{firing("a", "x", "b"), firing("b", "y", "a"), firing("c", "z", "b")}, []string{"a[b c]"}},
		"itself":               {[]alert.Alert{firing("a", "x", "a", "x")}, []string{"a"}},
		"two roots":            {[]alert.Alert{firing("a", "x", ""), firing("b", "y", "")}, []string{"a", "b"}},
	} {
		var in incidents
		in.add(alert.Judgement{Period: p, At: p.End, Alerts: test.alerts, Firing: test.alerts})
		if got := shapes(&in); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// An incident is open until its last alert has ended; then it is the first of those that are past.
func TestOpen(t *testing.T) {
	var in incidents
	r, d, old := firing("r", "db", ""), firing("d", "api", "r"), firing("o", "old", "")
	p := &engine.Period{End: noon}
	in.add(alert.Judgement{Period: p, At: p.End, Alerts: []alert.Alert{old}, Firing: []alert.Alert{old}})
	in.add(alert.Judgement{Period: p, At: p.End, Alerts: []alert.Alert{resolved(old), r, d}, Firing: []alert.Alert{r, d}})
	in.add(alert.Judgement{Period: p, At: p.End, Alerts: []alert.Alert{resolved(r)}, Firing: []alert.Alert{d}})
	if got := shapes(&in); !slices.Equal(got, []string{"r[d]", "-o"}) {
		t.Errorf("got %v", got)
	}
	in.add(alert.Judgement{Period: p, At: p.End, Alerts: []alert.Alert{resolved(d)}})
	if got := shapes(&in); !slices.Equal(got, []string{"-r[d]", "-o"}) {
		t.Errorf("got %v", got)
	}
}

// What fires without having been seen to begin is there all the same, and what no longer fires
// without having been seen to end has ended.
func TestUnseen(t *testing.T) {
	var in incidents
	a := firing("a", "x", "")
	in.add(alert.Judgement{Period: &engine.Period{End: noon}, Firing: []alert.Alert{a}})
	if got := shapes(&in); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %v", got)
	}
	in.add(alert.Judgement{At: noon.Add(time.Hour)})
	if got := in.entries[0].json(); got.State != "lost" || !got.ResolvedAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("got %+v", got)
	}
}

// The memory of alerts is bounded: the oldest that have ended go first, and none that fires.
func TestForget(t *testing.T) {
	var in incidents
	p := &engine.Period{End: noon}
	stays := firing("stays", "x", "")
	stays.Evidence = make([]engine.Summary, 100)
	for i := range 3 * maxEnded {
		a := firing(fmt.Sprint(i), fmt.Sprint("op", i), "")
		in.add(alert.Judgement{Period: p, At: p.End, Alerts: []alert.Alert{stays, a}, Firing: []alert.Alert{stays, a}})
		in.add(alert.Judgement{Period: p, At: p.End, Alerts: []alert.Alert{resolved(a)}, Firing: []alert.Alert{stays}})
	}
	if len(in.entries) != maxEnded+1 || len(in.byID) != maxEnded+1 || in.byID["stays"] == nil || in.byID[fmt.Sprint(3*maxEnded-1)] == nil || in.byID["0"] != nil {
		t.Errorf("%d alerts are remembered", len(in.entries))
	}
	if n := len(in.byID["stays"].fired.Evidence); n != maxEvidence {
		t.Errorf("%d summaries of evidence, want %d", n, maxEvidence)
	}
}

// The graph leads from those that wait to what they wait for, and marks the root.
func TestGraph(t *testing.T) {
	var in incidents
	page, api := firing("page", "page", "api", "api"), firing("api", "api", "", "db")
	api.Causes[0].Code = "23505"
	in.add(alert.Judgement{Period: &engine.Period{End: noon}, Alerts: []alert.Alert{api, page}, Firing: []alert.Alert{api, page}})
	g := in.groups()[0].graph()
	got := ""
	name := make(map[string]string)
	for _, n := range g.Nodes {
		name[n.ID] = n.Operation
		if n.Root {
			got += "root " + n.Operation + "\n"
		}
	}
	for _, e := range g.Edges {
		got += fmt.Sprintf("%s > %s %g %s\n", name[e.From], name[e.To], e.Share, e.Code)
	}
	if want := "root db\napi > db 1 23505\npage > api 1 \n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
