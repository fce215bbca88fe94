package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// incidentJSON is an incident in short: its root, and the alerts that the root explains.
type incidentJSON struct {
	alertJSON
	// Open says that any of its alerts fires.
	Open       bool        `json:"open"`
	Dependents []alertJSON `json:"dependents"`
}

// alertJSON is one alert in short.
type alertJSON struct {
	ID          string              `json:"id"`
	OperationID string              `json:"operation_id"`
	Service     string              `json:"service"`
	Operation   string              `json:"operation"`
	SpanKind    engine.SpanKind     `json:"span_kind"`
	Objective   alert.ObjectiveKind `json:"objective"`
	// State is firing or resolved, or lost if its end was not seen.
	State string `json:"state"`
	// Headline says in one line what was measured, expected and found to be the cause.
	Headline      string             `json:"headline"`
	StartsAt      time.Time          `json:"starts_at"`
	FiredAt       time.Time          `json:"fired_at"`
	EndsAt        time.Time          `json:"ends_at,omitzero"`
	ResolvedAt    time.Time          `json:"resolved_at,omitzero"`
	Target        float64            `json:"target"`
	Actual        float64            `json:"actual"`
	WorstActual   float64            `json:"worst_actual"`
	LastActual    float64            `json:"last_actual"`
	LatencyTarget time.Duration      `json:"latency_target_ns,omitempty"`
	CausedBy      string             `json:"caused_by,omitempty"`
	Cause         *engine.CauseCount `json:"cause,omitempty"`
	// CauseText names the main cause in words, as the headline does.
	CauseText string `json:"cause_text,omitempty"`
	// SilencedUntil is until when somebody asked to be told no more of it, by this page.
	SilencedUntil time.Time `json:"silenced_until,omitzero"`
}

func (e *entry) json() alertJSON {
	a := &e.fired
	j := alertJSON{
		ID: a.ID, OperationID: idOf(a.Key()), Service: a.Service, Operation: a.Operation, SpanKind: a.SpanKind,
		Objective: a.Objective, State: e.last.State.String(), Headline: a.Headline(), StartsAt: a.StartsAt, FiredAt: a.DecidedAt,
		EndsAt: e.last.EndsAt, Target: a.Target, Actual: a.Actual, WorstActual: e.last.WorstActual, LastActual: e.last.LastActual,
		LatencyTarget: a.LatencyTarget, CausedBy: e.last.CausedBy, CauseText: a.MainCause(), SilencedUntil: e.silencedUntil,
	}
	if !e.isOpen() {
		j.ResolvedAt = e.endedBy
		if e.last.State == alert.Firing {
			j.State = "lost"
		}
	}
	if j.CauseText != "" && len(a.Causes) > 0 {
		j.Cause = &a.Causes[0]
	}
	return j
}

func (g *group) json() incidentJSON {
	j := incidentJSON{alertJSON: g.root.json(), Open: g.isOpen(), Dependents: []alertJSON{}}
	for _, e := range g.dependents {
		j.Dependents = append(j.Dependents, e.json())
	}
	return j
}

// entries returns the root and its dependents.
func (g *group) entries() []*entry { return append([]*entry{g.root}, g.dependents...) }

// isAbout reports whether any of the incident's alerts is about an operation.
func (g *group) isAbout(key engine.OperationKey) bool {
	return slices.ContainsFunc(g.entries(), func(e *entry) bool { return e.fired.Key() == key })
}

func (p *page) getIncidents(w http.ResponseWriter, _ *http.Request) {
	p.history.mu.RLock()
	defer p.history.mu.RUnlock()
	list := []incidentJSON{}
	for _, g := range p.history.incidents.groups() {
		list = append(list, g.json())
	}
	answer(w, map[string]any{"incidents": list})
}

// incidentDetailJSON is all that is known of an incident.
type incidentDetailJSON struct {
	incidentJSON
	// Alerts are its alerts in full, the root first: how each began, and its newest state if
	// that is another.
	Alerts []alertStates `json:"alerts"`
	Graph  graphJSON     `json:"graph"`
}

type alertStates struct {
	Fired alert.Alert  `json:"fired"`
	Last  *alert.Alert `json:"last,omitempty"`
}

// graphJSON is who waits for whom in an incident.
type graphJSON struct {
	Nodes []nodeJSON `json:"nodes"`
	Edges []edgeJSON `json:"edges"`
}

