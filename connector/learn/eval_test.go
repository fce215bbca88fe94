package learn

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/replay"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// tracesVariable names the folder with recordings of faults, faults.json among them, by which
// what learn proposes is judged. Without it the folder shared/traces beside the module or its
// repository is tried.
const tracesVariable = "GO_MONITOR_TRACES"

// fault is one recording with a fault in it.
type fault struct {
	File       string `json:"file"`
	Healthy    string `json:"healthy"`
	InjectUnix int64  `json:"inject_unix"`
	Service    string `json:"service"`
	Fault      string `json:"fault"`
	Shows      bool   `json:"shows_in_spans"`
}

// faultsIn returns the recordings, or skips the test.
func faultsIn(t *testing.T) (dir string, faults []fault) {
	t.Helper()
	dirs := []string{os.Getenv(tracesVariable)}
	if dirs[0] == "" {
		dirs = []string{"../../shared/traces", "../../../shared/traces"}
	}
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "faults.json"))
		if err != nil {
			continue
		}
		if err := json.Unmarshal(text, &faults); err != nil {
			t.Fatal(err)
		}
		return dir, faults
	}
	t.Skipf("no recordings of faults: set %s to a folder with faults.json", tracesVariable)
	return "", nil
}

// trial is one way of learning and replaying.
type trial struct {
	name     string
	settings Settings
	// period, if it is not 0, is that of the replay, and keep says which traces are learned from.
	period time.Duration
	keep   func(trace [16]byte) bool
	// change, if it is not nil, changes what was learned.
	change func(*gomonitorconnector.Config)
	// fromOther learns from the healthy recording of another day than the fault's.
	fromOther bool
	// holds says that the findings have to hold: nine of eleven faults, and no false alert.
	holds bool
}

// outcome is what became of the recordings of one kind of fault.
type outcome struct {
	recordings, alerted, right int
	// alerts is the number of alerts before the fault, and wrong says which.
	alerts int
	wrong  []string
	after  []time.Duration // from the fault to the alert
}

// inTime is the time within which a fault must raise an alert.
const inTime = time.Minute

// evaluate learns from the healthy recording of each day, and replays the faults of that day.
func (tr *trial) evaluate(t *testing.T, dir string, faults []fault) map[string]*outcome {
	t.Helper()
	configs := make(map[string]*gomonitorconnector.Config)
	outcomes := make(map[string]*outcome)
	for _, f := range faults {
		if tr.fromOther {
			f.Healthy = otherThan(f.Healthy, faults)
		}
		if configs[f.Healthy] == nil {
			configs[f.Healthy] = tr.learn(t, filepath.Join(dir, f.Healthy))
		}
		name := f.Fault
		if !f.Shows {
			name += " (hardly shows)"
		}
		o := outcomes[name]
		if o == nil {
			o = new(outcome)
			outcomes[name] = o
		}
		o.recordings++
		result := replayed(t, configs[f.Healthy], filepath.Join(dir, f.File))
		began := time.Unix(f.InjectUnix, 0).UTC()
		for _, e := range result.Episodes {
			if !e.FiredAt.After(began) {
				o.alerts++
				o.wrong = append(o.wrong, fmt.Sprintf("%s before %s of %s: %s %s of %s, by %s", began.Sub(e.FiredAt), f.Fault, f.Service, e.SpanKind, e.Operation, e.Service, e.RootService))
			}
		}
		root, at, ok := result.FirstRootService(began)
		if ok && at.Sub(began) <= inTime {
			o.alerted++
			o.after = append(o.after, at.Sub(began))
			if root == f.Service {
				o.right++
			} else {
				o.wrong = append(o.wrong, fmt.Sprintf("%s of %s: %s is named first", f.Fault, f.Service, root))
			}
		} else {
			o.wrong = append(o.wrong, fmt.Sprintf("%s of %s: no alert", f.Fault, f.Service))
		}
	}
	// What was learned on one day must keep quiet on the healthy other one.
	other := new(outcome)
	outcomes[otherDay] = other
	days := slices.Sorted(maps.Keys(configs))
	for _, learnedOn := range days {
		for _, day := range days {
			if day == learnedOn {
				continue
			}
			other.recordings++
			for _, e := range replayed(t, configs[learnedOn], filepath.Join(dir, day)).Episodes {
				other.alerts++
				other.wrong = append(other.wrong, fmt.Sprintf("healthy %s by what was learned from %s: %s of %s", day, learnedOn, e.Operation, e.Service))
			}
		}
	}
	return outcomes
}

