package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// addresses are where one service of a test listens, and its database.
type addresses struct{ grpc, http, metrics, health, own, page, database string }

func newAddresses(t testing.TB) addresses {
	t.Helper()
	return addresses{unusedAddress(t), unusedAddress(t), unusedAddress(t), unusedAddress(t), unusedAddress(t), unusedAddress(t), filepath.Join(t.TempDir(), "monitor.db")}
}

// env returns the environment that has a config of the project use these addresses.
func (a addresses) env() []string {
	host, port, _ := strings.Cut(a.own, ":")
	return []string{
		"GO_MONITOR_GRPC=" + a.grpc, "GO_MONITOR_HTTP=" + a.http, "GO_MONITOR_METRICS=" + a.metrics,
		"GO_MONITOR_HEALTH=" + a.health, "GO_MONITOR_PAGE=" + a.page, "GO_MONITOR_DB=" + a.database, "GO_MONITOR_OWN_METRICS_HOST=" + host, "GO_MONITOR_OWN_METRICS_PORT=" + port,
	}
}

// fast are settings with which verdicts come within seconds.
const fast = "yaml:{connectors: {gomonitor: {period: 1s, grace: 500ms, objective: {alert_after: 2, recover_after: 2}, metrics: {scrape_interval: 1s}}}}"

// startDefault starts the service with the default config and what is to be different.
func startDefault(t testing.TB, a addresses, changes ...string) *process {
	t.Helper()
	var args []string
	if len(changes) > 0 {
		args = append(args, "--config", defaultURI)
	}
	for _, c := range changes {
		args = append(args, "--config", c)
	}
	p := start(t, t.TempDir(), a.env(), mustBinary(t), args...)
	p.says("is ready.")
	return p
}

