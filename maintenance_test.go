package monitor

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// listener keeps in short what it is told.
type listener struct {
	mu    sync.Mutex
	heard []string
}

func (l *listener) Notify(_ context.Context, alerts []alert.Alert) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range alerts {
		text := a.DecidedAt.Format("15:04 ") + a.State.String()
		switch {
		case a.IsSilenced():
			text += ", silenced: " + a.Silenced.Reason
		case a.IsReleased():
			text += ", released"
		}
		l.heard = append(l.heard, text)
	}
	return nil
}

func (l *listener) take() (heard []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard, l.heard = l.heard, nil
	return heard
}

// tape is a listener that only keeps.
type tape struct{ listener }

func (t *tape) RecordsAlerts() {}

func TestMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hears listener
		var keeps tape
		c := Config{
			Notifiers: []alert.Notifier{&hears, &keeps}, Sinks: []engine.Sink{},
			Objective:   engine.Objective{AlertAfter: 1, RecoverAfter: 1, MinCalls: 1, Confidence: -1},
			Maintenance: []alert.Maintenance{{From: "00:05", To: "00:10", Operations: []string{"GET *"}, Reason: "upkeep"}},
		}
		m := start(t, c)
		check := func(what string, periods string, heard, kept []string) {
			t.Helper()
			for _, code := range periods {
				reportMany(m, 5, Report{Operation: "GET /a", Code: map[rune]string{'F': "500", 'S': "200"}[code]})
				nextMinute()
			}
			if diff := cmp.Diff(heard, hears.take()); diff != "" {
				t.Errorf("%s: notifiers hear (-want +got):\n%s", what, diff)
			}
			if diff := cmp.Diff(kept, keeps.take()); diff != "" {
				t.Errorf("%s: recorders keep (-want +got):\n%s", what, diff)
			}
		}
		for time.Now().Format("15:04") != "00:04" {
			nextMinute()
		}
		check("in the maintenance", "FS", nil, []string{"00:05 firing, silenced: upkeep", "00:06 resolved, silenced: upkeep"})
		check("until after it", "SSFFF", []string{"00:10 firing, released"}, []string{"00:09 firing, silenced: upkeep"})
		if s := m.Status(); len(s.Alerts) != 1 || m.Healthy("GET /a") {
			t.Errorf("it is judged as ever: %+v", s.Alerts)
		}
		check("after it", "S", []string{"00:12 resolved"}, []string{"00:12 resolved"})

		if err := m.Silence("get *", time.Now().Add(5*time.Minute), "deploy"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]alert.Silence{{Match: "get *", Until: time.Now().Add(5 * time.Minute), Reason: "deploy"}}, m.Silences()); diff != "" {
			t.Errorf("silences (-want +got):\n%s", diff)
		}
		check("silenced", "FF", nil, []string{"00:13 firing, silenced: deploy"})
		if err := m.Silence("get *", time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		check("no longer", "F", []string{"00:15 firing, released"}, nil)
		if err := m.Silence("", time.Now(), ""); err == nil || !strings.Contains(err.Error(), "match") {
			t.Errorf("a silence of nothing: %v", err)
		}

		c.Maintenance = []alert.Maintenance{{From: "00:00", To: "24:00", Reason: "for good"}}
		if err := m.Reload(c); err != nil {
			t.Fatal(err)
		}
		check("fired before a maintenance that came with a reload", "S", []string{"00:16 resolved"}, []string{"00:16 resolved"})
		check("fires in it", "F", nil, []string{"00:17 firing, silenced: for good"})
		c.Maintenance[0].To = "25:00"
		if err := m.Reload(c); err == nil || !strings.Contains(err.Error(), "maintenance[0].to") {
			t.Errorf("a reload with a mistake: %v", err)
		}
	})
}
