package learn

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/connector/replay"
	"github.com/blurooo/go-monitor/v2/engine"
)

// calls returns calls of one operation, every so often, each as long as took says.
func calls(service, name string, from, to, every time.Duration, took func(i int) time.Duration) (spans []recordingtest.Span) {
	for i := 0; from < to; i++ {
		spans = append(spans, recordingtest.Span{Service: service, Name: name, Trace: uint64(len(service)+len(name))<<32 + uint64(i+1), ID: 1, End: from, Took: took(i)})
		from += every
	}
	return spans
}

// always returns the same duration for every call.
func always(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

// proposed learns from spans and returns the file, and what it means to the connector.
func proposed(t *testing.T, s Settings, spans []recordingtest.Span) (string, *gomonitorconnector.Config) {
	t.Helper()
	name := recordingtest.File(t, "spans", recordingtest.Lines(t, spans)...)
	p, stats, err := s.learn(context.Background(), new(gomonitorconnector.Config), recording.Player{Files: []string{name}, Grace: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.write(stats)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), loaded(t, text)
}

func TestProposeTargets(t *testing.T) {
	minute := time.Minute
	spread := func(i int) time.Duration { return time.Duration(10+i%11) * time.Millisecond } // 10 to 20 ms
	var spans []recordingtest.Span
	spans = append(spans, calls("shop", "steady", 0, minute, 100*time.Millisecond, spread)...)
	spans = append(spans, calls("shop", "five times", 0, minute, 13*time.Second, always(40*time.Millisecond))...)
	spans = append(spans, calls("shop", "four times", 0, minute, 17*time.Second, always(40*time.Millisecond))...)
	spans = append(spans, calls("slow", "report", 0, minute, time.Second, func(i int) time.Duration { return time.Duration(3+i%3) * time.Second })...)
	text, c := proposed(t, DefaultSettings(), spans)
	got := make(map[string]time.Duration)
	for service, s := range c.Services {
		for name, o := range s.Operations {
			got[service+" "+name] = o.LatencyTarget
		}
	}
	// The noise is that of the steady calls: 5 ms. That reports take 3 to 5 s is none.
	want := map[string]time.Duration{
		"shop steady":     36 * time.Millisecond,
		"shop five times": 85 * time.Millisecond,
		"slow report":     8100 * time.Millisecond,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, text)
	}
	general := c.Objective
	wantGeneral := engine.Objective{SuccessRatio: 0.99, LatencyTarget: 8100 * time.Millisecond, WithinTargetRatio: 0.5, AlertAfter: 3, AlertFor: 23 * time.Second, RecoverAfter: 8, MinCalls: 1, Confidence: -1}
	if diff := cmp.Diff(wantGeneral, general); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c.Period != 3*time.Second || !c.PeerServices || c.IdlePeriods != 1200 {
		t.Errorf("%+v", c.TimelineConfig)
	}
	for _, want := range []string{
		"# Proposed by go-monitor learn from healthy traffic: 669 spans, 669 calls of 4 operations in 2 services,\n# 2026-06-01 12:00:00 to 2026-06-01 12:00:59 UTC (1m).\n",
		"latency_target: 36ms # 600 calls, p50 15", "p99 20ms, max 20ms; typical time below 1",
		"      # Fewer than 5 calls, so the objective above applies:\n      #   four times (server, 4)\n      shop:\n",
		"success_ratio: 0.99 # 0 of 669 calls failed;",
		"that of the slowest, server report of slow\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func TestProposeFollowsTheWorstHealthyTime(t *testing.T) {
	// Ten minutes, of which one is three times as slow as the others.
	spans := calls("shop", "op", 0, 10*time.Minute, time.Second, func(i int) time.Duration {
		if 240 <= i && i < 300 {
			return 300 * time.Millisecond
		}
		return 100 * time.Millisecond
	})
	_, c := proposed(t, DefaultSettings(), spans)
	// Twice 300 ms, and the noise: a tenth of the calls took 200 ms more than usual.
	if got := c.Services["shop"].Operations["op"].LatencyTarget; got != 810*time.Millisecond && got != 800*time.Millisecond {
		t.Errorf("got %s", got)
	}
}

func TestProposeFailuresAndFloors(t *testing.T) {
	var spans []recordingtest.Span
	for i, s := range calls("shop", "flaky", 0, 2*time.Minute, 50*time.Millisecond, always(time.Millisecond)) {
		s.Failed = i%10 == 0
		spans = append(spans, s)
	}
	spans = append(spans, calls("shop", "solid", 0, 2*time.Minute, 10*time.Millisecond, always(time.Millisecond))...)
	spans = append(spans, calls("shop", "seldom", 0, 2*time.Minute, 2*time.Second, always(time.Millisecond))...)
	paused := calls("shop", "pausing", 0, 2*time.Minute, 10*time.Millisecond, always(time.Millisecond))
	spans = append(spans, slices.DeleteFunc(paused, func(s recordingtest.Span) bool { return s.End >= time.Minute && s.End < 70*time.Second })...)
	for _, s := range calls("shop", "look", 0, 2*time.Minute, 40*time.Second, always(time.Millisecond)) {
		s.Failed = true // all three of them
		spans = append(spans, s)
	}
	text, c := proposed(t, DefaultSettings(), spans)
	if got := c.Objective.SuccessRatio; got != 0.99 {
		t.Errorf("all others: %v, though hardly any of theirs failed", got)
	}
	shop := c.Services["shop"].Operations
	if got := shop["look"]; got.SuccessRatio != 0.001 || got.LatencyTarget != 0 {
		t.Errorf("what always fails: %+v", got)
	}
	if got := shop["flaky"].SuccessRatio; got < 0.7 || got > 0.8 {
		t.Errorf("flaky: %v, want about 0.78: 10 %% of 2400 calls failed, which may be 11 %%\n%s", got, text)
	}
	if got := shop["solid"].SuccessRatio; got != 0 {
		t.Errorf("solid has a ratio of its own: %v", got)
	}
	if result := replayed(t, c, recordingtest.File(t, "s", recordingtest.Lines(t, spans)...)); len(result.Episodes) > 0 {
		t.Errorf("what was learned from fires: %+v", result.Episodes[0])
	}
	// 2400 and 60 calls in 3 s: a tenth of them; less than one in 3 s is no floor.
	floors := map[string]int{"flaky": 5, "solid": 29, "seldom": 0, "pausing": 0}
	for name, want := range floors {
		if got := shop[name].MinTraffic; got != want {
			t.Errorf("%s: floor %d, want %d", name, got, want)
		}
	}
	if !strings.Contains(text, "min_traffic: 29 # calls a period; there were at least 300, on average 300") {
		t.Error(text)
	}
}

// Names may be anything: the file must mean the operations that were seen.
func TestProposeForHostileNames(t *testing.T) {
	names := []string{
		"GET /${env:HOME}/${x}", "$$", "a: b # c", "- x", "~", "null", "123", "true", `"q" 'q' \`, "line\nline", "\x1b[31m", "ü – 漢字", "{a}", "[b]", "&a *b !c", "%x", "@x", "`x`", " spaces ", "? x", "a.b.c", "Foo::bar", "trailing:", strings.Repeat("x", 256),
		"<<", "=", "y", "no", "0x1F", "0o17", "1_000", ".inf", ".NaN", "2001-01-01", "!!str a", "!x", "| x", "> x", "*", "key: |\n  y", "a\tb", "a\r\nb", "\u0085", "\u2028x", "\ufeffx", "\x00", "\x7f", "\U0001F642", "a # b", "#", ",", "]", "\\", "%d", "x: ", "--- a", "---", "...", "ä́", "\u202Ex",
	}
	var spans []recordingtest.Span
	for i, name := range names {
		spans = append(spans, calls("svc", name, time.Duration(i)*time.Millisecond, time.Minute, 5*time.Second, always(20*time.Millisecond))...)
		spans = append(spans, calls(name, "op", time.Duration(i)*time.Millisecond, time.Minute, 5*time.Second, always(20*time.Millisecond))...)
		spans = append(spans, calls(name, "rare "+name, time.Duration(i)*time.Millisecond, time.Second, 5*time.Second, always(20*time.Millisecond))...)
	}
	text, c := proposed(t, DefaultSettings(), spans)
	for _, name := range names {
		if !isKey(name) {
			continue // the Collector can't have it
		}
		if got := c.Services["svc"].Operations[name].LatencyTarget; got == 0 {
			t.Errorf("%q: no target", name)
		}
		if got := c.Services[name].Operations["op"].LatencyTarget; got == 0 {
			t.Errorf("service %q: no target", name)
		}
	}
	if n := len(c.Services["svc"].Operations); n != len(names)-2 {
		t.Errorf("%d operations of %d", n, len(names)-2)
	}
	if strings.ContainsAny(text, "\x1b\r") {
		t.Error("not inert")
	}
	if !strings.Contains(text, noKey+"Foo::bar\n") {
		t.Errorf("nothing is said about what is left out:\n%s", text)
	}
}

// What is learned from healthy traffic keeps quiet on other healthy traffic, fires at a fault, and
// names who has it.
func TestLearnThenReplay(t *testing.T) {
	_, c := proposed(t, DefaultSettings(), recordingtest.Shop(1, 2, 0, time.Minute, time.Hour, 0))
	resultOf := func(spans []recordingtest.Span) *replay.Result {
		return replayed(t, c, recordingtest.File(t, "s", recordingtest.Lines(t, spans)...))
	}
	for seed := range uint64(10) {
		if result := resultOf(recordingtest.Shop(seed+2, 2, 0, 3*time.Minute, time.Hour, 0)); len(result.Episodes) > 0 {
			t.Errorf("seed %d: %+v", seed, result.Episodes[0])
		}
		fault := 60 * time.Second
		result := resultOf(recordingtest.Shop(seed+2, 2, 0, 3*time.Minute, fault, 200*time.Millisecond))
		who, at, ok := result.FirstRootService(recordingtest.Noon)
		if after := at.Sub(recordingtest.Noon.Add(fault)); !ok || who != "stock" || after < 0 || after > time.Minute {
			t.Errorf("seed %d: %s after the fault, %q is named", seed, after, who)
		}
	}
}

func TestCommand(t *testing.T) {
	run := func(stdin string, args ...string) (string, error) {
		c := Command()
		var out, errs bytes.Buffer
		c.SetIn(strings.NewReader(stdin))
		c.SetOut(&out)
		c.SetErr(&errs)
		c.SetArgs(args)
		err := c.ExecuteContext(context.Background())
		return out.String() + errs.String(), err
	}
	spans := recordingtest.Shop(1, 5, 0, time.Minute, time.Hour, 0)
	want, err := run("", recordingtest.File(t, "s", recordingtest.Lines(t, spans)...))
	if err != nil || !strings.Contains(want, "GET > stock:\n") {
		t.Fatal(err, want)
	}
	loaded(t, []byte(want))
	for seed := range uint64(5) {
		got, err := run("", recordingtest.Scatter(t, spans, 5*time.Second, 1+int(seed), seed)...)
		if err != nil || got != want {
			t.Errorf("another order, another proposal: %v\n%s", err, cmp.Diff(want, got))
		}
	}
	longer, err := run("", "--within", "10m", "--share", "0.9", "--margin", "3", "--sure", "0.8", recordingtest.File(t, "s", recordingtest.Lines(t, spans)...))
	if err != nil || !strings.Contains(longer, "period: 30s") || !strings.Contains(longer, "within_target_ratio: 0.9") || !strings.Contains(longer, "min_calls: 10") || !strings.Contains(longer, "alert_for: 3m50s") {
		t.Error(err, longer)
	}
	for name, tt := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"nothing":    {"", nil, "no spans in 0 lines"},
		"all broken": {"x\n", nil, "standard input:1: is no OTLP JSON"},
		"internal":   {`{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":1,"endTimeUnixNano":"1"}]}]}]}`, nil, "none of 1 spans has a kind that is watched: "},
		"within":     {"", []string{"--within", "1s"}, "within: must be between 20s and 20h, got 1s"},
		"share":      {"", []string{"--share", "0.4"}, "share: must be between 0.5 and 0.999, got 0.4"},
		"margin":     {"", []string{"--margin", "0.5"}, "margin: must be between 1 and 100, got 0.5"},
		"sure":       {"", []string{"--sure", "1"}, "sure: must be at least 0.5 and below 1, got 1"},
		"grace":      {"x", []string{"--grace", "2h"}, "grace: must be above 0s and at most 1h, got 2h0m0s"},
		"config":     {"", []string{"-c", "/none/at/all"}, "/none/at/all: "},
	} {
		if out, err := run(tt.stdin, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) || out != "" {
			t.Errorf("%s: error %v, want %q; output %q", name, err, tt.want, out)
		}
	}
	skipped, err := run("x\n"+string(bytes.Join(recordingtest.Lines(t, spans), []byte("\n"))), "--skip-bad")
	if err != nil || !strings.HasSuffix(skipped, "1 bad lines left out, the first: standard input:1: is no OTLP JSON: "+after(skipped, "is no OTLP JSON: ")) {
		t.Error(err, skipped)
	}
}

func after(s, mark string) string {
	_, rest, _ := strings.Cut(s, mark)
	return rest
}

func TestTiming(t *testing.T) {
	for within, want := range map[time.Duration]string{
		20 * time.Second: "1s 8s 8", time.Minute: "3s 23s 8", 90 * time.Second: "4s 34s 9", 5 * time.Minute: "15s 1m55s 8", 20 * time.Hour: "1h0m0s 7h40m0s 8",
	} {
		s := DefaultSettings()
		s.Within = within
		c := s.timing()
		if got := fmt.Sprint(c.Period, c.Objective.AlertFor, c.Objective.RecoverAfter); got != want {
			t.Errorf("within %s: %s, want %s", within, got, want)
		}
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// Whatever letters a name has, the file means it.
func TestProposeForAnyName(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	letters := []rune("ab:#- '\"\\\n\t\r{}[]&*!|>%@`,?~=<$\u0085\u2028\ufeffé漢🙂\x00\x1f\x7f\u202e./()01")
	for range 8 {
		var spans []recordingtest.Span
		var names []string
		for i := range 60 {
			var name strings.Builder
			for range 1 + random.IntN(6) {
				name.WriteRune(letters[random.IntN(len(letters))])
			}
			n, from := name.String(), time.Duration(i)*time.Millisecond
			names = append(names, n)
			spans = append(spans, calls("svc", n, from, time.Minute, 5*time.Second, always(20*time.Millisecond))...)
			spans = append(spans, calls(n, "op", from, time.Minute, 5*time.Second, always(20*time.Millisecond))...)
			spans = append(spans, calls(n, "rare "+n, from, time.Second, 5*time.Second, always(20*time.Millisecond))...)
		}
		_, c := proposed(t, DefaultSettings(), spans)
		for _, n := range names {
			if isKey(n) && (c.Services["svc"].Operations[n].LatencyTarget == 0 || c.Services[n].Operations["op"].LatencyTarget == 0) {
				t.Errorf("%q: no target", n)
			}
		}
	}
}

// Traffic is watched where it comes in.
func TestProposeFloorsWhereTrafficEnters(t *testing.T) {
	var spans []recordingtest.Span
	spans = append(spans, recordingtest.Shop(1, 30, 0, 40*time.Second, time.Hour, 0)...)
	for _, s := range calls("mailer", "orders receive", 0, 40*time.Second, 100*time.Millisecond, always(time.Millisecond)) {
		s.Kind = ptrace.SpanKindConsumer
		spans = append(spans, s)
	}
	spans = append(spans, calls("shop", "slow trickle", 0, 40*time.Second, 600*time.Millisecond, always(time.Millisecond))...)
	spans = append(spans, calls("shop", "slower trickle", 0, 40*time.Second, time.Second, always(time.Millisecond))...)
	text, c := proposed(t, DefaultSettings(), spans)
	got := make(map[string]string)
	for _, s := range c.Services {
		for name, o := range s.Operations {
			if o.MinTraffic != 0 || o.MinTrafficRatio != 0 {
				got[name] = fmt.Sprint(o.MinTraffic, o.MinTrafficRatio)
			}
		}
	}
	want := map[string]string{"POST /orders": "8 0.2", "orders receive": "2 0.2", "slow trickle": "1 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, text)
	}
}

func TestDefaultOperations(t *testing.T) {
	timeline, err := engine.NewTimeline(engine.TimelineConfig{}, recordingtest.Noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := timeline.Config().MaxOperations; got != defaultOperations {
		t.Errorf("%d operations have room, not %d", got, defaultOperations)
	}
}

// What failed now and then in a short recording may go on so; that all of it fails is an outage.
func TestProposeForWhatFailedNowAndThen(t *testing.T) {
	for failed, want := range map[int]float64{0: 0, 1: 0.607, 2: 0.5, 5: 0.5, 10: 0.001, 20: 0.001} {
		spans := calls("shop", "solid", 0, time.Minute, 10*time.Millisecond, always(time.Millisecond))
		for i, s := range calls("shop", "odd", 0, time.Minute, 3*time.Second, always(time.Millisecond)) {
			s.Failed = i < failed
			spans = append(spans, s)
		}
		text, c := proposed(t, DefaultSettings(), spans)
		if got := c.Services["shop"].Operations["odd"].SuccessRatio; got != want {
			t.Errorf("%d of 20: %v, want %v\n%s", failed, got, want, text)
		}
	}
}

// Whatever an operation and a service are called, the file can be read, and means them.
func FuzzProposal(f *testing.F) {
	for _, name := range []string{"GET /${env:HOME}", "a: b # c", "\x1b[31m\u202e", "null", "<<", "key: |\n  y", "Foo::bar", "\xff", "- x\r\n...", ""} {
		f.Add(name, "shop")
		f.Add("GET /", name)
	}
	f.Fuzz(func(t *testing.T, name, service string) {
		name, service = strings.ToValidUTF8(engine.TruncateName(name), "?"), strings.ToValidUTF8(engine.TruncateName(service), "?")
		var spans []recordingtest.Span
		spans = append(spans, calls(service, name, 0, 30*time.Second, time.Second, always(20*time.Millisecond))...)
		spans = append(spans, calls("other", "rare "+name, 0, time.Second, 5*time.Second, always(20*time.Millisecond))...)
		text, c := proposed(t, DefaultSettings(), spans)
		if isKey(name) && isKey(service) && name != "" && service != "" && c.Services[service].Operations[name].LatencyTarget == 0 {
			t.Errorf("%q of %q has no target:\n%s", name, service, text)
		}
		if strings.ContainsAny(text, "\x1b\r\x00\u202e") {
			t.Errorf("not inert: %q", text)
		}
	})
}
