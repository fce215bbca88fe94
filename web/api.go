package web

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// statusJSON is how everything stands. It is what the API answers to status and, without the
// operations that did nothing, what an event says.
type statusJSON struct {
	Monitor string        `json:"monitor"`
	Service string        `json:"service,omitempty"`
	Period  time.Duration `json:"period_ns"`
	// Seq grows by one with each period.
	Seq   uint64    `json:"seq"`
	Now   time.Time `json:"now"`
	Began time.Time `json:"began"`
	// Ended says that the monitor was shut down: nothing changes any more.
	Ended bool  `json:"ended"`
	State state `json:"state"`
	// Last is the last period; it is left out before the first one has ended.
	Last *periodJSON `json:"last_period,omitempty"`
	// NextEnd is when the current period ends.
	NextEnd    time.Time       `json:"next_period_end"`
	Counts     map[string]int  `json:"operations_by_state"`
	Incidents  []incidentJSON  `json:"incidents"`
	Operations []operationJSON `json:"operations"`
	Gone       []string        `json:"gone,omitempty"`
	Health     health          `json:"health"`
	TraceURL   string          `json:"trace_url,omitempty"`
	// HasStore says that history can tell of more than the last hour, CanSilence that incidents
	// can be silenced.
	HasStore   bool `json:"has_store"`
	CanSilence bool `json:"can_silence"`
}

// periodJSON is one period, all operations together.
type periodJSON struct {
	Start        time.Time     `json:"start"`
	End          time.Time     `json:"end"`
	Partial      bool          `json:"partial,omitempty"`
	Lag          time.Duration `json:"lag_ns"`
	Received     uint64        `json:"received"`
	Dropped      uint64        `json:"dropped"`
	Calls        uint64        `json:"calls"`
	Failures     uint64        `json:"failures"`
	InFlight     uint64        `json:"in_flight"`
	SampledRatio float64       `json:"sampled_ratio,omitempty"`
}

// operationJSON is how one operation stands, with the figures of its last summary.
type operationJSON struct {
	ID        string          `json:"id"`
	Service   string          `json:"service"`
	Operation string          `json:"operation"`
	SpanKind  engine.SpanKind `json:"span_kind"`
	State     state           `json:"state"`
	// Phases are those of the objectives that are not normal.
	Phases map[string]alert.Phase `json:"phases,omitempty"`
	// Current says that the figures are of the last period.
	Current           bool          `json:"current"`
	Calls             uint64        `json:"calls"`
	Failures          uint64        `json:"failures"`
	Cancelled         uint64        `json:"cancelled"`
	CallsPerSecond    float64       `json:"calls_per_second"`
	SuccessRatio      *float64      `json:"success_ratio"` // null without a success or failure
	SuccessTarget     float64       `json:"success_target"`
	WithinTargetRatio *float64      `json:"within_target_ratio"` // null without a success
	LatencyTarget     time.Duration `json:"latency_target_ns"`
	P50               time.Duration `json:"p50_ns"`
	P95               time.Duration `json:"p95_ns"`
	P99               time.Duration `json:"p99_ns"`
	// OwnTime is the median of what calls took without the calls made within them; 0 if that is
	// not known, or the same as P50.
	OwnTime        time.Duration `json:"own_time_ns,omitempty"`
	InFlight       uint64        `json:"in_flight"`
	Stuck          uint64        `json:"stuck"`
	OldestInFlight time.Duration `json:"oldest_in_flight_ns,omitempty"`
	// BadAvailability and BadLatency say that the figures miss the objective.
	BadAvailability bool `json:"bad_availability,omitempty"`
	BadLatency      bool `json:"bad_latency,omitempty"`
}

