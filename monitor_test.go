package monitor

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestMain(m *testing.M) {
	if parent := os.Getenv(restartChildEnv); parent != "" {
		if err := restartChild(parent); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// recorder is a sink and a notifier that keeps what it gets.
type recorder struct {
	mu      sync.Mutex
	periods []engine.Period
	alerts  []alert.Alert
}

func (r *recorder) Consume(_ context.Context, p engine.Period) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.periods = append(r.periods, p)
	return nil
}

func (r *recorder) Notify(_ context.Context, alerts []alert.Alert) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alerts = append(r.alerts, alerts...)
	return nil
}

// summaries returns all summaries of an operation, oldest first.
func (r *recorder) summaries(operation string) []engine.Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []engine.Summary
	for _, p := range r.periods {
		for _, s := range p.Summaries {
			if s.Operation == operation {
				out = append(out, s)
			}
		}
	}
	return out
}

// states returns "objective state" of all alerts about an operation, oldest first.
func (r *recorder) states(operation string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, a := range r.alerts {
		if a.Operation == operation {
			out = append(out, a.Objective.String()+" "+a.State.String())
		}
	}
	return out
}

// counted returns the number of reports that all periods together count.
func (r *recorder) counted() (n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.periods {
		for _, s := range p.Summaries {
			n += s.Count + s.Ignored
		}
	}
	return n
}

// record makes the recorder the only sink and notifier of a config.
func (r *recorder) record(c Config) Config {
	c.Sinks, c.Notifiers = []engine.Sink{r}, []alert.Notifier{r}
	return c
}

// start starts a monitor that the end of the test shuts down. If nothing else is said, one call is
// enough for it to judge a period, and the ratio alone decides.
func start(t *testing.T, c Config) *Monitor {
	t.Helper()
	c.Objective = c.Objective.Inherit(engine.Objective{MinCalls: 1, Confidence: -1})
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// catchErrors returns the errors that reach OpenTelemetry's error handler from now on.
func catchErrors(t *testing.T) func() []string {
	t.Helper()
	var mu sync.Mutex
	var got []string
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, err.Error())
	}))
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

// reportMany reports n calls that all end alike.
func reportMany(m *Monitor, n int, r Report) {
	for range n {
		m.Report(r)
	}
}

func TestUserCodeDisturbsNobody(t *testing.T) {
	var hang chan struct{}
	tests := map[string]func(m *Monitor) error{
		"hangs":   func(*Monitor) error { <-hang; return nil },
		"panics":  func(*Monitor) error { panic("mine") },
		"exits":   func(*Monitor) error { runtime.Goexit(); return nil },
		"errs":    func(*Monitor) error { return errors.New("mine") },
		"reports": func(m *Monitor) error { m.Report(Report{Operation: "from user code"}); return nil },
		"sets": func(m *Monitor) error {
			return m.SetObjective("x", engine.Objective{SuccessRatio: 0.5})
		},
		"flushes":    func(m *Monitor) error { return m.ForceFlush(context.Background()) },
		"shuts down": func(m *Monitor) error { return m.Shutdown(context.Background()) },
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			catchErrors(t)
			synctest.Test(t, func(t *testing.T) {
				hang = make(chan struct{})
				var r recorder
				var m *Monitor
				c := r.record(Config{Period: time.Minute, Objective: engine.Objective{AlertAfter: 1}})
				c.Sinks = append([]engine.Sink{engine.SinkFunc(func(context.Context, engine.Period) error { return f(m) })}, c.Sinks...)
				c.Notifiers = append([]alert.Notifier{alert.NotifierFunc(func(context.Context, []alert.Alert) error { return f(m) })}, c.Notifiers...)
				m = start(t, c)
				for range 3 {
					m.Report(Report{Operation: "x", Code: "500"})
					time.Sleep(time.Minute)
					synctest.Wait()
				}
				want := 3
				if name == "shuts down" {
					want = 1
				}
				if got := len(r.summaries("x")); got != want {
					t.Errorf("the other sink got %d summaries, want %d", got, want)
				}
				told := []string{"availability firing"}
				if name == "shuts down" {
					told = append(told, "availability interrupted")
				}
				if got := r.states("x"); !slices.Equal(got, told) {
					t.Errorf("the other notifier got %q", got)
				}
				if name == "hangs" {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					defer cancel()
					if err := m.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("Shutdown = %v, want an error about the deadline", err)
					} else if !strings.Contains(err.Error(), "left undelivered") {
						t.Errorf("Shutdown = %v, want it to say what was left", err)
					}
					close(hang)
				}
			})
		})
	}
}

func TestFlushDeliversWhatIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c := r.record(Config{})
		slow := make(chan struct{})
		c.Sinks = append(c.Sinks, engine.SinkFunc(func(context.Context, engine.Period) error { <-slow; return nil }))
		m := start(t, c)
		m.Report(Report{Operation: "x"})
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := m.ForceFlush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ForceFlush with a slow sink = %v, want DeadlineExceeded", err)
		}
		close(slow)
		m.Report(Report{Operation: "x"})
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Error(err)
		}
		if got := len(r.summaries("x")); got != 1 {
			t.Errorf("%d summaries after ForceFlush, want 1: it delivers what is closed and closes nothing", got)
		}
		if got := m.Stats().Counted; got != 2 {
			t.Errorf("%d reports counted after ForceFlush, want 2", got)
		}
	})
}

func TestShutdownLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		m := start(t, r.record(Config{}))
		reportMany(m, 1000, Report{Operation: "x"})
		for range 2 { // the second one has nothing to do
			if err := m.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.counted(); got != 1000 {
			t.Errorf("%d of 1000 reports delivered", got)
		}
		if last := r.periods[len(r.periods)-1]; !last.Partial {
			t.Error("the last period is not marked as partial")
		}
		if m.Report(Report{Operation: "late"}) {
			t.Error("a report after Shutdown was taken")
		}
		if s := m.Stats(); s.DroppedShutdown != 1 || s.Received() != 1001 {
			t.Errorf("stats after Shutdown: %+v", s)
		}
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Errorf("ForceFlush after Shutdown: %v", err)
		}
	})
}

func TestSlowSinkLosesOldestPeriods(t *testing.T) {
	catchErrors(t)
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		block := make(chan struct{})
		m := start(t, Config{Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{engine.SinkFunc(func(ctx context.Context, p engine.Period) error {
			<-block
			return r.Consume(ctx, p)
		})}})
		const pendingPeriods = 16 // that wait for a sink, in package delivery
		const periods = pendingPeriods + 11
		for range periods {
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		close(block)
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		// One is being consumed while the others wait.
		if got := m.Stats().UndeliveredPeriods; got != 10 {
			t.Errorf("%d periods undelivered, want 10", got)
		}
		if got := len(r.periods); got != pendingPeriods+1 {
			t.Fatalf("%d periods delivered, want %d", got, pendingPeriods+1)
		}
		if got := r.periods[1].Start.Sub(r.periods[0].Start); got != 11*time.Minute {
			t.Errorf("the gap is %s, want the oldest waiting periods gone", got)
		}
	})
}

func TestErrorsAreHandledOncePerPeriod(t *testing.T) {
	got := catchErrors(t)
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{Name: "m", Sinks: []engine.Sink{}, Notifiers: []alert.Notifier{}})
		for range 5 {
			m.errors.HandleOnce("filter", errors.New("filter: panic: mine"))
			m.errors.HandleOnce("classify", errors.New("classify: panic: mine"))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		m.errors.HandleOnce("filter", errors.New("filter: panic: mine"))
		synctest.Wait()
		want := []string{`monitor "m": filter: panic: mine`, `monitor "m": classify: panic: mine`, `monitor "m": filter: panic: mine`}
		if !slices.Equal(got(), want) {
			t.Errorf("errors handled: %q, want %q", got(), want)
		}
	})
}

