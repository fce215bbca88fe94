package main

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
)

// receiver is a receiver of webhooks that fails and hangs. It is safe for concurrent use.
type receiver struct {
	*httptest.Server
	failing, hanging float64

	mu                           sync.Mutex
	requests, failed, unanswered int
	taken                        map[string]bool // notifications
	twice                        int             // those that came again, since the answer came too late
	changes                      []change
	broken                       error
}

func newReceiver(failing, hanging float64) *receiver {
	r := &receiver{failing: failing, hanging: hanging, taken: make(map[string]bool)}
	r.Server = httptest.NewServer(r)
	return r
}

// ServeHTTP answers a request, or does not.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	switch r.answer(req.Header.Get("webhook-id"), body) {
	case failed:
		w.WriteHeader(http.StatusServiceUnavailable)
	case unanswered:
		<-req.Context().Done()
	}
}

type answer uint8

const (
	taken answer = iota
	failed
	unanswered
)

// answer decides about a request, and keeps what it takes.
func (r *receiver) answer(id string, body []byte) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	switch p := rand.Float64(); {
	case p < r.failing:
		r.failed++
		return failed
	case p < r.failing+r.hanging:
		r.unanswered++
		return unanswered
	}
	if r.taken[id] {
		r.twice++
		return taken
	}
	r.taken[id] = true
	var message struct {
		Alerts []struct {
			Status              string
			Labels, Annotations map[string]string
		}
	}
	if err := json.Unmarshal(body, &message); err != nil {
		r.broken = err
	}
	for _, a := range message.Alerts {
		if a.Annotations["repeat"] != "" {
			continue
		}
		key := a.Labels["service"] + "|" + a.Labels["span_kind"] + "|" + a.Labels["operation"] + "|" + a.Labels["objective"]
		r.changes = append(r.changes, change{key: key, id: a.Annotations["id"], isFiring: a.Status == "firing"})
	}
	return taken
}
