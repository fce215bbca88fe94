package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// screen is a terminal.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func onTerminal(s *screen) place { return place{stderr: s, isTerminal: true} }

func mustNewIn(t *testing.T, p place, c Config) *Monitor {
	t.Helper()
	c.Name = "http"
	m, err := newIn(p, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustShutdown(t *testing.T, m *Monitor) {
	t.Helper()
	if err := m.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

const welcome = "monitor http: watches server, client, producer, consumer spans and judges them every 1m; alerts go to stderr, summaries to stderr\n"

// A person sees at once what is watched, soon whether anything came in, and each minute what
// was done.
func TestFirstMinuteOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s screen
		m := mustNewIn(t, onTerminal(&s), Config{})
		if got := s.text(); got != welcome {
			t.Errorf("at first %q", got)
		}
		for range 3 {
			m.Report(Report{Operation: "GET /\x1b[31m\n", Code: "503", Outcome: engine.OutcomeFailure})
			m.Report(Report{Operation: "GET /cart", Duration: 12 * time.Millisecond})
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got, want := s.text(), welcome+"monitor http: 6 calls so far\n"; got != want {
			t.Errorf("after 11 s %q, want %q", got, want)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(s.text(), "\n"), "\n")
		if len(lines) != 5 || !strings.Contains(lines[2], "calls   success") || !strings.HasSuffix(lines[3], `       3       0 %         -   GET /\x1b[31m\x0a: 503 x3`) || !strings.HasSuffix(lines[4], "       3     100 %      12ms   GET /cart") {
			t.Errorf("after a minute\n%s", s.text())
		}
		if strings.ContainsAny(s.text(), "\x1b\r") {
			t.Errorf("%q", s.text())
		}
		mustShutdown(t, m)
	})
}

// If nothing comes in, the likely reasons are named.
func TestNoCallsOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s screen
		m := mustNewIn(t, onTerminal(&s), Config{Kinds: []trace.SpanKind{trace.SpanKindServer}})
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if !strings.Contains(s.text(), "no calls so far: is it given to a TracerProvider (WithSpanProcessor), and does anything make server spans?") {
			t.Errorf("%q", s.text())
		}
		mustShutdown(t, m)
	})
}

// A program that lives for three seconds has one line of the monitor's on its terminal, and none
// elsewhere.
func TestShortLives(t *testing.T) {
	for name, tt := range map[string]struct {
		isTerminal, isTest bool
		want               string
	}{
		"terminal":           {true, false, welcome},
		"elsewhere":          {false, false, ""},
		"test on a terminal": {true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s screen
				before := slog.Default()
				slog.SetDefault(slog.New(slog.NewTextHandler(&s, nil)))
				defer slog.SetDefault(before)
				time.Sleep(time.Second) // off the border of a period
				m := mustNewIn(t, place{stderr: &s, isTerminal: tt.isTerminal, isTest: tt.isTest}, Config{})
				m.Report(Report{Operation: "GET /"})
				time.Sleep(3 * time.Second)
				mustShutdown(t, m)
				if got := s.text(); got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
			})
		})
	}
}

// Where nobody watches, summaries and alerts go where logs go, whichever logger that is by then.
func TestDefaultsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s screen
		before := slog.Default()
		defer slog.SetDefault(before)
		m := mustNewIn(t, place{}, Config{Objective: engine.Objective{AlertAfter: 1, MinCalls: 1, Confidence: -1}})
		slog.SetDefault(slog.New(slog.NewTextHandler(&s, nil)))
		m.Report(Report{Operation: "GET /", Code: "503", Outcome: engine.OutcomeFailure})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		mustShutdown(t, m)
		for _, want := range []string{"level=WARN msg=gomonitor.summary", "level=ERROR msg=\"GET /: 0 % succeed", "event.name=gomonitor.alert.firing"} {
			if !strings.Contains(s.text(), want) {
				t.Errorf("no %q in\n%s", want, s.text())
			}
		}
	})
}

// Who chose where everything goes is told nothing.
func TestNoGreeting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s screen
		m := mustNewIn(t, onTerminal(&s), Config{Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{}})
		time.Sleep(2 * time.Minute)
		mustShutdown(t, m)
		if s.text() != "" {
			t.Errorf("%q", s.text())
		}
	})
}

// Where nobody watches and the program has chosen no logger, each line is JSON that says when, how bad
// and what.
func TestJSONLinesElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s screen
		m := mustNewIn(t, place{stderr: &s}, Config{Objective: engine.Objective{AlertAfter: 1, MinCalls: 1, Confidence: -1}})
		m.Report(Report{Operation: "GET /", Code: "503", Outcome: engine.OutcomeFailure})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		mustShutdown(t, m)
		levels := make(map[string]bool)
		for line := range strings.Lines(s.text()) {
			var got struct {
				Time       time.Time
				Level, Msg string
			}
			if err := json.Unmarshal([]byte(line), &got); err != nil || got.Time.IsZero() || got.Msg == "" {
				t.Errorf("%q: %v", line, err)
			}
			levels[got.Level] = true
			if len(line) > 1200 || strings.Contains(line, "distribution") && strings.Contains(line, "gomonitor.summary") {
				t.Errorf("a line of %d bytes: %s", len(line), line)
			}
		}
		if !levels["WARN"] || !levels["ERROR"] {
			t.Errorf("got\n%s", s.text())
		}
	})
}

func TestDestinations(t *testing.T) {
	for want, got := range map[string]string{
		"stderr": destinations[engine.Sink](nil, "sink"), "nobody": destinations([]engine.Sink{}, "sink"),
		"one sink": destinations(make([]engine.Sink, 1), "sink"), "3 sinks": destinations(make([]engine.Sink, 3), "sink"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
