package monitor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// newKeeper restores what outlives the process from c.State, and keeps it from now on; nil if there
// is no such home.
func (m *Monitor) newKeeper(c *Config, ledgers *state.Ledgers) *state.Keeper {
	return state.NewKeeper(context.Background(), state.Options{
		Store:     c.State,
		Monitor:   c.Name,
		Instance:  thisProcess(),
		Period:    cmp.Or(c.Period, engine.DefaultPeriod),
		Tolerance: c.StateTolerance,
		Parts:     []state.Part{state.Alerts(m.judge), state.Operations(&m.known), state.Silences(&m.silencer), state.Delivery(m.ledgers, ledgers)},
		OnError:   func(err error) { m.errors.HandleOnce("state", err) },
	})
}

// ledgers returns what notifiers have heard.
func (m *Monitor) ledgers() map[string]delivery.Ledger { return m.dispatcher.Ledgers() }

// thisProcess names this process: "web-1:4711".
func thisProcess() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// goOn makes the board and the notifiers go on from what was restored, and returns what the engine goes
// on from; nil if that is nothing.
func (m *Monitor) goOn() *engine.Restored {
	periodEnd := m.keeper.Status().Restored
	if periodEnd.IsZero() {
		return nil
	}
	firing := m.judge.FiringAlerts()
	m.board.restore(firing, m.judge.Phases(), periodEnd)
	m.dispatcher.Resume(firing)
	return &engine.Restored{Known: m.known, Remembered: m.judge.Operations(), Needed: m.judge.Needed()}
}

// lastWord returns an interrupted alert for each one that fires in the final period, unless their state
// outlives the process.
func (m *Monitor) lastWord(p *engine.Period) []alert.Alert {
	if m.keeper != nil {
		return nil
	}
	return m.judge.Interrupt(alert.Stop{Process: thisProcess(), At: p.End})
}

// maxSaving is the longest time that a notification waits until the state is saved from which it was decided.
const maxSaving = 2 * time.Second

// untilSaved waits until what was decided is saved. A process that ends between a decision and
// its notification would otherwise decide anew, perhaps otherwise.
func (m *Monitor) untilSaved(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxSaving)
	defer cancel()
	_ = m.keeper.Wait(ctx) // the notification matters more
}
