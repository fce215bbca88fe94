package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// source is a monitor whose periods a test closes by hand.
type source struct {
	windows *engine.Windows
	judge   *alert.Judge
	ledger  alert.Ledger
	out     chan alert.Judgement
	now     time.Time
	period  time.Duration
}

func newSource(t testing.TB, c engine.Config) *source {
	t.Helper()
	if c.Period == 0 {
		c.Period = time.Minute
	}
	w, err := engine.NewWindows(c)
	if err != nil {
		t.Fatal(err)
	}
	w.CountLatencies()
	return &source{windows: w, judge: alert.NewJudge(), out: make(chan alert.Judgement), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), period: c.Period}
}

func (s *source) Watch(context.Context) <-chan alert.Judgement { return s.out }
func (s *source) EngineConfig() engine.Config                  { return s.windows.Config() }

// calls counts calls of an operation in the current period.
func (s *source) calls(operation string, success, failure int, d time.Duration) {
	for i := range success + failure {
		r := engine.Report{Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer, Duration: d}
		if i >= success {
			r.Outcome, r.Code = engine.OutcomeFailure, "503"
		}
		s.windows.Add(r)
	}
}

// judgement closes the current period.
func (s *source) judgement() alert.Judgement {
	p := s.windows.Close(engine.Period{Monitor: "m", Start: s.now, End: s.now.Add(s.period)}, nil)
	s.now = p.End
	alerts := s.judge.Judge(&p)
	s.ledger.Enter(alerts)
	return alert.Judgement{Period: &p, At: p.End, Alerts: alerts, Firing: s.ledger.Firing(), Phases: s.judge.Phases()}
}

// site is a page and what asks it.
type site struct {
	t    testing.TB
	page *page
}

// open returns the page of a source. The source ends with the test.
func open(t testing.TB, s *source, c Config) *site {
	t.Helper()
	h, err := New(s, c)
	if err != nil {
		t.Fatal(err)
	}
	p := h.(*page)
	t.Cleanup(func() {
		close(s.out)
		for { // its goroutine has ended when the history knows that
			p.history.mu.RLock()
			isEnded := p.history.isEnded
			p.history.mu.RUnlock()
			if isEnded {
				return
			}
			runtime.Gosched()
		}
	})
	return &site{t, p}
}

// close closes a period and waits until the page has taken it in.
func (s *site) close(src *source) {
	s.t.Helper()
	before := s.seq()
	src.out <- src.judgement()
	deadline := time.Now().Add(10 * time.Second)
	for s.seq() == before {
		if time.Now().After(deadline) {
			s.t.Fatal("the page does not take in a period")
		}
		runtime.Gosched()
	}
}

func (s *site) seq() uint64 {
	s.page.history.mu.RLock()
	defer s.page.history.mu.RUnlock()
	return s.page.history.seq
}

// ask answers a request for a path.
func (s *site) ask(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+path, nil)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.page.ServeHTTP(w, r)
	return w
}

// get decodes the answer of the API.
func (s *site) get(name string, into any) {
	s.t.Helper()
	w := s.ask(http.MethodGet, "/debug/quality/api/v1/"+name)
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s: %d %s", name, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		s.t.Fatalf("%s: %v in %s", name, err, w.Body)
	}
}

// object is any JSON object.
type object = map[string]any

// at returns what stands in a JSON value under keys and indexes: "operations.0.state".
func at(v any, path string) string {
	for _, key := range strings.Split(path, ".") {
		switch x := v.(type) {
		case object:
			v = x[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(x) {
				return "none"
			}
			v = x[i]
		default:
			return "none"
		}
	}
	return fmt.Sprint(v)
}
