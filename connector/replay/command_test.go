package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// run runs the command and returns what it writes.
func run(t testing.TB, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	c := Command()
	var out, errs bytes.Buffer
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SetArgs(args)
	err = c.ExecuteContext(context.Background())
	return out.String(), errs.String(), err
}

// quick are settings by which the shop's fault fires soon.
const quick = "period: 2s\nobjective: {latency_target: 100ms, alert_after: 2, recover_after: 2}\n"

// shop returns a recording with a fault after 20 s of 40 s.
func shop() []recordingtest.Span {
	return recordingtest.Shop(1, 10, 0, 40*time.Second, 20*time.Second, 300*time.Millisecond)
}

func TestCommand(t *testing.T) {
	config := file(t, "c.yaml", quick)
	name := recordingtest.GzipFile(t, "spans", recordingtest.Lines(t, shop())...)
	out, errs, err := run(t, "", "--config", config, name)
	if err != nil || errs != "" {
		t.Fatal(err, errs)
	}
	for _, want := range []string{
		"\nALERT     GET /stock/{id}  latency: 0 % of successful calls within 100ms (target 80 %)\n  monitor gomonitor, service stock, server spans\n  bad since 2026-06-01 12:00:20 +00:00, 2 periods running:\n",
		"\nALERT     GET  latency: 0 % of successful calls within 100ms (target 80 %), 100 % of slow calls caused by GET /stock/{id} of stock\n",
		"\nREPLAYED  1,",
		"          2026-06-01 12:00:00 to 2026-06-01 12:00:40 UTC, 40",
		"ALERTS    3 fired, 3 of them to the end; the first 23.9s after the beginning\n",
		"          first named cause: GET /stock/{id} of stock\n",
		"  12:00:24  2", "latency    shop     client GET              GET /stock/{id} of stock\n",
		"latency    stock    server GET /stock/{id}  itself\n",
		"JUDGED    4 of 4 operations\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "SELECT stock  latency") || strings.Contains(out, "RESOLVED") {
		t.Error(out)
	}
	if root, caused := strings.Index(out, "ALERT     GET /stock/{id}"), strings.Index(out, "ALERT     GET  "); root > caused {
		t.Error("what is caused comes before its cause")
	}

	brief, _, err := run(t, "", "-c", config, "--brief", name)
	if err != nil || strings.Contains(brief, "ALERT     ") || !strings.HasSuffix(out, brief) {
		t.Errorf("%v, brief:\n%s", err, brief)
	}
	table, _, err := run(t, "", "-c", config, "--brief", "--summaries", name)
	if err != nil || strings.Count(table, "SELECT stock") != 20 || !strings.Contains(table, "\n2026-06-01 12:00:22-12:00:24\n") || !strings.Contains(table, "latency bad\n") {
		t.Errorf("%v, summaries:\n%s", err, table)
	}
	longer, _, err := run(t, "", "-c", config, "--brief", "--period", "30s", name)
	if err != nil || !strings.Contains(longer, "ALERTS    none\n") || !strings.Contains(longer, "2 periods, of which 2 were cut short") ||
		!strings.Contains(longer, "JUDGED    0 of 4 operations\n  never: 4, called only in periods that were cut short\n") {
		t.Errorf("%v, longer periods:\n%s", err, longer)
	}
	plain, _, err := run(t, string(bytes.Join(recordingtest.Lines(t, shop()), []byte("\n"))))
	if err != nil || !strings.Contains(plain, "ALERTS    none") {
		t.Errorf("%v, the default configuration:\n%s", err, plain)
	}
}

