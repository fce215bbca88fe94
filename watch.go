package monitor

import (
	"context"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Watch returns each period once it is judged, with its alerts and with all that fires then; alerts
// that are raised in the middle of a period come at once. It
// begins with the last one, if any, without the alerts that it raised. It is for those who show how things stand, as the package web
// does: who does not take a judgement in time misses it, where a sink would not. The channel is
// closed when ctx ends, and by Shutdown. What comes out of it must not be changed.
//
// From the first call on, summaries carry [engine.Summary.LatencyCounts].
func (m *Monitor) Watch(ctx context.Context) <-chan alert.Judgement {
	if m.off {
		never := make(chan alert.Judgement)
		close(never)
		return never
	}
	m.engine.CountLatencies()
	return m.watchers.Watch(ctx)
}

// EngineConfig returns the part of the configuration that says how calls are counted and what is
// expected of them, with its defaults, as the monitor began with it.
func (m *Monitor) EngineConfig() engine.Config { return m.engine.Config() }
