package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
)

// Without arguments it says where it listens, and its own words for the shell report a
// first call.
func TestWithoutArguments(t *testing.T) {
	t.Parallel()
	shell := program(t, "sh", "dash")
	program(t, "curl", "curl")
	a := newAddresses(t)
	p := startDefault(t, a)
	said := p.out.String()
	for _, want := range []string{
		"  page             http://" + a.page + "/\n",
		"  spans by gRPC    " + a.grpc + "\n",
		"  spans by HTTP    http://" + a.http + "/v1/traces\n",
		"  judged every     1m\n",
		"  alerts go to     console\n",
		"  database         " + a.database + "\n",
		"  metrics          http://" + a.metrics + "/metrics\n",
		"  health           http://" + a.health + "/\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it doesn't say %q", want)
		}
	}
	_, line, _ := strings.Cut(said, "\nT=")
	line, _, _ = strings.Cut(line, "\n")
	out, err := exec.Command(shell, "-c", "T="+line).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "partialSuccess") {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, "the page answers", func() error { return has("http://"+a.page+"/api/v1/status", `"monitor":"gomonitor"`) })
	resp, err := http.Get("http://" + a.health)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("health: %v %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	if err := p.stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if p.out.String() != said {
		t.Errorf("it isn't quiet: %s", strings.TrimPrefix(p.out.String(), said))
	}
	list := summaries(t, a.database, "GET /cart")
	if len(list) != 1 || list[0].Failure != 1 || list[0].Failures[0].Code != "503" {
		t.Errorf("the database has %+v", list)
	}
}

// It may be told to end as soon as it is ready.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		if err := startDefault(t, newAddresses(t)).stop(); err != nil {
			t.Fatalf("ended with %v", err)
		}
	}
}

// A second one says whom it is in the way of, in one line.
func TestAddressInUse(t *testing.T) {
	t.Parallel()
	a := newAddresses(t)
	startDefault(t, a)
	b := newAddresses(t)
	b.http = a.http
	c := exec.Command(mustBinary(t))
	c.Dir, c.Env = t.TempDir(), append(os.Environ(), b.env()...)
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), a.http+": bind: address already in use") {
		t.Errorf("it said %s (%v)", out, err)
	}
	if n := strings.Count(string(out), "\n"); n > 3 {
		t.Errorf("it said %d lines:\n%s", n, out)
	}
}

func TestWelcomeText(t *testing.T) {
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	effective := confmap.NewFromStringMap(map[string]any{
		"receivers": map[string]any{"otlp/a": map[string]any{"protocols": map[string]any{
			"http": map[string]any{"endpoint": "0.0.0.0:4318", "traces_url_path": "/v1/traces"},
		}}},
		"exporters":  map[string]any{"prometheus": map[string]any{"endpoint": ":8889"}},
		"extensions": map[string]any{"health_check": map[string]any{"http": map[string]any{"endpoint": "[::]:13133", "status": map[string]any{"path": "/up"}}}, "gomonitor": map[string]any{"endpoint": "localhost:8890"}},
		"service": map[string]any{
			"extensions": []any{"health_check", "gomonitor"},
			"pipelines": map[string]any{
				"traces":  map[string]any{"receivers": []any{"otlp/a"}, "exporters": []any{"gomonitor/x"}},
				"metrics": map[string]any{"receivers": []any{"gomonitor/x"}, "exporters": []any{"prometheus"}},
			},
		},
	})
	connectors := confmap.NewFromStringMap(map[string]any{"gomonitor/x": map[string]any{
		"period":    "10s",
		"notifiers": []any{map[string]any{"console": nil}, map[string]any{"mail": map[string]any{}}, map[string]any{"webhook": map[string]any{"url": "https://secret.example"}}},
		"stores": []any{
			map[string]any{}, map[string]any{"dsn": "file:/var/lib/m.db?_pragma=x"},
			map[string]any{"dsn": "postgres://me:secret@db.example:5432/monitor?sslmode=disable"},
		},
	}})
	got := welcomeText("v1", effective, connectors)
	want := `
go-monitor v1 is ready.

  page             http://localhost:8890/
  spans by HTTP    http://127.0.0.1:4318/v1/traces
  judged every     10s
  alerts go to     console, mail, webhook
  database         ` + here + `/go-monitor.db
  database         /var/lib/m.db
  database         PostgreSQL, db.example:5432/monitor
  metrics          http://127.0.0.1:8889/metrics
  health           http://127.0.0.1:13133/up

Report a first call, one that failed:
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