func TestCommandJSON(t *testing.T) {
	name := recordingtest.File(t, "spans", recordingtest.Lines(t, shop())...)
	out, _, err := run(t, "", "-c", file(t, "c.yaml", quick), "--json", "--summaries", name)
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	var last struct {
		Verdict struct {
			Episodes   []Episode
			Operations []Operation
			Spans      uint64
			Calls      uint64
		}
	}
	for line := range strings.Lines(out) {
		var one struct {
			Type    string
			Alert   *alert.Alert
			Summary *engine.Summary
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		count[one.Type]++
		if one.Type == "alert" && (one.Alert.State != alert.Firing || len(one.Alert.Evidence) != 2 || one.Alert.DecidedAt.Location() != time.UTC) {
			t.Errorf("%+v", one.Alert)
		}
		if one.Type == "verdict" {
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if count["alert"] != 3 || count["summary"] < 70 || count["verdict"] != 1 || len(count) != 3 {
		t.Errorf("%v", count)
	}
	v := last.Verdict
	if len(v.Episodes) != 3 || v.Episodes[0].RootService != "stock" || v.Episodes[2].RootService != "stock" || len(v.Operations) != 4 || v.Spans != v.Calls || v.Spans != uint64(len(shop())) {
		t.Errorf("%+v", v)
	}
}

// A replay has to be the same, byte for byte, whatever the order of the lines within the grace, and
// whatever the number of files.
func TestCommandIsTheSameWhateverTheOrder(t *testing.T) {
	spans := recordingtest.Shop(3, 8, 0, 30*time.Second, 12*time.Second, 300*time.Millisecond)
	for i := range spans {
		spans[i].Failed = i%7 == 0
	}
	for _, flags := range [][]string{{"--summaries"}, {"--summaries", "--json"}} {
		t.Run(fmt.Sprint(flags), func(t *testing.T) {
			config := file(t, "c.yaml", quick+"grace: 3s\npeer_services: true\n")
			args := append([]string{"-c", config, "--buffer", "1"}, flags...)
			outputOf := func(t testing.TB, files []string) string {
				out, _, err := run(t, "", append(args[:len(args):len(args)], files...)...)
				if err != nil {
					t.Fatal(err)
				}
				// What it says of the number of files aside.
				out = strings.Replace(out, fmt.Sprintf(" in %s:", many(uint64(len(files)), "file")), " in files:", 1)
				return strings.Replace(out, fmt.Sprintf(`"files":%d`, len(files)), `"files":0`, 1)
			}
			want := outputOf(t, recordingtest.Scatter(t, spans, 1, 1, 0))
			if !strings.Contains(want, "stock") {
				t.Fatal(want)
			}
			rapid.Check(t, func(rt *rapid.T) {
				files := recordingtest.Scatter(t, spans, 3*time.Second, rapid.IntRange(1, 4).Draw(rt, "files"), rapid.Uint64().Draw(rt, "seed"))
				if got := outputOf(t, files); got != want {
					rt.Fatalf("another output:\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

func TestCommandNotifiesNobody(t *testing.T) {
	calls := make(chan *http.Request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { calls <- r }))
	defer server.Close()
	store := t.TempDir() + "/store.db"
	config := file(t, "c.yaml", quick+"notifiers: [{webhook: {url: '"+server.URL+"'}}, {console: {}}]\nstores: [{dsn: '"+store+"'}]\n")
	name := recordingtest.File(t, "spans", recordingtest.Lines(t, shop())...)
	out, _, err := run(t, "", "-c", config, name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "ALERTS    3 fired") || len(calls) > 0 {
		t.Errorf("%d calls of the webhook, and\n%s", len(calls), out)
	}
	if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the store was opened: %v", err)
	}
}

func TestCommandErrors(t *testing.T) {
	good := string(recordingtest.Line(t, shop()[0]))
	tests := []struct {
		name  string
		stdin string
		args  []string
		want  string
	}{
		{"nothing", "", nil, "no spans in 0 lines"},
		{"no spans", "{}\n{}\n", nil, "no spans in 2 lines"},
		{"a broken line", good + "\n{\n", nil, "standard input:2: is no OTLP JSON: "},
		{"no such file", "", []string{"/none/at/all"}, "open /none/at/all: no such file"},
		{"no such configuration", good, []string{"-c", "/none/at/all"}, "/none/at/all: "},
		{"a bad configuration", good, []string{"-c", file(t, "c.yaml", "objective: {alert_after: 1000}")}, "objective.alert_after: must be between 1 and 100, got 1000"},
		{"a bad period", good, []string{"--period", "2h"}, "period: must be between 10ms and 1h, got 2h0m0s"},
		{"a bad grace", good, []string{"--grace", "2h"}, "grace: must be above 0s and at most 1h, got 2h0m0s"},
		{"a bad buffer", good, []string{"--buffer", "0"}, "--buffer: must be at least 1, got 0"},
		{"no such flag", good, []string{"--what"}, "unknown flag: --what"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, _, err := run(t, tt.stdin, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || out != "" {
				t.Errorf("error %v, want %q; output %q", err, tt.want, out)
			}
		})
	}
	if out, _, err := run(t, good+"\n{\n", "--skip-bad"); err != nil || !strings.Contains(out, "CAUTION   1 bad line left out, the first: standard input:2: is no OTLP JSON: ") {
		t.Errorf("%v\n%s", err, out)
	}
	internal := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":1,"endTimeUnixNano":"1780315200000000000"}]}]}]}`
	if out, _, err := run(t, internal); err != nil || !strings.Contains(out, "CAUTION   no span has a kind that is watched: add theirs to kinds\nALERTS    none\n") {
		t.Errorf("%v\n%s", err, out)
	}
	full := errors.New("disk full")
	c := Command()
	c.SetIn(strings.NewReader(good))
	c.SetOut(writerFunc(func([]byte) (int, error) { return 0, full }))
	c.SetArgs(nil)
	if err := c.ExecuteContext(context.Background()); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestCommandShowsHostileNamesInert(t *testing.T) {
	const evil = "a\x1b[31m\r\nb\u202ec<script>\x00"
	var spans []recordingtest.Span
	for i := range 40 {
		spans = append(spans,
			recordingtest.Span{Service: evil, Name: evil, Kind: ptrace.SpanKindServer, Trace: uint64(i + 1), ID: 2, Parent: 1, End: time.Duration(i) * time.Second, Took: time.Second, Failed: true},
			recordingtest.Span{Service: evil + "x", Name: evil, Kind: ptrace.SpanKindClient, Trace: uint64(i + 1), ID: 1, End: time.Duration(i) * time.Second, Took: 3 * time.Second, Failed: true},
		)
	}
	spans = append(spans, recordingtest.Span{Service: evil, Name: evil + "2", End: 40 * time.Second})
	out, _, err := run(t, "", "-c", file(t, "c.yaml", quick), "--summaries", recordingtest.File(t, "s", recordingtest.Lines(t, spans)...))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, `a\x1b[31m`) || strings.ContainsAny(out, "\x1b\r\u202e\x00") {
		t.Errorf("%q", out)
	}
}

func TestResultOfWhatResolves(t *testing.T) {
	spans := append(shop(), recordingtest.Shop(2, 10, 40*time.Second, 60*time.Second, time.Hour, 0)...)
	out, _, err := run(t, "", "-c", file(t, "c.yaml", quick), recordingtest.File(t, "s", recordingtest.Lines(t, spans)...))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ALERTS    3 fired, 0 of them to the end", "RESOLVED  GET  latency", "  12:00:24  20s      latency    shop     client GET "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func TestResultOfWhatWasNeverJudged(t *testing.T) {
	call := func(name string, at float64, times int) (spans []recordingtest.Span) {
		for range times {
			spans = append(spans, recordingtest.Span{Service: "s", Name: name, End: time.Duration(at * float64(time.Second)), Took: time.Second})
		}
		return spans
	}
	spans := append(call("first", 0.5, 3), call("seldom", 12, 4)...)
	spans = append(spans, call("unsure", 13, 6)...)
	spans = append(spans, call("often", 14, 50)...)
	spans = append(spans, call("first", 25, 1)...)
	config := file(t, "c.yaml", "period: 10s\nobjective: {min_calls: 5, within_target_ratio: 0.5, latency_target: 2s, success_ratio: 0.5}\noperations: {unsure: {confidence: 0.999, latency_target: 1ms, within_target_ratio: 0.7, success_ratio: 0.9}}")
	for i := range spans {
		spans[i].Failed = spans[i].Name == "unsure" && i%4 == 0
	}
	out, _, err := run(t, "", "-c", config, recordingtest.File(t, "s", recordingtest.Lines(t, spans)...))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"JUDGED    1 of 4 operations\n",
		"  never: 1, called only in periods that were cut short\n    server first of s: 4 calls\n",
		"  never: 1, fewer calls than min_calls asks for\n    server seldom of s: 4 calls, min_calls 5\n",
		"  never: 1, too few calls to be as sure as confidence asks for\n    server unsure of s: 6 calls\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}
