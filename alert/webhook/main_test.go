package webhook

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the incidents of the tests begin.
var start = time.Date(2026, 3, 1, 2, 57, 0, 0, time.UTC)

// incident returns an alert about failures that fires, with three periods of evidence.
func incident() alert.Alert {
	cause := engine.CauseCount{Cause: engine.Cause{Service: "db", SpanKind: engine.SpanKindClient, Operation: "INSERT orders", Code: "23505"}, Count: 9, Share: 0.75}
	a := alert.Alert{
		ID: "3b4b8eea20d13e90d0ba8211990ab19e", Monitor: "http", Service: "shop", Operation: "GET /users/{id}", SpanKind: engine.SpanKindServer,
		Objective: alert.Availability, State: alert.Firing, StartsAt: start, DecidedAt: start.Add(3 * time.Minute),
		Target: 0.95, Actual: 0.7, WorstActual: 0.6, LastActual: 0.7, CausedBy: "0102", Causes: []engine.CauseCount{cause},
	}
	for i := range 3 {
		at := start.Add(time.Duration(i) * time.Minute)
		a.Evidence = append(a.Evidence, engine.Summary{
			Monitor: "http", Service: "shop", Operation: "GET /users/{id}", SpanKind: engine.SpanKindServer, Start: at, End: at.Add(time.Minute),
			Count: 40, Success: 28, Failure: 12, SuccessRatio: 0.7, WithinTarget: 28, WithinTargetRatio: 1,
			Failures: []engine.CodeCount{{Code: "503", Name: "unavailable", Count: 12}},
			FailureExemplars: []engine.Exemplar{{
				Trace: engine.TraceRef{TraceID: [16]byte{1, byte(i)}, SpanID: [8]byte{2}, Sampled: i > 0}, Code: "503", Duration: 1200 * time.Millisecond, End: at,
			}},
			FailureCauses: []engine.CauseCount{cause},
			Objective:     engine.DefaultObjective(),
		})
	}
	return a
}

// recovery returns an alert about latency that is resolved.
func recovery() alert.Alert {
	a := incident()
	a.ID, a.Operation, a.Objective, a.State = "74462568e68f9f5c9d04faedc19691a7", "render_page", alert.Latency, alert.Resolved
	a.EndsAt, a.DecidedAt = start.Add(3*time.Minute), start.Add(6*time.Minute)
	a.Target, a.Actual, a.WorstActual, a.LastActual, a.LatencyTarget = 0.8, 0.99, 0.5, 0.6, 500*time.Millisecond
	a.Causes, a.CausedBy = nil, ""
	return a
}

// named returns an incident in which everything that comes from outside is s.
func named(s string) alert.Alert {
	a := incident()
	a.ID, a.Monitor, a.Service, a.Operation, a.CausedBy, a.WorstExemplar.Code = s, s, s, s, s, s
	cause := engine.CauseCount{Cause: engine.Cause{Service: s, Operation: s, Code: s}, Count: 4, Share: 0.3}
	a.Causes = []engine.CauseCount{cause, cause, cause}
	for i := range a.Evidence {
		e := &a.Evidence[i]
		e.Monitor, e.Service, e.Operation = s, s, s
		e.Failures = []engine.CodeCount{{Code: s, Name: s + s, Count: 12}, {Code: s, Name: s, Count: 1}}
		e.FailureExemplars[0].Code = s
		e.FailureCauses = a.Causes
	}
	return a
}

// hostile are names that mean something to one receiver or another.
func hostile() []string {
	long := make([]byte, 0, 10<<10)
	for len(long) < 10<<10 {
		long = append(long, "<*_`@\x00\""...)
	}
	return []string{
		"a\r\nb\tc\x00\x1b[31m\x07", "<!channel> <!here> <@U123> <#C1> <https://evil|good>", "@all @channel @here <@all> ＠all",
		"[click](http://evil) ![x](http://evil) ](http://evil)", "\u202egnp.exe \u2066x\u2069 \u200b\u2028\ufeff", "\"'`\\ \\\" ${x} {{.}} %s %00",
		"\xff\xfe\xc3(", "<at user_id=\"all\">all</at><at id=all></at>", "```\nout\n```", "*bold* _it_ __b__ ~strike~ `code` **b** snake_case",
		"# h\n> q\n- l\n1. n\n---\n|a|b|", "&lt;!channel&gt; &amp; &#60; &", "<script>alert(1)</script>", string(long),
		string(make([]byte, 5000)), "\U000e0041\U0010ffff\u0301", "日本語🎉", "", " ",
	}
}

var allFormats = []Format{Alertmanager, Slack, Feishu, DingTalk, WeCom, Template}

// configFor returns a valid config for a format.
func configFor(f Format, url string) Config {
	c := Config{URL: url, Format: f}
	if f == Template {
		c.Template = `{"text": {{json .CommonLabels}}, "alerts": [{{range $i, $a := .Alerts}}{{if $i}}, {{end}}{{json (text $a.Alert)}}{{end}}]}`
	}
	return c
}

// bodyOf returns the first body that is posted in a format.
func bodyOf(t testing.TB, f Format, alerts ...alert.Alert) []byte {
	t.Helper()
	return bodiesOfFormat(t, f, alerts...)[0]
}

// bodiesOfFormat returns all bodies that are posted in a format.
func bodiesOfFormat(t testing.TB, f Format, alerts ...alert.Alert) [][]byte {
	t.Helper()
	n := newNotifier(t, configFor(f, "http://127.0.0.1"))
	bodies, err := n.bodies(alerts, start)
	if err != nil {
		t.Fatal(err)
	}
	return bodies
}

// storm returns a notification in which one operation begins to fail, which the given number
// of others depend on, and twelve recover. The most important one comes last.
func storm(dependents int) []alert.Alert {
	var alerts []alert.Alert
	for i := range 12 {
		a := recovery()
		a.ID, a.Operation = fmt.Sprintf("resolved-%02d", i), fmt.Sprintf("GET /a-%02d", i)
		alerts = append(alerts, a)
	}
	for i := range dependents {
		a := incident()
		a.ID, a.Operation, a.CausedBy = fmt.Sprintf("dependent-%02d", i), fmt.Sprintf("GET /b-%02d", i), "root"
		a.Causes = []engine.CauseCount{{Cause: engine.Cause{Service: "payments", SpanKind: engine.SpanKindServer, Operation: "POST /z-payments", Code: "503"}, Count: 36, Share: 1}}
		alerts = append(alerts, a)
	}
	root := incident()
	root.ID, root.Service, root.Operation, root.CausedBy = "root", "payments", "POST /z-payments", ""
	return append(alerts, root)
}

func newNotifier(t testing.TB, c Config) *Notifier {
	t.Helper()
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// serve runs a receiver. Its handler may wait for the end of the request's context.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// notify posts an incident to a receiver.
func notify(t testing.TB, c Config) error {
	t.Helper()
	return newNotifier(t, c).Notify(context.Background(), []alert.Alert{incident()})
}

// golden compares with a file in testdata.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// verdictOf says in one word what an error asks for.
func verdictOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case alert.IsFinal(err):
		return "final"
	case alert.RetryDelay(err) > 0:
		return fmt.Sprintf("after %s", alert.RetryDelay(err))
	}
	return "retry"
}

// privateKey returns the key of a test server's certificate.
func privateKey(t testing.TB, s *httptest.Server) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
