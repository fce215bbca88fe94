package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Store is where older periods are looked up. *store.Store is one.
type Store interface {
	// History returns the summaries of all operations of a name from periods that began at or
	// after from and before to, ordered by time.
	History(ctx context.Context, operation string, from, to time.Time) ([]engine.Summary, error)
	// Calls returns the numbers of successful and failed calls of an operation in such periods.
	Calls(ctx context.Context, operation engine.OperationKey, from, to time.Time) (success, failure uint64, err error)
}

const (
	// storedSlots is the number of points of a picture of older periods.
	storedSlots = 240
	// maxStored is the longest time that one picture shows.
	maxStored = 90 * 24 * time.Hour
	// storeChunk is the time whose periods are read at once, so that a long picture takes little
	// memory.
	storeChunk = 6 * time.Hour
	// storeTimeout is the longest time that a request may take of the store.
	storeTimeout = 30 * time.Second
	// budgetTime is the time that an error budget is for.
	budgetTime = 30 * 24 * time.Hour
	// budgetAge is how old what is known of a budget may be.
	budgetAge = time.Minute
)

// getStored answers with the past of one operation from the store.
func (p *page) getStored(w http.ResponseWriter, r *http.Request, id, from, to string) {
	if p.config.Store == nil {
		fail(w, http.StatusBadRequest, "from: there is no store; what the page remembers is the last hour")
		return
	}
	start, err := time.Parse(time.RFC3339, from)
	if err != nil {
		fail(w, http.StatusBadRequest, "from: want a time like 2026-03-01T09:00:00Z, got %q", from)
		return
	}
	end := time.Now()
	if to != "" {
		if end, err = time.Parse(time.RFC3339, to); err != nil {
			fail(w, http.StatusBadRequest, "to: want a time like 2026-03-01T09:00:00Z, got %q", to)
			return
		}
	}
	if !end.After(start) || end.Sub(start) > maxStored {
		fail(w, http.StatusBadRequest, "to: must be after from, by 90 days at most")
		return
	}
	key, ok := p.history.keyOf(id)
	if !ok {
		fail(w, http.StatusNotFound, "id: no operation %q is known: it was never called, or not for long", id)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	if !p.enterStore(ctx) {
		fail(w, http.StatusServiceUnavailable, "the store is busy")
		return
	}
	defer p.leaveStore()
	out, err := p.stored(ctx, id, key, start, end)
	if err != nil {
		fail(w, http.StatusBadGateway, "%v", err)
		return
	}
	answer(w, out)
}

// enterStore waits until nobody else reads from the store, so that viewers can't wear it out. It
// returns false if ctx ends first.
func (p *page) enterStore(ctx context.Context) bool {
	select {
	case p.reading <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *page) leaveStore() { <-p.reading }

// stored reads the past of an operation from the store.
func (p *page) stored(ctx context.Context, id string, key engine.OperationKey, from, to time.Time) (*historyJSON, error) {
	width := max((to.Sub(from)+storedSlots-1)/storedSlots, p.engine.Period)
	n := int((to.Sub(from) + width - 1) / width)
	t := &tier{width: width, slots: make([]slotTimes, n), next: uint32(n)}
	out := &historyJSON{Resolution: width}
	for i := range t.slots {
		start := from.Add(time.Duration(i) * width)
		t.slots[i] = slotTimes{start, start.Add(width)}
		out.Starts, out.Ends = append(out.Starts, start.UnixMilli()), append(out.Ends, start.Add(width).UnixMilli())
	}
	var s series
	for at := from; at.Before(to); at = at.Add(storeChunk) {
		until := at.Add(storeChunk)
		if until.After(to) {
			until = to
		}
		list, err := p.config.Store.History(ctx, key.Name, at, until)
		if err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		for i := range list {
			if list[i].Key() != key {
				continue
			}
			slot := min(uint32(max(list[i].Start.Sub(from), 0)/width), uint32(n-1))
			s.add(pointOf(&list[i], slot, verdictState(&list[i])), t)
		}
	}
	out.Series = []seriesJSON{s.json(id, t, true)}
	return out, nil
}

// verdictState returns how an operation stood by the verdicts on one period.
func verdictState(s *engine.Summary) state {
	worst := stateOf(s, nil)
	for _, k := range alert.ObjectiveKindsOf(s.Objective) {
		if alert.VerdictOf(s, k) == engine.VerdictBad {
			worst = min(worst, statePending)
		}
	}
	return worst
}

// keyOf returns the operation of an id.
func (h *history) keyOf(id string) (engine.OperationKey, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	r := h.byID[id]
	if r == nil {
		return engine.OperationKey{}, false
	}
	return r.key, true
}

// budgetJSON is the error budget of an operation with an SLO.
type budgetJSON struct {
	SLO float64 `json:"slo"`
	// BurnRates say how fast it burns.
	BurnRates engine.BurnRates `json:"burn_rates"`
	// Calls and Failures are those of the last 30 days, as far as the store goes back; absent
	// without a store.
	Calls    *uint64 `json:"calls,omitempty"`
	Failures *uint64 `json:"failures,omitempty"`
	// LeftRatio is the share of the budget of these calls that is left; negative if more was used
	// than there was.
	LeftRatio *float64 `json:"left_ratio,omitempty"`
}

// budget is what is known of an error budget, and since when.
type budget struct {
	asked            time.Time
	success, failure uint64
}

// budgetOf returns the error budget of an operation, nil if it has none. It may ask the store.
func (p *page) budgetOf(ctx context.Context, s *engine.Summary) *budgetJSON {
	if s == nil || s.Objective.SLO <= 0 {
		return nil
	}
	out := &budgetJSON{SLO: s.Objective.SLO, BurnRates: s.BurnRates}
	if p.config.Store == nil {
		return out
	}
	known, ok := p.knownBudget(ctx, s.Key())
	if !ok {
		return out
	}
	calls := known.success + known.failure
	out.Calls, out.Failures = &calls, &known.failure
	if calls > 0 {
		left := 1 - float64(known.failure)/(float64(calls)*(1-out.SLO))
		out.LeftRatio = &left
	}
	return out
}

// knownBudget returns what is known of an error budget, not older than budgetAge.
func (p *page) knownBudget(ctx context.Context, key engine.OperationKey) (budget, bool) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if !p.enterStore(ctx) { // it guards the budgets, too
		return budget{}, false
	}
	defer p.leaveStore()
	now := time.Now()
	if b, ok := p.budgets[key]; ok && now.Sub(b.asked) < budgetAge {
		return b, true
	}
	success, failure, err := p.config.Store.Calls(ctx, key, now.Add(-budgetTime), now.Add(time.Hour))
	if err != nil {
		return budget{}, false
	}
	if p.budgets == nil || len(p.budgets) > maxRows {
		p.budgets = make(map[engine.OperationKey]budget)
	}
	p.budgets[key] = budget{now, success, failure}
	return p.budgets[key], true
}
