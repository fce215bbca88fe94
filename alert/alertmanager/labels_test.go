package alertmanager

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// hostileNames are what a name from outside may be.
var hostileNames = []string{
	"", "\x00", "a\r\nX-Evil: 1", "\x1b[31mred\x1b[0m", "<script>alert(1)</script>", `"}],"labels":{}`, "\xff\xfe", "a\u202eb\u2028c",
	strings.Repeat("x", 10_000), strings.Repeat("\u00e9", 5000), strings.Repeat("\xff", 5000), "{{ .Labels }}", "日本語", "\u0085\u200b", strings.Repeat("<", 100),
}

// hostile returns an alert for each hostile name, with the name wherever there can be one.
func hostile() []alert.Alert {
	var alerts []alert.Alert
	for i, name := range hostileNames {
		now := time.Now()
		s := engine.Summary{
			Monitor: name, Service: name, Operation: name, Start: now.Add(-time.Minute), End: now, Count: 3, Failure: 2, SuccessRatio: math.NaN(),
			Failures:         []engine.CodeCount{{Code: name, Name: name, Count: 2}},
			FailureExemplars: []engine.Exemplar{{Code: name, Trace: engine.TraceRef{TraceID: [16]byte{byte(i)}}}},
			FailureCauses:    []engine.CauseCount{{Share: math.Inf(1)}},
			FailureLatency:   engine.FailureLatency{Max: math.MaxInt64},
		}
		cause := engine.CauseCount{Share: 0.9}
		cause.Operation, cause.Code = name, name
		alerts = append(alerts, alert.Alert{
			ID: name, Monitor: name, Service: name + fmt.Sprint(i), Operation: fmt.Sprint(i) + name, SpanKind: engine.SpanKind(i), Objective: alert.ObjectiveKind(i), State: alert.Firing,
			StartsAt: now.AddDate(9000*(i%3-1), 0, 0), DecidedAt: now, Target: math.NaN(), Actual: math.Inf(-1),
			CausedBy: name, Causes: slices.Repeat([]engine.CauseCount{cause}, 20), Evidence: slices.Repeat([]engine.Summary{s}, 100),
			WorstExemplar: engine.Exemplar{Code: name, Trace: engine.TraceRef{TraceID: [16]byte{1}}},
		})
	}
	return alerts
}

// isInert reports whether a text is harmless to whoever shows it.
func isInert(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }) < 0
}

var goodLabelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// What Alertmanager gets is in its words and bounded, whatever the alert and the
// configuration hold.
func TestHostileAlerts(t *testing.T) {
	c := Config{Severity: "\x1b[31m", Labels: map[string]string{}}
	for i, name := range hostileNames {
		c.Labels[fmt.Sprint(i, name[:min(len(name), 20)])] = name
	}
	keys := make(map[string]bool)
	for i, a := range hostile() {
		labels := labelsOf(&a, &c)
		for name, value := range labels {
			if !goodLabelName.MatchString(name) || value == "" || len(value) > 1024 || !isInert(value) || strings.Contains(value, "\n") {
				t.Errorf("alert %d: label %q has the value %q", i, name, value)
			}
		}
		annotations := annotationsOf(&a)
		for name, value := range annotations {
			if !goodLabelName.MatchString(name) || value == "" || len(value) > maxAnnotationBytes || !isInert(value) {
				t.Errorf("alert %d: annotation %q has the value %q", i, name, value)
			}
			if name != "description" && strings.Contains(value, "\n") {
				t.Errorf("alert %d: annotation %q has several lines: %q", i, name, value)
			}
		}
		if !json.Valid([]byte(annotations["evidence"])) {
			t.Errorf("alert %d: evidence is not JSON: %s", i, annotations["evidence"])
		}
		end := a
		end.State, end.EndsAt = alert.Resolved, a.StartsAt.Add(-time.Hour)
		for _, now := range []time.Time{time.Now(), time.Now().Add(-24 * time.Hour)} {
			for _, a := range []*alert.Alert{&a, &end} {
				e, err := newEntry(a, &c, now)
				if err != nil {
					t.Errorf("alert %d: %v", i, err)
					continue
				}
				keys[e.key] = true
				body := bodies([]*entry{e}, now, time.Minute)
				var got []posted
				if len(body) != 1 {
					t.Errorf("alert %d: %d bodies", i, len(body))
				} else if err := json.Unmarshal(body[0], &got); err != nil || len(got) != 1 {
					t.Errorf("alert %d: %v in %s", i, err, body[0])
				} else if got[0].EndsAt.Before(got[0].StartsAt) || got[0].StartsAt.IsZero() {
					t.Errorf("alert %d: from %s to %s", i, got[0].StartsAt, got[0].EndsAt)
				}
			}
		}
	}
	if len(keys) != len(hostileNames) {
		t.Errorf("%d keys for %d alerts", len(keys), len(hostileNames))
	}
}

