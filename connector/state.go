package gomonitorconnector

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// handover holds homes in memory between two components of one process: at SIGHUP, a Collector shuts its
// components down and makes new ones, which go on.
type handover struct {
	mu     sync.Mutex
	byName map[string]state.Store
}

var reloads handover

// take returns what was left for a monitor, or a new home.
func (h *handover) take(name string) state.Store {
	h.mu.Lock()
	defer h.mu.Unlock()
	home, ok := h.byName[name]
	if !ok {
		return state.Memory()
	}
	delete(h.byName, name)
	return home
}

// leave leaves a home for the next component of that name.
func (h *handover) leave(name string, home state.Store) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byName == nil {
		h.byName = make(map[string]state.Store)
	}
	h.byName[name] = home
}

// openState restores what outlives the component and keeps it from now on: in the file of the
// configuration, or else in its first store, or else in memory. It
// returns what notifiers have heard.
func (a *analysis) openState(ctx context.Context, c *Config) (ledgers state.Ledgers) {
	var home state.Store
	switch {
	case c.State.Disabled:
	case c.State.File != "":
		home = c.State.Store()
	case len(a.receivers.stores) > 0:
		home = a.receivers.stores[0].State(stateName(c))
	}
	if home == nil {
		a.memory, a.name = reloads.take(c.Name), c.Name
		home = a.memory
	}
	signal.Notify(a.hangup, syscall.SIGHUP) // the Collector listens to it in any case
	a.keeper = state.NewKeeper(ctx, state.Options{
		Store: home, Monitor: c.Name, Instance: thisProcess(), Period: a.period, Tolerance: c.State.Tolerance,
		Parts:   []state.Part{state.Alerts(a.judge), state.Operations(&a.known), state.Silences(a.silencer), state.Delivery(a.ledgers, &ledgers)},
		OnError: func(err error) { a.errors.HandleOnce("state", err) },
	})
	return ledgers
}

// ledgers returns what notifiers have heard.
func (a *analysis) ledgers() map[string]delivery.Ledger { return a.dispatcher.Ledgers() }

// stateName returns the name of the state in the first store. Services that share a PostgreSQL each have
// their own, by the instance that is configured, or else by the host's name.
func stateName(c *Config) string {
	s := &c.Stores[0]
	if !strings.HasPrefix(s.DSN, "postgres") {
		return c.Name
	}
	host, _ := os.Hostname() // without one they have to be told apart by their instances
	return c.Name + "@" + cmp.Or(s.Instance, host)
}

// goOn makes everything go on from what was restored, before the first span.
func (a *analysis) goOn() {
	if a.keeper.Status().Restored.IsZero() {
		return
	}
	a.needed = a.judge.Needed()
	a.timeline.Restore(&engine.Restored{Known: a.known, Remembered: a.judge.Operations()})
	firing := a.judge.FiringAlerts()
	a.telemetry.firing.Store(int64(len(firing)))
	if a.metrics != nil {
		a.metrics.restore(firing)
	}
	a.dispatcher.Resume(firing)
}

// lastWord returns an interrupted alert for each one that fires, if the process ends and nothing outlives
// it.
func (a *analysis) lastWord(p *engine.Period) []alert.Alert {
	if a.memory == nil {
		return nil
	}
	select {
	case <-a.hangup:
		reloads.leave(a.name, a.memory)
		return nil
	default:
	}
	return a.judge.Interrupt(alert.Stop{Process: thisProcess(), At: p.End, Grace: a.grace})
}

// thisProcess names this process: "collector-1:4711".
func thisProcess() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// closeState writes what is left and leaves the home. It takes its time, though not much, where ctx has
// ended already, as when the process is told to end in the middle of a reload.
func (a *analysis) closeState(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxSaving)
	defer cancel()
	return a.keeper.Close(ctx)
}

// maxSaving is the longest time that a notification waits until the state is saved from which it was
// decided.
const maxSaving = 2 * time.Second

// untilSaved waits until what was decided is saved, so that a process that ends now does not decide it
// again.
func (a *analysis) untilSaved(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxSaving)
	defer cancel()
	_ = a.keeper.Wait(ctx) // the notification matters more
}
