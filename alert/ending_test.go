package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestEndReasons(t *testing.T) {
	for r, want := range map[EndReason]string{EndRecovered: "recovered", EndSwitchedOff: "switched_off", EndIdle: "idle"} {
		checkText(t, r, want)
	}
	if got := EndReason(99).String(); got != "EndReason(99)" {
		t.Errorf("an unknown reason reads %q", got)
	}
}

// What nobody calls any more ends, whatever its operation was like; unless it is about silence.
func TestIdleEnd(t *testing.T) {
	tests := []struct {
		name    string
		o       engine.Objective
		idle    int
		letters string // as in the tests of flapping
		want    []string
	}{
		{"after so many periods", engine.Objective{AlertAfter: 1}, 5, "F     ", []string{"1 firing", "6 ended idle at 1"}},
		{"not before", engine.Objective{AlertAfter: 1}, 5, "F    ", []string{"1 firing"}},
		{"each call counts", engine.Objective{AlertAfter: 1}, 3, "F  F  S  F  -  -   ", []string{"1 firing", "19 ended idle at 16"}},
		{"calls that end well do not hurry it", engine.Objective{AlertAfter: 1, RecoverAfter: 3}, 3, "FSS   ", []string{"1 firing", "6 ended idle at 3"}},
		{"nothing fires", engine.Objective{}, 3, "FF         ", nil},
		{"of its own", engine.Objective{AlertAfter: 1, EndAfterIdle: 2}, 5, "F  ", []string{"1 firing", "3 ended idle at 1"}},
		{"switched off", engine.Objective{AlertAfter: 1, EndAfterIdle: -1}, 5, "F" + strings.Repeat(" ", 50), []string{"1 firing"}},
		{"nobody says how many", engine.Objective{AlertAfter: 1}, 0, "F" + strings.Repeat(" ", 50), []string{"1 firing"}},
		{"what flaps", engine.Objective{AlertAfter: 1, RecoverAfter: 1}, 5, "FSFSFSF     ",
			[]string{"1 firing", "2 resolved", "3 firing", "4 resolved", "5 firing", "6 resolved", "7 firing", "12 ended idle at 7"}},
		{"repeats go on until then", engine.Objective{AlertAfter: 1, RepeatInterval: 2 * time.Minute}, 5, "F     ",
			[]string{"1 firing", "3 repeat", "5 repeat", "6 ended idle at 1"}},
		{"it may begin anew", engine.Objective{AlertAfter: 1}, 2, "F  F  ", []string{"1 firing", "3 ended idle at 1", "4 firing", "6 ended idle at 4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge()
			var got []string
			id := ""
			for i, letter := range tt.letters {
				p := periodOf(i)
				p.IdlePeriods = tt.idle
				if letter != ' ' {
					p.Summaries = append(p.Summaries, summaryOf(i, expecting(tt.o), trickle[letter]))
				}
				for _, a := range j.Judge(p) {
					one := fmt.Sprintf("%d %s", i+1, a.State)
					switch {
					case a.Repeat:
						one = fmt.Sprintf("%d repeat", i+1)
					case a.EndReason == EndIdle:
						one = fmt.Sprintf("%d ended idle at %d", i+1, int(a.EndsAt.Sub(began)/time.Minute))
					}
					if a.State == Firing {
						id = a.ID
					} else if a.ID != id {
						t.Errorf("%s fired, %s ended", id, a.ID)
					}
					got = append(got, one)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("said after period (-want +got):\n%s", diff)
			}
		})
	}
}

// Calls in flight are calls. Silence ends neither an alert about silence nor one about hanging calls,
// and a partial period is no period.
func TestIdleEndOfOtherKinds(t *testing.T) {
	for _, k := range []ObjectiveKind{Traffic, Stuck} {
		o := newKinds[k]
		o.AlertAfter, o.SuccessRatio = 1, 0.01
		j := NewJudge()
		for i := range 20 {
			s := kindSummary(k, i, expecting(o), true, 10)
			p := periodOf(i, s)
			p.IdlePeriods = 2
			if alerts := j.Judge(p); i > 0 && len(alerts) > 0 {
				t.Errorf("%s: period %d: %v", k, i, about(alerts))
			}
		}
	}
	j := NewJudge()
	o := expecting(engine.Objective{AlertAfter: 1})
	j.Judge(periodOf(0, summaryOf(0, o, trickle['F'])))
	for i := 1; i < 10; i++ {
		p := periodOf(i, inFlight(summaryOf(i, o, calls{}), 1, 0, time.Second))
		p.IdlePeriods = 2
		if i > 5 {
			p.Summaries, p.Partial = nil, true
		}
		if alerts := j.Judge(p); len(alerts) > 0 {
			t.Errorf("period %d: %v", i, about(alerts))
		}
	}
}

// An operation that leaves while an alert about it fires ends it.
func TestOperationsThatLeaveEndTheirAlerts(t *testing.T) {
	j := NewJudge()
	s := summaryOf(0, expecting(engine.Objective{AlertAfter: 1, MinTraffic: 20}), trickle['F'])
	if alerts := j.Judge(periodOf(0, s)); len(alerts) != 2 {
		t.Fatalf("alerts = %v", about(alerts))
	}
	p := periodOf(1)
	p.Evicted = []engine.OperationKey{s.Key()}
	alerts := j.Judge(p)
	if len(alerts) != 2 {
		t.Fatalf("alerts = %v", about(alerts))
	}
	for _, a := range alerts {
		if a.State != Resolved || a.EndReason != EndIdle || !a.EndsAt.Equal(startOf(1)) || !a.DecidedAt.Equal(startOf(2)) {
			t.Errorf("alert = %+v", a)
		}
	}
	checkKept(t, j, 0, 0)
}

func TestIdleEndTexts(t *testing.T) {
	j := NewJudge()
	o := expecting(engine.Objective{AlertAfter: 1, RepeatInterval: 3 * time.Minute})
	var alerts []Alert
	for i, letter := range "FF S        " {
		p := periodOf(i)
		p.IdlePeriods = 8
		if letter != ' ' {
			p.Summaries = append(p.Summaries, summaryOf(i, o, trickle[letter]))
		}
		alerts = append(alerts, j.Judge(p)...)
	}
	var got []string
	for i := range alerts {
		got = append(got, Text(&alerts[i]))
	}
	want := []string{`
ALERT     GET /users/{id}  availability: 0 % succeed (target 95 %)
  monitor http, service shop, server spans
  bad since 2026-03-01 02:57:00 +01:00, 1 period running:
  02:57:00-02:58:00  10 calls, 0 % succeed: 503 unavailable x10
`, `
STILL     GET /users/{id}  availability: 0 % succeed (target 95 %)
  monitor http, service shop, server spans
  bad since 2026-03-01 02:57:00 +01:00 (4m, at worst 0 %), 20 calls since 02:58:00, the last bad period:
  02:58:00-02:59:00  10 calls, 0 % succeed: 503 unavailable x10
`, `
STILL     GET /users/{id}  availability: 0 % succeed (target 95 %), no calls since 03:01:00
  monitor http, service shop, server spans
  bad since 2026-03-01 02:57:00 +01:00 (7m, at worst 0 %), no calls since 03:01:00, the last bad period:
  02:58:00-02:59:00  10 calls, 0 % succeed: 503 unavailable x10
`, `
STILL     GET /users/{id}  availability: 0 % succeed (target 95 %), no calls since 03:04:00
  monitor http, service shop, server spans
  bad since 2026-03-01 02:57:00 +01:00 (10m, at worst 0 %), no calls since 03:04:00, the last bad period:
  02:58:00-02:59:00  10 calls, 0 % succeed: 503 unavailable x10
`, `
ENDED     GET /users/{id}  availability: no calls since 03:01:00
  monitor http, service shop, server spans
  bad from 2026-03-01 02:57:00 +01:00 until then (4m, at worst 0 %), the last bad period:
  02:58:00-02:59:00  10 calls, 0 % succeed: 503 unavailable x10
`}
	for i := range want {
		want[i] = strings.TrimPrefix(want[i], "\n") + "  id " + alerts[0].ID + "\n"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	data, err := json.Marshal(&alerts[len(alerts)-1])
	if err != nil || !strings.Contains(string(data), `"end_reason":"idle"`) {
		t.Errorf("%s, %v", data, err)
	}
	data, err = json.Marshal(&alerts[1])
	if err != nil || !strings.Contains(string(data), `"last_sent_at":"2026-03-01T02:58:00+01:00","calls_since":20`) {
		t.Errorf("%s, %v", data, err)
	}
}
