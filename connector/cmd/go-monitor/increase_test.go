package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"testing"
)

// An operation that is called more rarely than the monitor remembers it loses no call in a real
// Prometheus: increase() tells what was sent, though the count begins anew each time.
func TestIncreaseOfRareCalls(t *testing.T) {
	t.Parallel()
	path := program(t, "prometheus", "prometheus")
	const idle = 2 // periods of 1s
	a := newAddresses(t)
	p := startDefault(t, a, fmt.Sprintf("yaml:{exporters: {prometheus: {metric_expiration: 2s}}, connectors: {gomonitor: {period: 1s, grace: 500ms, idle_periods: %d, metrics: {scrape_interval: 2s}}}}", idle))
	prom := startPrometheus(t, path, a.metrics)
	prom.has(t, `count(up) or vector(0)`, func(v float64) bool { return v == 1 }) // it has begun to look
	r := byHTTP(a.http)
	isThere := func() (bool, error) {
		resp, err := http.Get("http://" + a.metrics + "/metrics")
		if err != nil {
			return false, err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		return bytes.Contains(text, []byte("GET /rare")), err
	}
	const rounds, succeeding, failing = 3, 7, 2
	for range rounds {
		r.report(t, call{"shop", "GET /rare", succeeding, failing})
		eventually(t, "the count is there", func() error {
			ok, err := isThere()
			if err == nil && !ok {
				err = errors.New("it is not there")
			}
			return err
		})
		eventually(t, "the count has gone", func() error {
			ok, err := isThere()
			if err == nil && ok {
				err = errors.New("it is there")
			}
			return err
		})
	}
	for status, want := range map[string]float64{"UNSET": rounds * succeeding, "ERROR": rounds * failing} {
		for _, metric := range []string{"calls_total", "duration_milliseconds_count"} {
			query := fmt.Sprintf(`increase(traces_span_metrics_%s{span_name="GET /rare",status_code="STATUS_CODE_%s"}[10m])`, metric, status)
			// Prometheus extends what it saw by half a scrape. A round that it missed would be more.
			prom.has(t, query, func(v float64) bool { return math.Abs(v-want) < 1 })
		}
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}