// read opens a database, reads from it and closes it.
func read[T any](t *testing.T, path string, query func(*store.Store) (T, error)) T {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{DSN: path, Retention: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	v, err := query(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// summaries returns what a database has of an operation, oldest first.
func summaries(t *testing.T, path, operation string) []engine.Summary {
	t.Helper()
	return read(t, path, func(s *store.Store) ([]engine.Summary, error) {
		return s.History(t.Context(), operation, time.Time{}, time.Time{})
	})
}

// totals adds up what a database has of an operation.
func totals(t *testing.T, path, operation string) (success, failure uint64) {
	t.Helper()
	for _, s := range summaries(t, path, operation) {
		success, failure = success+s.Success, failure+s.Failure
	}
	return success, failure
}

// alertsIn returns the alerts that a database has, as "firing availability GET /cart".
func alertsIn(t *testing.T, path string) []string {
	t.Helper()
	all := read(t, path, func(s *store.Store) ([]alert.Alert, error) { return s.Alerts(t.Context(), time.Time{}, time.Time{}) })
	var list []string
	for i := range all {
		list = append(list, fmt.Sprintf("%s %s %s", all[i].State, all[i].Objective, all[i].Operation))
	}
	return list
}

// hook is a server that a webhook posts to.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	told []string
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var news struct {
			Alerts []struct {
				Status string            `json:"status"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		}
		err := json.NewDecoder(req.Body).Decode(&news)
		h.mu.Lock()
		defer h.mu.Unlock()
		if err != nil {
			h.told = append(h.told, err.Error())
		}
		for _, a := range news.Alerts {
			h.told = append(h.told, a.Status+" "+a.Labels["operation"])
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// heard waits until it was told exactly this.
func (h *hook) heard(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the webhook heard %q", want), func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if strings.Join(h.told, "\n") != strings.Join(want, "\n") {
			return fmt.Errorf("it heard %q", h.told)
		}
		return nil
	})
}

// An operation that fails is seen everywhere, by whichever way it is reported, and that it
// is well again, too. Nothing that was reported is lost when the service is told to end.
func TestAlertEverywhere(t *testing.T) {
	for name, reporterOf := range map[string]func(*testing.T, addresses) reporter{
		"HTTP": func(_ *testing.T, a addresses) reporter { return byHTTP(a.http) },
		"gRPC": func(t *testing.T, a addresses) reporter { return byGRPC(t, a.grpc) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			promtest := program(t, "prometheus", "prometheus")
			h, a := newHook(t), newAddresses(t)
			records := filepath.Join(t.TempDir(), "logs.jsonl")
			p := startDefault(t, a, fast, fmt.Sprintf("yaml:{connectors: {gomonitor: {notifiers: [{console: {}}, {webhook: {url: %q}}]}}}", h.URL),
				fmt.Sprintf("yaml:{exporters: {file: {path: %q}}, service: {pipelines: {logs: {receivers: [gomonitor], exporters: [file]}}}}", records))
			prom := startPrometheus(t, promtest, a.metrics)
			r := reporterOf(t, a)

			failing := r.keepReporting(t, call{"shop", "GET /cart", 1, 2}, call{"shop", "GET /", 1, 0})
			p.says("ALERT     GET /cart")
			h.heard(t, "firing GET /cart")
			prom.has(t, `sum(traces_span_metrics_calls_total{service_name="shop",span_name="GET /cart",status_code="STATUS_CODE_ERROR"})`, func(v float64) bool { return v > 0 })
			prom.has(t, `sum(gomonitor_alert_firing{service_name="shop",span_name="GET /cart"})`, func(v float64) bool { return v == 1 })
			times := failing()

			healthy := r.keepReporting(t, call{"shop", "GET /cart", 3, 0}, call{"shop", "GET /", 1, 0})
			p.says("RESOLVED  GET /cart")
			h.heard(t, "firing GET /cart", "resolved GET /cart")
			prom.has(t, `sum(gomonitor_alert_firing{service_name="shop",span_name="GET /cart"})`, func(v float64) bool { return v == 0 })
			again := healthy()

			r.report(t, call{"shop", "GET /last", 7, 5}) // is in a period that won't be over
			if err := p.stop(); err != nil {
				t.Fatalf("ended with %v", err)
			}
			if got, want := alertsIn(t, a.database), []string{"firing availability GET /cart", "resolved availability GET /cart"}; strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("the database has %q, want %q", got, want)
			}
			for operation, want := range map[string][2]int{
				"GET /cart": {times + 3*again, 2 * times}, "GET /": {times + again, 0}, "GET /last": {7, 5},
			} {
				if success, failure := totals(t, a.database, operation); int(success) != want[0] || int(failure) != want[1] {
					t.Errorf("%s: %d succeeded and %d failed, want %v", operation, success, failure, want)
				}
			}
			logs, err := os.ReadFile(records)
			for _, event := range []string{"gomonitor.alert.firing", "gomonitor.alert.resolved"} {
				if n := strings.Count(string(logs), fmt.Sprintf("%q:%q", "eventName", event)); n != 1 || err != nil {
					t.Errorf("%d log records of %s, want 1 (%v):\n%s", n, event, err, logs)
				}
			}
			if last := summaries(t, a.database, "GET /last"); len(last) != 1 || !last[0].Partial {
				t.Errorf("the last period: %+v, want a partial one", last)
			}
		})
	}
}

// prometheus is a real one, which scrapes a service every second.
type prometheus struct{ url string }

func startPrometheus(t *testing.T, path, target string, rules ...string) *prometheus {
	t.Helper()
	dir, addr := t.TempDir(), unusedAddress(t)
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: go-monitor, static_configs: [{targets: [%q]}]}]\n", target)
	for _, file := range rules {
		config += fmt.Sprintf("rule_files: [%q]\n", file)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, nil, path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=warn")
	p := &prometheus{url: "http://" + addr}
	eventually(t, "Prometheus is ready", func() error {
		resp, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", resp.Status)
		}
		return nil
	})
	return p
}

// has waits until a query has one result that is as it should be.
func (p *prometheus) has(t *testing.T, query string, ok func(float64) bool) {
	t.Helper()
	eventually(t, "Prometheus has "+query, func() error {
		resp, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(query))
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		var answer struct {
			Error string `json:"error"`
			Data  struct {
				Result []struct {
					Value [2]any `json:"value"`
				} `json:"result"`
			} `json:"data"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			return err
		}
		if len(answer.Data.Result) != 1 {
			return fmt.Errorf("%d results %s", len(answer.Data.Result), answer.Error)
		}
		var v float64
		if _, err := fmt.Sscan(fmt.Sprint(answer.Data.Result[0].Value[1]), &v); err != nil {
			return err
		}
		if !ok(v) {
			return fmt.Errorf("it is %g", v)
		}
		return nil
	})
}