func TestErrorHandlerMayCallBack(t *testing.T) {
	catchErrors(t) // for its cleanup
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{Sinks: []engine.Sink{}, Notifiers: []alert.Notifier{}})
		done := make(chan error, 1)
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { done <- m.Shutdown(context.Background()) }))
		m.errors.Handle(errors.New("mine"))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestDisabled(t *testing.T) {
	for _, v := range []string{"true", "TRUE", "True"} {
		t.Setenv("OTEL_SDK_DISABLED", v)
		var r recorder
		m := start(t, r.record(Config{}))
		if m.Report(Report{Operation: "x"}) {
			t.Errorf("%s: a disabled monitor took a report", v)
		}
		m.OnEnd(serverSpan())
		m.OnStart(context.Background(), nil)
		if err := errors.Join(
			m.ForceFlush(context.Background()),
			m.SetObjective("x", engine.Objective{}),
			m.Exporter().ExportSpans(context.Background(), nil),
			m.Shutdown(context.Background()),
		); err != nil {
			t.Error(err)
		}
		if m.SetObjective("x", engine.Objective{AlertAfter: -1}) == nil {
			t.Errorf("%s: a disabled monitor took a bad objective", v)
		}
		if len(r.periods) != 0 || m.Stats() != (Stats{}) {
			t.Errorf("%s: a disabled monitor did something", v)
		}
	}
	t.Setenv("OTEL_SDK_DISABLED", "1") // only "true" means true
	if m := start(t, Config{Sinks: []engine.Sink{}}); !m.Report(Report{Operation: "x"}) {
		t.Error("OTEL_SDK_DISABLED=1 disabled the monitor")
	}
}

// The program's own stdout belongs to the program.
func TestDefaultsLeaveStdoutAlone(t *testing.T) {
	stdout, stderr := os.Stdout, os.Stderr
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // a temporary file
	os.Stdout, os.Stderr = out, out
	logger := slog.Default()
	defer slog.SetDefault(logger)
	var logs bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&logs, nil)))
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{})
		for range 3 {
			m.Report(Report{Operation: "render", Code: "500"})
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if text := read(t, out.Name()); text != "" {
		t.Errorf("stdout and stderr have %q", text)
	}
	if text := logs.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "render") {
		t.Errorf("the logs have no alert:\n%s", text)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What sinks and notifiers did not take shows in the next period.
func TestPeriodsReportWhatWasUndelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catchErrors(t)
		var r recorder
		c := r.record(Config{Objective: engine.Objective{AlertAfter: 1, RecoverAfter: 1}, Delivery: delivery.Config{MaxAttempts: 2, InitialInterval: time.Second}})
		c.Sinks = append(c.Sinks, engine.SinkFunc(func(context.Context, engine.Period) error { return errors.New("full") }))
		c.Notifiers = append(c.Notifiers, alert.NotifierFunc(func(context.Context, []alert.Alert) error { return errors.New("down") }))
		m := start(t, c)
		for range 4 {
			nextMinute()
			reportMany(m, 1, Report{Operation: "a", Code: "500"})
		}
		nextMinute()
		if err := m.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		var periods, notifications []uint64
		for _, p := range r.periods {
			periods, notifications = append(periods, p.UndeliveredPeriods), append(notifications, p.UndeliveredNotifications)
		}
		// The alert fires at the end of the second period, is tried twice, and is missed in the third.
		if !slices.Equal(periods, []uint64{0, 1, 1, 1, 1}) || !slices.Equal(notifications, []uint64{0, 0, 1, 0, 0}) {
			t.Errorf("undelivered periods %v and notifications %v", periods, notifications)
		}
	})
}

// A monitor on two providers ends with the first of them, and says so.
func TestTwoProvidersOneShutsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := catchErrors(t)
		m := start(t, Config{Name: "shared", Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{}})
		first := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		second := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		if err := first.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, span := second.Tracer("test").Start(context.Background(), "GET", trace.WithSpanKind(trace.SpanKindServer))
			span.End()
		}
		synctest.Wait()
		if got := told(); len(got) != 1 || !strings.Contains(got[0], `monitor "shared": spans still end after its Shutdown`) {
			t.Errorf("told %q", got)
		}
		if n := m.Stats().DroppedShutdown; n != 3 {
			t.Errorf("%d reports are counted as dropped, want 3", n)
		}
	})
}