type nodeJSON struct {
	ID        string          `json:"id"`
	Service   string          `json:"service"`
	Operation string          `json:"operation"`
	SpanKind  engine.SpanKind `json:"span_kind"`
	// AlertID is the alert about it in this incident, empty if there is none.
	AlertID string `json:"alert_id,omitempty"`
	State   string `json:"state,omitempty"` // of the alert
	// Root says that the others' calls go back to it.
	Root bool `json:"root"`
}

// edgeJSON says that a share of the bad calls of one operation is explained by those of another.
type edgeJSON struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Share   float64 `json:"share"`
	Code    string  `json:"code,omitempty"`
	Network bool    `json:"network,omitempty"`
}

func (p *page) getIncident(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	h := p.history
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, g := range h.incidents.groups() {
		if !slices.ContainsFunc(g.entries(), func(e *entry) bool { return e.fired.ID == id }) {
			continue
		}
		d := incidentDetailJSON{incidentJSON: g.json(), Graph: g.graph()}
		for _, e := range g.entries() {
			s := alertStates{Fired: e.fired}
			if e.last.State != e.fired.State || e.last.Repeat {
				s.Last = &e.last
			}
			d.Alerts = append(d.Alerts, s)
		}
		answer(w, d)
		return
	}
	fail(w, http.StatusNotFound, "id: no incident with the alert %q is remembered", id)
}

// maxGraphNodes bounds what is drawn.
const maxGraphNodes = 40

// graph returns the operations of an incident and what explains what.
func (g *group) graph() graphJSON {
	out := graphJSON{Nodes: []nodeJSON{}, Edges: []edgeJSON{}}
	at := make(map[engine.OperationKey]int)
	node := func(key engine.OperationKey) int {
		if i, ok := at[key]; ok {
			return i
		}
		if len(out.Nodes) == maxGraphNodes {
			return -1
		}
		at[key] = len(out.Nodes)
		out.Nodes = append(out.Nodes, nodeJSON{ID: idOf(key), Service: key.Service, Operation: key.Name, SpanKind: key.SpanKind})
		return at[key]
	}
	for _, e := range g.entries() {
		if i := node(e.fired.Key()); i >= 0 && out.Nodes[i].AlertID == "" {
			out.Nodes[i].AlertID, out.Nodes[i].State = e.fired.ID, e.json().State
		}
	}
	hasCause := make(map[string]bool)
	for _, e := range g.entries() {
		from := node(e.fired.Key())
		if from < 0 {
			continue
		}
		for _, edge := range causesOf(&e.fired) {
			to := node(edge.to)
			if to < 0 || to == from {
				continue
			}
			edge.From, edge.To = out.Nodes[from].ID, out.Nodes[to].ID
			hasCause[edge.From] = hasCause[edge.From] || edge.Share >= 0.5 && !edge.Network
			i := slices.IndexFunc(out.Edges, func(o edgeJSON) bool { return o.From == edge.From && o.To == edge.To && o.Network == edge.Network })
			if i < 0 {
				out.Edges = append(out.Edges, edge.edgeJSON)
			} else if out.Edges[i].Share < edge.Share { // of another alert about the same operation
				out.Edges[i] = edge.edgeJSON
			}
		}
	}
	// The root is what the root's own bad calls go back to, or else itself.
	root := idOf(g.root.fired.Key())
	for range out.Nodes {
		if !hasCause[root] {
			break
		}
		best, share := "", 0.0
		for _, e := range out.Edges {
			if e.From == root && e.Share > share && !e.Network {
				best, share = e.To, e.Share
			}
		}
		root = best
	}
	for i := range out.Nodes {
		out.Nodes[i].Root = out.Nodes[i].ID == root
	}
	return out
}

// causeEdge is an edge to an operation.
type causeEdge struct {
	edgeJSON
	to engine.OperationKey
}

// causesOf returns the operations that explain an alert's calls, whatever the codes, with the most
// frequent code.
func causesOf(a *alert.Alert) []causeEdge {
	const least = 0.1 // a smaller share says nothing
	var edges []causeEdge
	for i := range a.Causes {
		c := &a.Causes[i]
		if c.Operation == engine.OverflowName {
			continue
		}
		at := slices.IndexFunc(edges, func(e causeEdge) bool { return e.to == c.Key() && e.Network == c.IsNetwork() })
		if at >= 0 {
			edges[at].Share += c.Share
			continue
		}
		e := causeEdge{edgeJSON{Share: c.Share, Code: c.Code, Network: c.IsNetwork()}, c.Key()}
		if e.Network || a.Objective == alert.Latency {
			e.Code = "" // it says nothing of the time
		}
		edges = append(edges, e)
	}
	return slices.DeleteFunc(edges, func(e causeEdge) bool { return e.Share < least })
}
