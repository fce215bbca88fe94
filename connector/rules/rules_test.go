package rules

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// judged is a configuration under which operations have objectives of every kind.
func judged(period time.Duration) *gomonitorconnector.Config {
	c := new(gomonitorconnector.Config)
	c.Period = period
	c.Objective = engine.Objective{LatencyTarget: 400 * time.Millisecond, MinCalls: 1, Confidence: -1}
	c.Operations = map[string]engine.Objective{
		"GET /cart":    {RecoverAfter: 1},
		`GET /a"b\`:    {AlertAfter: 2, RecoverAfter: 1, Confidence: 0.9},
		"POST /orders": {SuccessRatio: 0.99, AlertAfter: 1, RecoverAfter: 2, SLO: 0.99, MinTraffic: 20},
	}
	c.Services = map[string]engine.ServiceObjectives{
		"pay": {
			Objective:  engine.Objective{WithinTargetRatio: 0.5, AlertAfter: 4},
			Operations: map[string]engine.Objective{"POST /orders": {LatencyTarget: time.Second}},
		},
	}
	c.Metrics.Histogram.Explicit = new(gomonitorconnector.ExplicitConfig)
	return c
}

// promtool runs it on files, in dir.
func promtool(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("GO_MONITOR_NO_SKIP") == "1" {
			t.Fatal("NOT TESTED: there is no promtool. To install it: apt-get install -y --no-install-recommends prometheus")
		}
		t.Skip("NOT TESTED: there is no promtool. To install it: apt-get install -y --no-install-recommends prometheus")
	}
	c := exec.Command(path, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// objectiveOf is what the engine itself expects of an operation.
func objectiveOf(t *testing.T, c *gomonitorconnector.Config, key engine.OperationKey) engine.Objective {
	t.Helper()
	at := time.Unix(0, 0)
	timeline, err := engine.NewTimeline(c.TimelineConfig, at)
	if err != nil {
		t.Fatal(err)
	}
	timeline.Add(&engine.Span{Service: key.Service, Operation: key.Name, SpanKind: key.SpanKind, End: at.Add(time.Second).UnixNano()})
	var o engine.Objective
	timeline.Close(func(engine.OperationKey) bool { return false }, func(p *engine.Period) {
		for i := range p.Summaries {
			o = p.Summaries[i].Objective
		}
	})
	return o
}

// series is what one operation does, period by period, and what its counters then say.
type series struct {
	key                    engine.OperationKey
	objective              engine.Objective
	unset, failed, within  []uint64
	sumUnset, sumFailed, w uint64
}

// next has the operation do something, and returns the summary of it. The lowest two bits of mood say
// what is bad; with the third one that is in two periods of three, so that an alert fires by the lead.
func (s *series) next(r *rand.Rand, mood int) engine.Summary {
	calls := uint64([]int{0, 1, 2, 5, 25, 40}[r.IntN(6)])
	if mood&4 != 0 && len(s.unset)%3 == 0 {
		mood = 0
	}
	failures := uint64(0)
	if mood&1 != 0 && calls > 0 {
		failures = uint64(r.IntN(int(calls) + 1))
	}
	success := calls - failures
	within := success
	if mood&2 != 0 && success > 0 {
		within = uint64(r.IntN(int(success) + 1))
	}
	s.sumUnset, s.sumFailed, s.w = s.sumUnset+success, s.sumFailed+failures, s.w+within
	s.unset, s.failed, s.within = append(s.unset, s.sumUnset), append(s.failed, s.sumFailed), append(s.within, s.w)
	sum := engine.Summary{
		Service: s.key.Service, Operation: s.key.Name, SpanKind: s.key.SpanKind, Objective: s.objective,
		Count: calls, Success: success, Failure: failures, WithinTarget: within,
		SuccessRatio: 1, WithinTargetRatio: 1,
	}
	if calls > 0 {
		sum.SuccessRatio = float64(success) / float64(calls)
	}
	if success > 0 {
		sum.WithinTargetRatio = float64(within) / float64(success)
	}
	return sum
}

func values(v []uint64) string { return "_ " + strings.Trim(fmt.Sprint(v), "[]") }

type testSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type wantAlert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

type alertTest struct {
	EvalTime string      `yaml:"eval_time"`
	Name     string      `yaml:"alertname"`
	Want     []wantAlert `yaml:"exp_alerts"`
}

// The rules fire and resolve in the same periods as the judge, whatever happens. With periods of less
// than a minute burn rates do at full minutes only, see the notes of the rules.
func TestRulesJudgeAsTheMonitor(t *testing.T) {
	kinds := []alert.ObjectiveKind{alert.Availability, alert.Latency, alert.Traffic}
	t.Run("30s", func(t *testing.T) { testRulesJudgeAsTheMonitor(t, 30*time.Second, kinds) })
	t.Run("1m", func(t *testing.T) { testRulesJudgeAsTheMonitor(t, time.Minute, append(kinds, alert.BurnRate)) })
}

func testRulesJudgeAsTheMonitor(t *testing.T, period time.Duration, names []alert.ObjectiveKind) {
	c := judged(period)
	dir := t.TempDir()
	text, err := Write(c)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "rules.yaml", text)
	if out, err := promtool(t, dir, "check", "rules", "rules.yaml"); err != nil {
		t.Fatalf("%s\n%s", out, text)
	}

	const periods = 80
	changes := map[alert.ObjectiveKind]int{}
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 18))
		var all []*series
		for _, service := range []string{"shop", "pay"} {
			for _, operation := range []string{"GET /cart", `GET /a"b\`, "POST /orders"} {
				key := engine.OperationKey{Service: service, Name: operation, SpanKind: engine.SpanKindServer}
				all = append(all, &series{key: key, objective: objectiveOf(t, c, key)})
			}
		}
		judge := alert.NewJudge()
		firing := map[alert.ObjectiveKind]map[engine.OperationKey]bool{}
		for _, k := range names {
			firing[k] = map[engine.OperationKey]bool{}
		}
		var tests []alertTest
		mood := make([]int, len(all))
		start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for i := range periods {
			p := engine.Period{Start: start.Add(time.Duration(i) * period), End: start.Add(time.Duration(i+1) * period)}
			for j, s := range all {
				if r.IntN(16) == 0 {
					mood[j] = r.IntN(8)
				}
				sum := s.next(r, mood[j])
				sum.Start, sum.End = p.Start, p.End
				p.Summaries = append(p.Summaries, sum)
			}
			judge.Judge(&p)
			// The rules know no flapping, so phases are compared and not what is said.
			fires := map[alert.ObjectiveKind]map[engine.OperationKey]bool{}
			for _, k := range names {
				fires[k] = map[engine.OperationKey]bool{}
			}
			for _, o := range judge.Phases() {
				if o.Phase >= alert.PhaseFiring && fires[o.Objective] != nil {
					fires[o.Objective][o.Operation] = true
				}
			}
			for _, k := range names {
				for _, s := range all {
					if fires[k][s.key] != firing[k][s.key] {
						changes[k]++
					}
				}
				firing[k] = fires[k]
				test := alertTest{EvalTime: promDuration(time.Duration(i+1) * period), Name: "GoMonitor" + camel(k.String())}
				for _, s := range all {
					if !firing[k][s.key] {
						continue
					}
					about := strings.NewReplacer("{{ $labels.span_name }}", s.key.Name, "{{ $labels.service_name }}", s.key.Service)
					test.Want = append(test.Want, wantAlert{
						Labels: map[string]string{
							"service_name": s.key.Service, "span_name": s.key.Name, "span_kind": "SPAN_KIND_SERVER",
							"objective": k.String(), "severity": "critical",
						},
						Annotations: map[string]string{"summary": about.Replace(summaries[k])},
					})
				}
				tests = append(tests, test)
			}
		}
		var input []testSeries
		for _, s := range all {
			labels := fmt.Sprintf(`service_name=%q,span_name=%q,span_kind="SPAN_KIND_SERVER"`, s.key.Service, s.key.Name)
			add := func(metric, more, values string) {
				input = append(input, testSeries{metric + "{" + labels + more + "}", values})
			}
			add("traces_span_metrics_calls_total", `,status_code="STATUS_CODE_UNSET"`, values(s.unset))
			add("traces_span_metrics_calls_total", `,status_code="STATUS_CODE_ERROR"`, values(s.failed))
			le := fmt.Sprint(s.objective.LatencyTarget.Milliseconds())
			add("traces_span_metrics_duration_milliseconds_bucket", `,status_code="STATUS_CODE_UNSET",le="`+le+`"`, values(s.within))
			add("traces_span_metrics_duration_milliseconds_count", `,status_code="STATUS_CODE_UNSET"`, values(s.unset))
		}
		var b bytes.Buffer
		err := yaml.NewEncoder(&b).Encode(map[string]any{
			"rule_files": []string{"rules.yaml"}, "evaluation_interval": promDuration(period),
			"tests": []any{map[string]any{"interval": promDuration(period), "input_series": input, "alert_rule_test": tests}},
		})
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "test.yaml", b.Bytes())
		if out, err := promtool(t, dir, "test", "rules", "test.yaml"); err != nil {
			t.Fatalf("seed %d: %.4000s", seed, out)
		}
	}
	for _, k := range names {
		if changes[k] < 5 {
			t.Errorf("only %d alerts about %s: the test says little", changes[k], k)
		}
	}
}