// otherThan returns a healthy recording of another day.
func otherThan(healthy string, faults []fault) string {
	for _, f := range faults {
		if f.Healthy != healthy {
			return f.Healthy
		}
	}
	return healthy
}

const otherDay = "healthy, the other day"

// learn returns the configuration that is learned from a recording, as it is read from the file
// that the command writes.
func (tr *trial) learn(t *testing.T, file string) *gomonitorconnector.Config {
	t.Helper()
	player := recording.Player{Files: []string{file}, Grace: 10 * time.Second}
	if tr.keep != nil {
		player.Keep = func(s *engine.Span) bool { return tr.keep(s.Link.Trace) }
	}
	p, stats, err := tr.settings.learn(context.Background(), new(gomonitorconnector.Config), player)
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.write(stats)
	if err != nil {
		t.Fatal(err)
	}
	c := loaded(t, text)
	if tr.period != 0 {
		c.Period = tr.period
	}
	if tr.change != nil {
		tr.change(c)
	}
	return c
}

// loaded reads a configuration as the command replay does.
func loaded(t *testing.T, text []byte) *gomonitorconnector.Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "learned.yaml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := replay.LoadConfig(context.Background(), []string{name})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// replayed returns what a replay shows.
func replayed(t *testing.T, c *gomonitorconnector.Config, file string) *replay.Result {
	t.Helper()
	result, _, err := replay.Files(context.Background(), c, recording.Player{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// sum adds up the outcomes of the faults that show in spans.
func sum(outcomes map[string]*outcome) outcome {
	var all outcome
	for name, o := range outcomes {
		if name == otherDay || strings.HasSuffix(name, ")") {
			all.alerts += o.alerts
			continue
		}
		all.recordings += o.recordings
		all.alerted += o.alerted
		all.right += o.right
		all.alerts += o.alerts
		all.after = append(all.after, o.after...)
	}
	slices.Sort(all.after)
	return all
}

// TestLearnedConfigFindsFaults is the evaluation of docs/replay.md, of which it prints the table with -v:
//
//	go test -run TestLearnedConfigFindsFaults -v ./learn
func TestLearnedConfigFindsFaults(t *testing.T) {
	dir, faults := faultsIn(t)
	tr := trial{settings: DefaultSettings()}
	outcomes := tr.evaluate(t, dir, faults)
	var b strings.Builder
	fmt.Fprintf(&b, "| fault | recordings | alerted within 60 s | after | alerts before it | right cause first |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.SortedFunc(maps.Keys(outcomes), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "("), strings.Count(b, "(")), cmp.Compare(a, b))
	}) {
		o := outcomes[name]
		if name == otherDay {
			fmt.Fprintf(&b, "| %s | %d | - | - | %d | - |\n", name, o.recordings, o.alerts)
			continue
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %d | %d of %d |\n", name, o.recordings, o.alerted, o.times(), o.alerts, o.right, o.alerted)
	}
	t.Logf("\n%s", b.String())
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		for _, w := range outcomes[name].wrong {
			t.Log(w)
		}
	}
	all := sum(outcomes)
	if 10*all.alerted < 9*all.recordings {
		t.Errorf("%d of %d faults raised an alert in time, want nine of ten", all.alerted, all.recordings)
	}
	if all.alerts > 0 {
		t.Errorf("%d alerts while nothing was wrong, want none", all.alerts)
	}
	if 10*all.right < 8*all.alerted {
		t.Errorf("%d of %d alerts name the right cause first, want eight of ten", all.right, all.alerted)
	}
}

// times writes how long the alerts took.
func (o *outcome) times() string {
	if len(o.after) == 0 {
		return "-"
	}
	slices.Sort(o.after)
	return fmt.Sprintf("%s to %s", alert.Rounded(o.after[0]), alert.Rounded(o.after[len(o.after)-1]))
}

// TestLearnedConfigIsRobust shows how much depends on the settings, on where periods begin, and on what was
// learned from. It takes half a minute, so it is run only where the recordings are named:
//
//	GO_MONITOR_TRACES=<folder> go test -run TestLearnedConfigIsRobust -v ./learn
func TestLearnedConfigIsRobust(t *testing.T) {
	if os.Getenv(tracesVariable) == "" {
		t.Skipf("%s is not set", tracesVariable)
	}
	dir, faults := faultsIn(t)
	half := func(odd byte) func([16]byte) bool {
		return func(trace [16]byte) bool { return trace[15]&1 == odd }
	}
	with := func(change func(*Settings)) Settings {
		s := DefaultSettings()
		change(&s)
		return s
	}
	trials := []trial{
		{name: "the default", holds: true, settings: DefaultSettings()},
		{name: "periods of 1s", holds: true, settings: DefaultSettings(), period: time.Second},
		{name: "periods of 2s", holds: true, settings: DefaultSettings(), period: 2 * time.Second},
		{name: "periods of 4s", holds: true, settings: DefaultSettings(), period: 4 * time.Second},
		{name: "periods of 5s", holds: true, settings: DefaultSettings(), period: 5 * time.Second},
		{name: "--within 45s", holds: true, settings: with(func(s *Settings) { s.Within = 45 * time.Second })},
		{name: "--within 75s", holds: true, settings: with(func(s *Settings) { s.Within = 75 * time.Second })},
		{name: "--margin 1.5", settings: with(func(s *Settings) { s.Margin = 1.5 })},
		{name: "--margin 2.5", holds: true, settings: with(func(s *Settings) { s.Margin = 2.5 })},
		{name: "--margin 3", holds: true, settings: with(func(s *Settings) { s.Margin = 3 })},
		{name: "--sure 0.9", holds: true, settings: with(func(s *Settings) { s.Sure = 0.9 })},
		{name: "--sure 0.99", settings: with(func(s *Settings) { s.Sure = 0.99 })},
		{name: "--share 0.6", settings: with(func(s *Settings) { s.Share = 0.6 })},
		{name: "--share 0.7", settings: with(func(s *Settings) { s.Share = 0.7 })},
		{name: "--share 0.8", settings: with(func(s *Settings) { s.Share = 0.8 })},
		{name: "half of the traces", settings: DefaultSettings(), keep: half(0)},
		{name: "the other half", settings: DefaultSettings(), keep: half(1)},
		{name: "the healthy recording of the other day", holds: true, settings: DefaultSettings(), fromOther: true},
	}
	withoutAlertFor := func(c *gomonitorconnector.Config) { c.Objective.AlertFor = 0 }
	trials = append(trials,
		trial{name: "--peer-services=false", settings: with(func(s *Settings) { s.PeerServices = false })},
		trial{name: "without alert_for, periods of 3s", settings: DefaultSettings(), change: withoutAlertFor},
		trial{name: "without alert_for, periods of 5s", settings: DefaultSettings(), period: 5 * time.Second, change: withoutAlertFor},
		trial{name: "without alert_for, periods of 8s", settings: DefaultSettings(), period: 8 * time.Second, change: withoutAlertFor},
		trial{name: "without alert_for, periods of 10s", settings: DefaultSettings(), period: 10 * time.Second, change: withoutAlertFor},
	)
	var b strings.Builder
	fmt.Fprintf(&b, "| learned with | alerted within 60 s | false alerts | right cause first |\n|---|---|---|---|\n")
	for _, tr := range trials {
		outcomes := tr.evaluate(t, dir, faults)
		all := sum(outcomes)
		fmt.Fprintf(&b, "| %s | %d of %d | %d | %d of %d |\n", tr.name, all.alerted, all.recordings, all.alerts, all.right, all.alerted)
		if tr.holds && (all.alerts > 0 || 11*all.alerted < 9*all.recordings || 10*all.right < 8*all.alerted) {
			t.Errorf("%s: %d of %d alerted, %d of them right, %d false", tr.name, all.alerted, all.recordings, all.right, all.alerts)
		}
		if testing.Verbose() {
			for _, name := range slices.Sorted(maps.Keys(outcomes)) {
				for _, w := range outcomes[name].wrong {
					if !strings.HasSuffix(name, ")") || !strings.HasSuffix(w, "no alert") {
						t.Logf("%s: %s", tr.name, w)
					}
				}
			}
		}
	}
	t.Logf("\n%s", b.String())
}
