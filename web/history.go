package web

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// maxRows is the number of operations whose past is remembered. Of more, only their last summary
// is.
const maxRows = 5000

// history is what the page remembers: how everything stands, the last hour of each operation, and
// the newest incidents. Its memory is bounded by the number of operations, not by traffic or time. It
// is safe for concurrent use.
type history struct {
	period time.Duration

	mu        sync.RWMutex
	seq       uint64 // the number of judgements taken in
	tiers     []*tier
	rows      map[engine.OperationKey]*row
	byID      map[string]*row
	total     []series // of all operations together, by tier
	incidents incidents
	last      *engine.Period // nil before the first one
	health    health
	lag       time.Duration // from the end of the last period until it was taken in
	isEnded   bool          // the monitor was shut down
}

// row is what is remembered of one operation.
type row struct {
	id        string
	key       engine.OperationKey
	summary   *engine.Summary // the last one
	isCurrent bool            // it is of the last period
	phases    []alert.ObjectivePhase
	state     state
	series    []series // by tier; nil: no room
	calls     []call   // exemplars, the newest last
}

// call is an exemplar and what it is an example of.
type call struct {
	why      string // failed, slow or stuck
	exemplar engine.Exemplar
}

// maxCalls is the number of exemplars that are kept of an operation.
const maxCalls = 24

// health adds up what became of reports since the page began.
type health struct {
	Received                 uint64 `json:"received"`
	Dropped                  uint64 `json:"dropped"`
	Late                     uint64 `json:"late"`
	Early                    uint64 `json:"early"`
	Overflowed               uint64 `json:"overflowed"`
	Untracked                uint64 `json:"untracked"`
	Abandoned                uint64 `json:"abandoned"`
	UndeliveredPeriods       uint64 `json:"undelivered_periods"`
	UndeliveredNotifications uint64 `json:"undelivered_notifications"`
	MissedPeriods            uint64 `json:"missed_periods"`
}

func newHistory(period time.Duration) *history {
	h := &history{
		period: period,
		tiers:  newTiers(period),
		rows:   make(map[engine.OperationKey]*row),
		byID:   make(map[string]*row),
	}
	h.total = make([]series, len(h.tiers))
	return h
}

// idOf returns the id of an operation in addresses: short, and without anything that came from
// outside.
func idOf(key engine.OperationKey) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{key.Service, key.SpanKind.String(), key.Name}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// add takes in a judgement. It returns the ids of the operations that have gone.
func (h *history) add(j alert.Judgement, now time.Time) (gone []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	for _, r := range h.rows {
		r.phases = nil
	}
	if j.Period != nil {
		h.take(j.Period, now)
	}
	for _, ph := range j.Phases {
		if r := h.rows[ph.Operation]; r != nil {
			r.phases = append(r.phases, ph)
		}
	}
	for _, r := range h.rows {
		slices.SortFunc(r.phases, func(a, b alert.ObjectivePhase) int { return int(a.Objective) - int(b.Objective) })
		r.state = stateOf(r.current(), r.phases)
	}
	h.incidents.add(j)
	if j.Period == nil {
		return nil
	}
	h.draw(j.Period)
	for _, key := range j.Period.Evicted {
		if r := h.rows[key]; r != nil {
			gone = append(gone, r.id)
			delete(h.rows, key)
			delete(h.byID, r.id)
		}
	}
	return gone
}

// take takes in the summaries of a period. h.mu is held.
func (h *history) take(p *engine.Period, now time.Time) {
	h.last, h.lag = p, now.Sub(p.End)
	h.health.add(p)
	var were []*row
	for _, r := range h.rows {
		if r.isCurrent {
			were = append(were, r)
		}
		r.isCurrent = false
	}
	for i := range p.Summaries {
		r := h.row(p.Summaries[i].Key())
		r.summary, r.isCurrent = &p.Summaries[i], true
		r.remember(r.summary)
	}
	for _, r := range were {
		if !r.isCurrent { // its summary must not keep all others of its period in memory
			own := r.summary.Clone()
			r.summary = &own
		}
	}
}

// draw adds a period, whose states are known, to the past. h.mu is held.
func (h *history) draw(p *engine.Period) {
	total, worst := engine.Summary{}, stateIdle
	slots := make([]uint32, len(h.tiers))
	for i, t := range h.tiers {
		slots[i] = t.advance(p)
	}
	for _, r := range h.rows {
		worst = min(worst, r.state)
		s := r.current()
		if s == nil {
			continue
		}
		total.Success, total.Failure, total.Cancelled = total.Success+s.Success, total.Failure+s.Failure, total.Cancelled+s.Cancelled
		total.InFlight += s.InFlight
		for i := range r.series {
			r.series[i].add(pointOf(s, slots[i], r.state), h.tiers[i])
		}
	}
	for i, t := range h.tiers {
		h.total[i].add(pointOf(&total, slots[i], worst), t)
	}
}

// current returns the summary of the last period, nil if there is none.
func (r *row) current() *engine.Summary {
	if !r.isCurrent {
		return nil
	}
	return r.summary
}

// end notes that the monitor was shut down.
func (h *history) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isEnded = true
}

// row returns the row of an operation, a new one if there is none. h.mu is held.
func (h *history) row(key engine.OperationKey) *row {
	if r := h.rows[key]; r != nil {
		return r
	}
	r := &row{id: idOf(key), key: key}
	if len(h.rows) < maxRows {
		r.series = make([]series, len(h.tiers))
	}
	h.rows[key], h.byID[r.id] = r, r
	return r
}

// remember keeps the exemplars of a summary that tell most.
func (r *row) remember(s *engine.Summary) {
	const most = 2 // of each kind and period
	add := func(why string, list []engine.Exemplar) {
		for _, e := range list[:min(len(list), most)] {
			r.calls = append(r.calls, call{why, e})
		}
	}
	add("failed", s.FailureExemplars)
	add("slow", s.SlowExemplars)
	add("stuck", s.StuckExemplars)
	if n := len(r.calls) - maxCalls; n > 0 {
		r.calls = slices.Delete(r.calls, 0, n)
	}
}

func (t *health) add(p *engine.Period) {
	t.Received += p.Received
	t.Dropped += p.Dropped
	t.Late += p.Late
	t.Early += p.Early
	t.Overflowed += p.Overflowed
	t.Untracked += p.Untracked
	t.Abandoned += p.Abandoned
	t.UndeliveredPeriods += p.UndeliveredPeriods
	t.UndeliveredNotifications += p.UndeliveredNotifications
	t.MissedPeriods += uint64(p.Missed)
}

// sorted returns the rows in the order of summaries. h.mu is held.
func (h *history) sorted() []*row {
	rows := make([]*row, 0, len(h.rows))
	for _, r := range h.rows {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row) int { return a.key.Compare(b.key) })
	return rows
}