func (r *row) json() operationJSON {
	o := operationJSON{ID: r.id, Service: r.key.Service, Operation: r.key.Name, SpanKind: r.key.SpanKind, State: r.state, Current: r.isCurrent}
	for _, p := range r.phases {
		if o.Phases == nil {
			o.Phases = make(map[string]alert.Phase, len(r.phases))
		}
		o.Phases[p.Objective.String()] = p.Phase
	}
	s := r.summary
	if s == nil {
		return o
	}
	o.SuccessTarget, o.LatencyTarget = s.Objective.SuccessRatio, s.Objective.LatencyTarget
	if !r.isCurrent {
		return o
	}
	o.Calls, o.Failures, o.Cancelled = s.Count, s.Failure, s.Cancelled
	if length := s.End.Sub(s.Start).Seconds(); length > 0 {
		o.CallsPerSecond = float64(s.Count) / length
	}
	if s.Success+s.Failure > 0 {
		o.SuccessRatio = &s.SuccessRatio
	}
	if s.Timed()+s.SlowCancelled > 0 {
		o.WithinTargetRatio = &s.WithinTargetRatio
		o.P50, o.P95, o.P99, o.OwnTime = s.Latency.P50, s.Latency.P95, s.Latency.P99, s.OwnTime.P50
	}
	o.InFlight, o.Stuck, o.OldestInFlight = s.InFlight, s.Stuck, s.OldestInFlight
	o.BadAvailability, o.BadLatency = s.Verdicts.Availability == engine.VerdictBad, s.Verdicts.Latency == engine.VerdictBad
	return o
}

// status returns how everything stands. p.history.mu is held.
func (p *page) status() statusJSON {
	h, now := p.history, time.Now()
	s := statusJSON{
		Monitor: p.engine.Name, Service: p.engine.Service, Period: p.engine.Period,
		Seq: h.seq, Now: now, Began: p.began, Ended: h.isEnded, State: stateIdle,
		NextEnd: now.Truncate(p.engine.Period).Add(p.engine.Period), Counts: make(map[string]int), Health: h.health,
		Incidents: []incidentJSON{}, Operations: make([]operationJSON, 0, len(h.rows)), TraceURL: p.config.TraceURL,
		HasStore: p.config.Store != nil, CanSilence: p.config.Silence != nil,
	}
	if h.last != nil {
		s.Last = &periodJSON{
			Start: h.last.Start, End: h.last.End, Partial: h.last.Partial, Lag: h.lag,
			Received: h.last.Received, Dropped: h.last.Dropped, SampledRatio: h.last.SampledRatio, InFlight: h.last.InFlight,
		}
		for i := range h.last.Summaries {
			s.Last.Calls += h.last.Summaries[i].Count
			s.Last.Failures += h.last.Summaries[i].Failure
		}
	}
	for _, r := range h.rows {
		s.State = min(s.State, r.state)
		s.Counts[r.state.String()]++
	}
	for _, g := range h.incidents.groups() {
		if !g.isOpen() {
			break
		}
		s.Incidents = append(s.Incidents, g.json())
	}
	return s
}

func (p *page) getStatus(w http.ResponseWriter, _ *http.Request) {
	p.history.mu.RLock()
	s := p.status()
	for _, r := range p.history.sorted() {
		s.Operations = append(s.Operations, r.json())
	}
	p.history.mu.RUnlock()
	answer(w, s)
}

// update returns the event about the last period: how everything stands, with all operations,
// whose figures have changed.
func (p *page) update(gone []string) []byte {
	p.history.mu.RLock()
	s := p.status()
	for _, r := range p.history.rows {
		s.Operations = append(s.Operations, r.json())
	}
	p.history.mu.RUnlock()
	s.Gone = gone
	data, err := json.Marshal(s)
	if err != nil {
		return []byte("{}")
	}
	return data
}

// maxAsked is the number of operations whose past one request may ask for.
const maxAsked = 100

// historyJSON is the past of operations, by column: the n-th number of each list belongs to the
// n-th start and end.
type historyJSON struct {
	// Resolution is the usual length of a slot.
	Resolution time.Duration `json:"resolution_ns"`
	// Starts and Ends are in milliseconds since 1970.
	Starts []int64      `json:"starts_ms"`
	Ends   []int64      `json:"ends_ms"`
	Series []seriesJSON `json:"series"`
}

