package page

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/web"
)

// shop is a monitored shop whose periods a test closes by hand. Payments are what the orders wait
// for.
type shop struct {
	t          *testing.T
	url        string
	windows    *engine.Windows
	judge      *alert.Judge
	ledger     alert.Ledger
	judgements chan alert.Judgement
	now        time.Time
}

const period = time.Minute

// newShop serves the page of a shop until the test ends.
func newShop(t *testing.T) *shop { return newShopWith(t, web.Config{}) }

func newShopWith(t *testing.T, c web.Config) *shop {
	t.Helper()
	w, err := engine.NewWindows(engine.Config{Name: "shop", Service: "shop", Period: period, Objective: engine.Objective{AlertAfter: 2, RecoverAfter: 2, LatencyTarget: 100 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	w.CountLatencies()
	s := &shop{t: t, windows: w, judge: alert.NewJudge(), judgements: make(chan alert.Judgement), now: time.Now().Truncate(period).Add(-40 * period)}
	page, err := web.New(s, c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(page)
	s.url = server.URL + "/"
	t.Cleanup(func() {
		s.end()
		server.Close()
	})
	return s
}

func (s *shop) Watch(context.Context) <-chan alert.Judgement { return s.judgements }
func (s *shop) EngineConfig() engine.Config                  { return s.windows.Config() }

// end shuts the monitor down.
func (s *shop) end() {
	if s.judgements != nil {
		close(s.judgements)
		s.judgements = nil
	}
}

// calls counts calls of a server's operation.
func (s *shop) calls(service, operation string, success, failure int, d time.Duration) {
	for i := range success + failure {
		r := engine.Report{Service: service, Operation: operation, SpanKind: engine.SpanKindServer, Duration: d + time.Duration(i)*d/50}
		if i >= success {
			r.Outcome, r.Code = engine.OutcomeFailure, "503"
		}
		s.windows.Add(r)
	}
}

// minute closes a period in which the payments and what waits for them fail or not.
func (s *shop) minute(isSick bool) {
	s.t.Helper()
	failed := 0
	if isSick {
		failed = 30
	}
	s.calls("payments", "POST /charge", 60-failed, failed, 20*time.Millisecond)
	s.calls("shop", "POST /orders", 60-failed, failed, 30*time.Millisecond)
	s.calls("shop", "GET /products/{id}", 200, 0, 3*time.Millisecond)
	s.close(func(p *engine.Period) {
		for i := range p.Summaries {
			if sum := &p.Summaries[i]; sum.Operation == "POST /orders" && isSick {
				sum.FailureCauses = []engine.CauseCount{{Cause: engine.Cause{Service: "payments", SpanKind: engine.SpanKindServer, Operation: "POST /charge", Code: "503"}, Count: 28, Share: 28.0 / 30}}
				sum.FailureExemplars = []engine.Exemplar{{Trace: engine.TraceRef{TraceID: [16]byte{1, 2, 3}, SpanID: [8]byte{4}, Sampled: true}, Code: "503", Duration: 31 * time.Millisecond, End: p.End.Add(-time.Second)}}
			}
		}
	})
}

// partial closes a period that began late, so that it is not judged.
func (s *shop) partial() {
	s.t.Helper()
	s.closeAs(engine.Period{Monitor: "shop", Start: s.now.Add(period / 2), End: s.now.Add(period), Partial: true}, nil)
}

// close closes a period.
func (s *shop) close(edit func(*engine.Period)) {
	s.t.Helper()
	s.closeAs(engine.Period{Monitor: "shop", Start: s.now, End: s.now.Add(period)}, edit)
}

func (s *shop) closeAs(p engine.Period, edit func(*engine.Period)) {
	s.t.Helper()
	p = s.windows.Close(p, nil)
	s.now = p.End
	if edit != nil {
		edit(&p)
	}
	alerts := s.judge.Judge(&p)
	s.ledger.Enter(alerts)
	s.judgements <- alert.Judgement{Period: &p, At: p.End, Alerts: alerts, Firing: s.ledger.Firing(), Phases: s.judge.Phases()}
}
