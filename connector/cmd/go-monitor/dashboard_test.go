package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
)

const dashboardFile = "../../deploy/grafana-dashboard.json"

// expressions returns the PromQL of the Grafana dashboard, by the title of its panel.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Annotations struct {
			List []struct{ Name, Expr string }
		}
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, p := range dashboard.Panels {
		for i, target := range p.Targets {
			all[fmt.Sprintf("%s %d", p.Title, i)] = target.Expr
		}
	}
	for _, a := range dashboard.Annotations.List {
		all[a.Name] = a.Expr
	}
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			all["variable "+v.Name] = regexp.MustCompile(`^label_values\((.*), \w+\)$`).ReplaceAllString(v.Definition, "$1")
		}
	}
	return all
}

// The dashboard asks for metrics and labels that the connector has.
func TestDashboardMetrics(t *testing.T) {
	names := gomonitorconnector.MetricsConfig{}.PrometheusNames()
	metrics := []string{names.Calls, names.Duration + "_bucket", "gomonitor_alert_firing", "gomonitor_success_ratio", "gomonitor_within_target_ratio"}
	labels := []string{"service_name", "span_name", "span_kind", "status_code", "gomonitor_objective", "le"}
	used := map[string]bool{}
	for title, expr := range expressions(t) {
		bare := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(expr, "")
		for _, word := range regexp.MustCompile(`[a-z]+(?:_[a-z]+)+`).FindAllString(bare, -1) {
			switch {
			case slices.Contains(metrics, word):
				used[word] = true
			case slices.Contains(labels, word), word == "histogram_quantile", strings.Contains(expr, "$__"+word):
			default:
				t.Errorf("%s: there is no metric or label %q", title, word)
			}
		}
	}
	for _, m := range metrics {
		if !used[m] {
			t.Errorf("the dashboard does not show %s", m)
		}
	}
}

// answers fails the test unless every expression of the dashboard has a result.
func (p *prometheus) answers(t *testing.T, expressions map[string]string) {
	t.Helper()
	variables := strings.NewReplacer("$service", ".*", "$operation", ".*", "$kind", ".*", "$slo", "0.999", "$__rate_interval", "10s", "$__range", "30s")
	for title, expr := range expressions {
		eventually(t, title+" has a result", func() error {
			resp, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(variables.Replace(expr)))
			if err != nil {
				return err
			}
			defer func() { _ = resp.Body.Close() }()
			var answer struct {
				Error string
				Data  struct{ Result []any }
			}
			if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
				return err
			}
			if answer.Error != "" || len(answer.Data.Result) == 0 {
				return fmt.Errorf("%s: %d results %s", expr, len(answer.Data.Result), answer.Error)
			}
			return nil
		})
	}
}