// seriesJSON is the past of one operation. Where it did nothing, numbers are null.
type seriesJSON struct {
	ID          string     `json:"id"`
	Calls       []*uint32  `json:"calls"`
	Failures    []*uint32  `json:"failures"`
	Cancelled   []*uint32  `json:"cancelled,omitempty"`
	P50         []*float64 `json:"p50_s"`
	P95         []*float64 `json:"p95_s"`
	P99         []*float64 `json:"p99_s"`
	OwnTime     []*float64 `json:"own_time_s,omitempty"` // null where it is not known
	WithinRatio []*float64 `json:"within_target_ratio,omitempty"`
	InFlight    []*uint32  `json:"in_flight,omitempty"`
	States      []*state   `json:"states"`
	// What follows is told of one operation alone. Bad are the objectives that were missed.
	Bad       [][]string  `json:"bad,omitempty"`
	Codes     []codeJSON  `json:"codes,omitempty"`
	Latencies []latencies `json:"latency_counts,omitempty"`
}

// latencies are pairs of a bucket and a count: bucket i holds what took from 2^(i/4) to
// 2^((i+1)/4) seconds.
type latencies [][2]int64

// codeJSON is how often calls failed with a code.
type codeJSON struct {
	Code   string   `json:"code"`
	Name   string   `json:"name,omitempty"`
	Counts []uint64 `json:"counts"`
}

// getHistory answers with the past of the operations that the parameters id name; "total" is all of
// them together. With one of them alone it tells everything.
func (p *page) getHistory(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ids := q["id"]
	if len(ids) == 0 || len(ids) > maxAsked {
		fail(w, http.StatusBadRequest, "id: name 1 to %d operations, got %d", maxAsked, len(ids))
		return
	}
	if q.Has("from") {
		if len(ids) != 1 {
			fail(w, http.StatusBadRequest, "id: with from, name 1 operation, got %d", len(ids))
			return
		}
		p.getStored(w, r, ids[0], q.Get("from"), q.Get("to"))
		return
	}
	h := p.history
	h.mu.RLock()
	defer h.mu.RUnlock()
	n := len(h.tiers) - 1
	switch q.Get("range") {
	case "", "hour":
	case "recent":
		n = 0
	default:
		fail(w, http.StatusBadRequest, `range: want "hour" or "recent", got %q`, q.Get("range"))
		return
	}
	t := h.tiers[n]
	out := historyJSON{Resolution: max(t.width, h.period), Starts: []int64{}, Ends: []int64{}, Series: []seriesJSON{}}
	for slot := t.first(); slot < t.next; slot++ {
		times := t.times(slot)
		out.Starts, out.Ends = append(out.Starts, times.start.UnixMilli()), append(out.Ends, times.end.UnixMilli())
	}
	for _, id := range ids {
		var s *series
		if row := h.byID[id]; row != nil && row.series != nil {
			s = &row.series[n]
		} else if id == "total" {
			s = &h.total[n]
		}
		if s != nil {
			out.Series = append(out.Series, s.json(id, t, len(ids) == 1))
		}
	}
	answer(w, out)
}

func (s *series) json(id string, t *tier, isWhole bool) seriesJSON {
	first, n := t.first(), int(t.next-t.first())
	out := seriesJSON{
		ID: id, Calls: make([]*uint32, n), Failures: make([]*uint32, n), States: make([]*state, n),
		P50: make([]*float64, n), P95: make([]*float64, n), P99: make([]*float64, n),
	}
	if isWhole {
		out.Cancelled, out.InFlight, out.WithinRatio, out.OwnTime = make([]*uint32, n), make([]*uint32, n), make([]*float64, n), make([]*float64, n)
		out.Bad, out.Latencies, out.Codes = make([][]string, n), make([]latencies, n), []codeJSON{}
	}
	s.each(first, func(p *point) {
		i := int(p.slot - first)
		calls := plus(plus(p.success, p.failure), p.cancelled)
		out.Calls[i], out.Failures[i], out.States[i] = &calls, &p.failure, &p.state
		if p.timed > 0 && p.p99 > 0 {
			out.P50[i], out.P95[i], out.P99[i] = precise(p.p50), precise(p.p95), precise(p.p99)
		}
		if !isWhole {
			return
		}
		out.Cancelled[i], out.InFlight[i] = &p.cancelled, &p.inFlight
		if p.own > 0 {
			out.OwnTime[i] = precise(p.own)
		}
		if whole := plus(p.timed, p.slowCancelled); whole > 0 {
			ratio := float64(p.within) / float64(whole)
			out.WithinRatio[i] = &ratio
		}
		for _, k := range alert.ObjectiveKinds() {
			if p.bad&(1<<k) != 0 {
				out.Bad[i] = append(out.Bad[i], k.String())
			}
		}
		for _, c := range unpackLatencies(p.latencies) {
			out.Latencies[i] = append(out.Latencies[i], [2]int64{int64(c.bucket), int64(c.count)})
		}
		for _, c := range p.codes {
			at := slices.IndexFunc(out.Codes, func(k codeJSON) bool { return k.Code == c.Code && k.Name == c.Name })
			if at < 0 {
				at, out.Codes = len(out.Codes), append(out.Codes, codeJSON{c.Code, c.Name, make([]uint64, n)})
			}
			out.Codes[at].Counts[i] += c.Count
		}
	})
	return out
}

