package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// restartable is a monitor that can be replaced by another one, as when the program is deployed: what
// the first one knew goes on in the second, by way of a file.
type restartable struct {
	config monitor.Config
	folder string // of the state; empty: there is none
	now    atomic.Pointer[monitor.Monitor]
	before monitor.Stats         // of those that were replaced
	next   chan *monitor.Monitor // of those that are to be watched
}

var _ sdktrace.SpanProcessor = (*restartable)(nil)

// newRestartable starts the first monitor. Only if restarts says so, there is a state.
func newRestartable(c monitor.Config, restarts bool) (r *restartable, err error) {
	r = &restartable{config: c, next: make(chan *monitor.Monitor, 2)}
	if restarts {
		if r.folder, err = os.MkdirTemp("", "shop-state"); err != nil {
			return nil, err
		}
		r.config.State = state.File(filepath.Join(r.folder, "monitor.state"))
	}
	return r, r.start()
}

func (r *restartable) start() error {
	m, err := monitor.New(r.config)
	if err != nil {
		return err
	}
	r.now.Store(m)
	r.next <- m
	return nil
}

// restart ends the monitor and starts another one.
func (r *restartable) restart(ctx context.Context) error {
	old := r.now.Load()
	err := old.Shutdown(ctx)
	s := old.Stats()
	r.before.Counted += s.Counted
	r.before.DroppedQueueFull += s.DroppedQueueFull
	r.before.UndeliveredPeriods += s.UndeliveredPeriods
	r.before.UndeliveredNotifications += s.UndeliveredNotifications
	return errors.Join(err, r.start())
}

// stats returns those of all monitors together. What ended while none was there is not dropped by a queue.
func (r *restartable) stats() monitor.Stats {
	s := r.now.Load().Stats()
	s.Counted += r.before.Counted
	s.DroppedQueueFull += r.before.DroppedQueueFull
	s.UndeliveredPeriods += r.before.UndeliveredPeriods
	s.UndeliveredNotifications += r.before.UndeliveredNotifications
	return s
}

// EngineConfig returns what is counted and expected.
func (r *restartable) EngineConfig() engine.Config { return r.now.Load().EngineConfig() }

// Watch returns what one monitor after the other judges. It serves one page.
func (r *restartable) Watch(ctx context.Context) <-chan alert.Judgement {
	all := make(chan alert.Judgement)
	go func() {
		defer close(all)
		for {
			select {
			case m, isOpen := <-r.next:
				if !isOpen {
					return
				}
				for j := range m.Watch(ctx) {
					select {
					case all <- j:
					case <-ctx.Done():
						return
					}
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return all
}

func (r *restartable) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	r.now.Load().OnStart(ctx, s)
}
func (r *restartable) OnEnd(s sdktrace.ReadOnlySpan)        { r.now.Load().OnEnd(s) }
func (r *restartable) ForceFlush(ctx context.Context) error { return r.now.Load().ForceFlush(ctx) }

// Shutdown ends the monitor and removes the state.
func (r *restartable) Shutdown(ctx context.Context) error {
	close(r.next)
	err := r.now.Load().Shutdown(ctx)
	if r.folder != "" {
		err = errors.Join(err, os.RemoveAll(r.folder))
	}
	return err
}