func TestLabelName(t *testing.T) {
	for name, want := range map[string]string{
		"service.name": "service_name", "team": "team", "Team_1": "Team_1", "1st": "_1st", "k8s-pod": "k8s_pod", "é": "_", "": "", "a b": "a_b", "\xff\xff": "__",
	} {
		if got := labelName(name); got != want {
			t.Errorf("label name of %q is %q, want %q", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, -1, -1).Draw(t, "name")
		if got := labelName(name); !goodLabelName.MatchString(got) {
			t.Errorf("label name of %q is %q", name, got)
		}
	})
}

func TestClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		most := rapid.IntRange(4, 40).Draw(t, "most")
		got := clean(s, most)
		if !isInert(got) || strings.Contains(got, "\n") || len(got) > most {
			t.Errorf("clean(%q, %d) = %q", s, most, got)
		}
		if isInert(s) && !strings.Contains(s, "\n") && (!strings.HasPrefix(s, got) || len(s) > most && len(got) <= most-utf8.UTFMax) {
			t.Errorf("clean(%q, %d) = %q: too much is missing", s, most, got)
		}
		if clean(got, most) != got {
			t.Errorf("clean(%q, %d) is not clean", s, most)
		}
	})
}

// Nothing that changes while an alert fires is among its labels.
func TestLabelsStay(t *testing.T) {
	c := Config{Severity: "page", Labels: map[string]string{"team.name": "shop", "empty": ""}}
	a := firing("GET /")
	want := map[string]string{
		"alertname": "gomonitor_availability", "monitor": "http", "objective": "availability", "operation": "GET /",
		"service_name": "shop", "severity": "page", "span_kind": "server", "team_name": "shop",
	}
	if diff := cmp.Diff(want, labelsOf(&a, &c)); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	b := resolved(a)
	b.ID, b.StartsAt, b.Target, b.Actual, b.CausedBy, b.Repeat = "other", begin, 1, 2, "x", true
	b.Causes, b.Evidence = make([]engine.CauseCount, 2), make([]engine.Summary, 3)
	if !maps.Equal(labelsOf(&a, &c), labelsOf(&b, &c)) {
		t.Errorf("labels changed from %v to %v", labelsOf(&a, &c), labelsOf(&b, &c))
	}
	byHand := alert.Alert{Operation: "render", Objective: alert.Latency}
	want = map[string]string{"alertname": "gomonitor_latency", "objective": "latency", "operation": "render", "severity": "page", "team_name": "shop"}
	if diff := cmp.Diff(want, labelsOf(&byHand, &c)); diff != "" {
		t.Errorf("labels of a call without a span (-want +got):\n%s", diff)
	}
}

func TestAnnotations(t *testing.T) {
	a := firing("POST /orders")
	a.CausedBy = "4711"
	a.Causes = []engine.CauseCount{{Count: 11, Share: 11. / 12}, {Count: 1, Share: 1. / 12}}
	a.Causes[0].Operation, a.Causes[0].Code, a.Causes[1].Operation = "INSERT orders", "23505", "HTTP POST"
	a.WorstExemplar.Trace.TraceID = [16]byte{2}
	a.Evidence = []engine.Summary{{
		Start: begin, End: begin.Add(time.Minute), Count: 20, Success: 8, Failure: 12, WithinTarget: 7,
		Latency:          engine.Latency{P50: time.Millisecond, P99: time.Second},
		Failures:         []engine.CodeCount{{Code: "500", Count: 12}},
		FailureExemplars: []engine.Exemplar{{Trace: engine.TraceRef{TraceID: [16]byte{1}}}, {Trace: engine.TraceRef{TraceID: [16]byte{2}}}},
	}}
	want := map[string]string{
		"summary":     "POST /orders: 50 % succeed (target 95 %), 91.7 % of failures caused by INSERT orders [23505]",
		"description": alert.Text(&a),
		"id":          "id of POST /orders",
		"target":      "0.95",
		"actual":      "0.5",
		"causes":      "91.7 % INSERT orders [23505], 8.3 % HTTP POST",
		"caused_by":   "4711",
		"trace_ids":   "02000000000000000000000000000000,01000000000000000000000000000000",
		"evidence":    `[{"start":"2000-01-01T00:00:00Z","end":"2000-01-01T00:01:00Z","calls":20,"failed":12,"within_target":7,"p50_ns":1000000,"p99_ns":1000000000,"failures":{"500":12}}]`,
	}
	if diff := cmp.Diff(want, annotationsOf(&a)); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}

	a.Objective = alert.Latency
	a.Causes[0].Service, a.Causes[0].Operation, a.Causes[0].Code = "stock", "GET /stock", engine.NetworkCode
	got := annotationsOf(&a)
	if want := "91.7 % the network to stock (GET /stock), 8.3 % HTTP POST"; got["causes"] != want {
		t.Errorf("causes are %q, want %q", got["causes"], want)
	}
	for name, text := range got {
		if strings.Contains(text, engine.NetworkCode) {
			t.Errorf("%s shows what stands for the network: %s", name, text)
		}
	}
}
