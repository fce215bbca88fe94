package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// interrupted returns the last word of a judge.
func interrupted(t *testing.T, o engine.Objective, letters string, grace time.Duration) []Alert {
	t.Helper()
	j := NewJudge()
	pour(t, j, 0, o, letters)
	return j.Interrupt(Stop{Process: "shop-7f9:4711", At: startOf(len(letters)), Grace: grace})
}

func TestInterrupt(t *testing.T) {
	two := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 2})
	for letters, want := range map[string]int{"": 0, "F": 0, "FF": 1, "FFS": 1, "FFSS": 0} {
		if got := interrupted(t, two, letters, 0); len(got) != want {
			t.Errorf("%q: %d alerts are interrupted, want %d", letters, len(got), want)
		}
	}
	a := interrupted(t, two, "FFF", 10*time.Second)[0]
	if a.State != Interrupted || !a.EndsAt.IsZero() || a.ID == "" || !a.StartsAt.Equal(startOf(0)) || !a.DecidedAt.Equal(startOf(3)) || a.Process != "shop-7f9:4711" {
		t.Errorf("the last word: %+v", a)
	}
	text := Text(&a)
	if want := "STOPPED   GET /users/{id}  availability: was still bad when shop-7f9:4711 stopped: 0 % succeed (target 95 %)\n"; !strings.HasPrefix(text, want) {
		t.Errorf("text:\n%s\nwant it to begin with %q", text, want)
	}
	if !strings.Contains(text, "  bad since ") || strings.Contains(text, "good") {
		t.Errorf("text:\n%s", text)
	}
	data, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(data), `"state":"interrupted","starts_at"`) || !strings.Contains(string(data), `"process":"shop-7f9:4711","expires_at"`) {
		t.Errorf("JSON: %s, %v", data, err)
	}
	if EventName(a.State) != EventInterrupted {
		t.Errorf("event %s", EventName(a.State))
	}
}

// An interrupted alert expires once another process would have fired again, whatever the objective.
func TestInterruptedExpires(t *testing.T) {
	tests := []struct {
		name      string
		objective engine.Objective
		letters   string
		want      time.Duration // after a restart of two minutes
	}{
		{"the rest of a period and three", expecting(engine.Objective{AlertAfter: 3}), "FFF", 4 * time.Minute},
		{"AlertFor", expecting(engine.Objective{AlertAfter: 1, AlertFor: 10 * time.Minute}), "FFFFFFFFFFF", 11 * time.Minute},
		{"few calls, judged together", expecting(engine.Objective{AlertAfter: 1, MinCalls: 5}), "fffff", 6 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := interrupted(t, test.objective, test.letters, 10*time.Second)
			if len(got) != 1 {
				t.Fatalf("%d alerts", len(got))
			}
			if d := got[0].ExpiresAt.Sub(got[0].DecidedAt); d != restartTime+test.want+10*time.Second {
				t.Errorf("it expires after %s, want %s", d, restartTime+test.want+10*time.Second)
			}
		})
	}
}

func TestOverviewOfInterrupted(t *testing.T) {
	firing := Alert{ID: "f", Operation: "a", State: Firing, Objective: Availability}
	stopped := Alert{ID: "s", Operation: "b", State: Interrupted, Objective: Availability}
	resolved := Alert{ID: "r", Operation: "c", State: Resolved, Objective: Availability}
	all := []Alert{resolved, stopped, firing}
	Sort(all)
	if all[0].ID != "f" || all[1].ID != "s" || all[2].ID != "r" {
		t.Errorf("order: %s %s %s", all[0].ID, all[1].ID, all[2].ID)
	}
	if got, want := Overview(all[1:]), "1 interrupted: b; 1 resolved"; got != want {
		t.Errorf("overview %q, want %q", got, want)
	}
	if got := Overview(all); !strings.HasSuffix(got, "; 1 interrupted; 1 resolved") || !strings.HasPrefix(got, "1 firing") {
		t.Errorf("overview %q", got)
	}
}

func TestStateTexts(t *testing.T) {
	for _, s := range []State{Firing, Resolved, Interrupted} {
		text, _ := s.MarshalText()
		var got State
		if err := got.UnmarshalText(text); err != nil || got != s {
			t.Errorf("%s came back as %s, %v", s, got, err)
		}
	}
}
