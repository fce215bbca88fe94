package web

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Silence is a request to be told no more of an incident for some time.
type Silence struct {
	// Alerts are the incident's alerts that fire, the root first.
	Alerts []alert.Alert
	// Until is when it ends.
	Until time.Time
	// Comment is what whoever asks for it says; at most 500 bytes. It comes from outside.
	Comment string
	// Request is the one that asks for it, to see who it is.
	Request *http.Request
}

const (
	// maxSilence is the longest silence.
	maxSilence = 30 * 24 * time.Hour
	// maxSilenceBody bounds the request.
	maxSilenceBody = 4 << 10
	// maxComment bounds a comment.
	maxComment = 500
)

// silenceJSON is the body of a request to silence an incident.
type silenceJSON struct {
	ID       string        `json:"id"`
	Duration time.Duration `json:"duration_ns"`
	Comment  string        `json:"comment"`
}

// postSilence silences an incident by the caller's hook. A page of another site can't ask for it: the
// browser says where a request comes from.
func (p *page) postSilence(w http.ResponseWriter, r *http.Request) {
	if err := p.crossOrigin.Check(r); err != nil {
		fail(w, http.StatusForbidden, "silence: only the page itself may ask for it: %v", err)
		return
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "silence: want application/json, got %q", kind)
		return
	}
	var in silenceJSON
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSilenceBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, "silence: %v", err)
		return
	}
	if _, err := decoder.Token(); err != io.EOF {
		fail(w, http.StatusBadRequest, "silence: want one object")
		return
	}
	if in.Duration <= 0 || in.Duration > maxSilence {
		fail(w, http.StatusBadRequest, "duration_ns: must be above 0 and at most 30 days, got %s", in.Duration)
		return
	}
	if len(in.Comment) > maxComment {
		fail(w, http.StatusBadRequest, "comment: must have at most %d bytes, got %d", maxComment, len(in.Comment))
		return
	}
	alerts := p.history.firing(in.ID)
	if len(alerts) == 0 {
		fail(w, http.StatusNotFound, "id: no incident with the alert %q fires", in.ID)
		return
	}
	s := Silence{Alerts: alerts, Until: time.Now().Add(in.Duration).Truncate(time.Second), Comment: in.Comment, Request: r}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	if err := p.config.Silence(ctx, s); err != nil {
		fail(w, http.StatusBadGateway, "silence: %v", err)
		return
	}
	p.history.silence(alerts, s.Until)
	answer(w, map[string]time.Time{"until": s.Until})
}

// firing returns copies of the alerts that fire of the incident with an alert.
func (h *history) firing(id string) []alert.Alert {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var alerts []alert.Alert
	for _, g := range h.incidents.groups() {
		entries := g.entries()
		if !slices.ContainsFunc(entries, func(e *entry) bool { return e.fired.ID == id }) {
			continue
		}
		for _, e := range entries {
			if e.isOpen() {
				alerts = append(alerts, e.last.Clone())
			}
		}
	}
	return alerts
}

// silence notes until when alerts are silenced, to show it.
func (h *history) silence(alerts []alert.Alert, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range alerts {
		if e := h.incidents.byID[alerts[i].ID]; e != nil {
			e.silencedUntil = until
		}
	}
}
