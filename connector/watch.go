package gomonitorconnector

import (
	"context"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Watch returns each period once it is judged, until ctx or the analysis ends.
func (a *analysis) Watch(ctx context.Context) <-chan alert.Judgement {
	a.timeline.CountLatencies()
	return a.watchers.Watch(ctx)
}

// EngineConfig returns what is counted and expected.
func (a *analysis) EngineConfig() engine.Config { return a.timeline.Config().Config }
