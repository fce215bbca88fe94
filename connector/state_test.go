package gomonitorconnector

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// alertLog keeps the names of alert events, and the ids.
type alertLog struct {
	events []string
	ids    map[string]bool
	unreliable
}

func (l *alertLog) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	for _, r := range logs.ResourceLogs().All() {
		for _, s := range r.ScopeLogs().All() {
			for _, record := range s.LogRecords().All() {
				operation, _ := record.Attributes().Get("gomonitor.operation")
				id, _ := record.Attributes().Get("gomonitor.alert.id")
				l.events = append(l.events, fmt.Sprintf("%s %s", record.EventName(), operation.Str()))
				l.ids[id.Str()] = true
			}
		}
	}
	return nil
}

// TestComponentGoesOn ends a component in the middle of an incident, and lets another one go on.
func TestComponentGoesOn(t *testing.T) {
	const fires, resolved, interrupted = "gomonitor.alert.firing GET /a", "gomonitor.alert.resolved GET /a", "gomonitor.alert.interrupted GET /a"
	for name, test := range map[string]struct {
		file, reload bool
		want         []string
		ids          int
	}{
		"with a file":              {file: true, want: []string{fires, resolved}, ids: 1},
		"with nothing, by SIGHUP":  {reload: true, want: []string{fires, resolved}, ids: 1},
		"with nothing, by an end":  {want: []string{fires, interrupted, fires, resolved}, ids: 2},
		"with a file and a SIGHUP": {file: true, reload: true, want: []string{fires, resolved}, ids: 1},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "state")
			synctest.Test(t, func(t *testing.T) {
				log := &alertLog{ids: make(map[string]bool)}
				run := func() *pipelines {
					c := &Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Name: name, Objective: engine.Objective{AlertAfter: 2, RecoverAfter: 2}}}}
					if test.file {
						c.State = state.Config{File: file}
					}
					part, err := NewFactory().CreateTracesToLogs(t.Context(), connectortest.NewNopSettings(Type), c, log)
					if err != nil {
						t.Fatal(err)
					}
					p := &pipelines{parts: []connector.Traces{part}}
					p.startAll(t)
					return p
				}
				p := run()
				minute := func(status int64) {
					untilMinute(30)
					p.send(t, callsAt(time.Now(), "GET /a", status, 10))
					untilMinute(15)
				}
				restart := func() {
					if test.reload {
						p.parts[0].(*part).shared.analysis.Load().hangup <- syscall.SIGHUP
					}
					p.shutdown(t)
					p = run()
				}
				untilMinute(15)
				for range 3 {
					minute(500)
				}
				restart()
				for range 3 {
					minute(500)
				}
				for range 3 {
					minute(200)
				}
				p.shutdown(t)
				if !slices.Equal(log.events, test.want) || len(log.ids) != test.ids {
					t.Errorf("told %q with %d ids, want %q with %d", log.events, len(log.ids), test.want, test.ids)
				}
			})
		})
	}
}