// precise returns a number of seconds with the digits that count.
func precise(seconds float32) *float64 {
	v := float64(int64(float64(seconds)*1e9+0.5)) / 1e9
	return &v
}

// detailJSON is all that is known of one operation.
type detailJSON struct {
	operationJSON
	Last       *engine.Summary `json:"last,omitempty"`
	Objectives []objectiveJSON `json:"objectives"`
	// Settings are what is expected of it, and where each was set.
	Settings []settingJSON `json:"settings"`
	// Budget is left out without an SLO.
	Budget    *budgetJSON    `json:"error_budget,omitempty"`
	Exemplars []exemplarJSON `json:"exemplars"`
	Incidents []incidentJSON `json:"incidents"`
}

// objectiveJSON is how one objective stands.
type objectiveJSON struct {
	Objective alert.ObjectiveKind `json:"objective"`
	Phase     alert.Phase         `json:"phase"`
	Verdict   engine.Verdict      `json:"verdict"`
}

// exemplarJSON is a call to look up.
type exemplarJSON struct {
	Why      string        `json:"why"` // failed, slow or stuck
	TraceID  string        `json:"trace_id"`
	SpanID   string        `json:"span_id"`
	Sampled  bool          `json:"sampled"`
	Code     string        `json:"code,omitempty"`
	Duration time.Duration `json:"duration_ns"`
	End      time.Time     `json:"end"`
}

func (c *call) json() exemplarJSON {
	e := &c.exemplar
	return exemplarJSON{
		Why: c.why, TraceID: hex.EncodeToString(e.Trace.TraceID[:]), SpanID: hex.EncodeToString(e.Trace.SpanID[:]), Sampled: e.Trace.Sampled,
		Code: e.Code, Duration: e.Duration, End: e.End,
	}
}

func (p *page) getOperation(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	d, ok := p.detail(id)
	if !ok {
		fail(w, http.StatusNotFound, "id: no operation %q is known: it was never called, or not for long", id)
		return
	}
	d.Budget = p.budgetOf(r.Context(), d.Last)
	answer(w, d)
}

// detail returns all that the page remembers of an operation.
func (p *page) detail(id string) (detailJSON, bool) {
	h := p.history
	h.mu.RLock()
	defer h.mu.RUnlock()
	row := h.byID[id]
	if row == nil {
		return detailJSON{}, false
	}
	d := detailJSON{
		operationJSON: row.json(), Last: row.summary,
		Objectives: []objectiveJSON{}, Settings: []settingJSON{}, Exemplars: []exemplarJSON{}, Incidents: []incidentJSON{},
	}
	for _, c := range slices.Backward(row.calls) {
		d.Exemplars = append(d.Exemplars, c.json())
	}
	if row.summary != nil {
		d.Settings = settingsOf(&p.engine, row.key, row.summary.Objective)
		for _, k := range alert.ObjectiveKindsOf(row.summary.Objective) {
			o := objectiveJSON{Objective: k, Verdict: alert.VerdictOf(row.summary, k)}
			for _, ph := range row.phases {
				if ph.Objective == k {
					o.Phase = ph.Phase
				}
			}
			d.Objectives = append(d.Objectives, o)
		}
	}
	for _, g := range h.incidents.groups() {
		if g.isAbout(row.key) {
			d.Incidents = append(d.Incidents, g.json())
		}
	}
	return d, true
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "%v", err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(data, '\n')) // nobody is left to tell
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	data, _ := json.Marshal(map[string]string{"error": fmt.Sprintf(format, args...)}) // a text can be written
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}
