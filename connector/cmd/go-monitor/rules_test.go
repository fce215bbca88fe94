package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A real Prometheus with the rules of a config fires and resolves with the monitor, as far apart
// as they look: a period, and what a scrape takes.
func TestPrometheusFiresWithTheMonitor(t *testing.T) {
	t.Parallel()
	path := program(t, "prometheus", "prometheus")
	const period = 3 * time.Second
	config := "yaml:{connectors: {gomonitor: {period: 3s, grace: 500ms, objective: {alert_after: 2, recover_after: 2}, metrics: {scrape_interval: 1s, histogram: {explicit: {}}}}}}"
	dir := t.TempDir()
	settings, rules := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(settings, []byte(strings.TrimPrefix(config, "yaml:")), 0o600); err != nil {
		t.Fatal(err)
	}
	text := run(t, dir, nil, mustBinary(t), "rules", "--config", settings)
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	a := newAddresses(t)
	p := startDefault(t, a, config)
	prom := startPrometheus(t, path, a.metrics, rules)
	r := byHTTP(a.http)
	began := time.Now()
	// A new count stands at 0 for a while, so the rules see an operation's first calls later.
	stop := r.keepReporting(t, call{"shop", "GET /cart", 3, 0}, call{"shop", "GET /", 1, 0})
	prom.has(t, `sum(traces_span_metrics_calls_total{span_name="GET /cart"})`, func(v float64) bool { return v > 0 })
	stop()
	stop = r.keepReporting(t, call{"shop", "GET /cart", 1, 2}, call{"shop", "GET /", 1, 0})
	p.says("ALERT     GET /cart")
	const theirs = `max(ALERTS{alertname="GoMonitorAvailability",alertstate="firing",service_name="shop",span_name="GET /cart"})`
	prom.has(t, theirs, func(v float64) bool { return v == 1 })
	prom.answers(t, expressions(t)) // those of the dashboard
	stop()
	stop = r.keepReporting(t, call{"shop", "GET /cart", 3, 0}, call{"shop", "GET /", 1, 0})
	p.says("RESOLVED  GET /cart")
	prom.has(t, "sum(gomonitor:availability:firing)", func(v float64) bool { return v == 0 })
	stop()

	// What each said and when, second by second.
	ours := prom.firing(t, `max(gomonitor_alert_firing{service_name="shop",span_name="GET /cart"}) > 0`, began)
	rule := prom.firing(t, theirs, began)
	const most = period + 2*time.Second // the rules look once a period, at what was scraped once a second
	if d := rule.from.Sub(ours.from); d < 0 || d > most {
		t.Errorf("fired %s after the monitor's alert, want at most %s", d, most)
	}
	if d := rule.to.Sub(ours.to); d < 0 || d > most {
		t.Errorf("resolved %s after the monitor's alert, want at most %s", d, most)
	}
	prom.has(t, "count(ALERTS) or vector(0)", func(v float64) bool { return v == 0 })
	t.Logf("the monitor's from %s to %s, the rules' from %s to %s", ours.from.Sub(began), ours.to.Sub(began), rule.from.Sub(began), rule.to.Sub(began))
}

// span is a time.
type span struct{ from, to time.Time }

// firing returns when a query had a result.
func (p *prometheus) firing(t *testing.T, query string, since time.Time) span {
	t.Helper()
	var at span
	eventually(t, "Prometheus knows when "+query, func() error {
		now := time.Now()
		resp, err := http.Get(fmt.Sprintf("%s/api/v1/query_range?step=0.25&start=%.3f&end=%.3f&query=%s", p.url, float64(since.UnixMilli())/1e3, float64(now.UnixMilli())/1e3, url.QueryEscape(query)))
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		var answer struct {
			Data struct {
				Result []struct {
					Values [][2]any `json:"values"`
				} `json:"result"`
			} `json:"data"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			return err
		}
		if len(answer.Data.Result) != 1 || len(answer.Data.Result[0].Values) == 0 {
			return errors.New("no result")
		}
		values := answer.Data.Result[0].Values
		moment := func(v [2]any) time.Time { return time.UnixMilli(int64(v[0].(float64) * 1e3)) }
		at = span{moment(values[0]), moment(values[len(values)-1])}
		if now.Sub(at.to) < time.Second {
			return errors.New("it is not over")
		}
		return nil
	})
	return at
}
