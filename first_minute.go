package monitor

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// place is where a program runs, as far as defaults depend on it.
type place struct {
	stderr io.Writer
	// isTerminal says that a person watches stderr.
	isTerminal bool
	// isTest says that the program is a test binary: a monitor adds nothing to its output but alerts.
	isTest bool
}

// thisPlace returns where this process runs.
func thisPlace() place {
	return place{stderr: os.Stderr, isTerminal: isTerminal(os.Stderr), isTest: flag.Lookup("test.v") != nil}
}

// isTerminal reports whether f is one. The null device, a character device as terminals are,
// is not.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// notifier returns the default notifier.
func (p place) notifier() alert.Notifier {
	if p.isTerminal {
		return alert.Console(p.stderr)
	}
	return alert.Slog(elsewhere(p.stderr))
}

// sinks returns the default sinks. They leave out partial periods, which nobody judges: so a
// program that lives for seconds has nothing but its own output.
func (p place) sinks() []engine.Sink {
	switch {
	case p.isTest:
		return []engine.Sink{}
	case p.isTerminal:
		return []engine.Sink{wholePeriods(engine.Table(p.stderr))}
	}
	return []engine.Sink{wholePeriods(engine.Slog(elsewhere(p.stderr)))}
}

// wholePeriods returns a sink that leaves out partial periods.
func wholePeriods(s engine.Sink) engine.Sink {
	return engine.SinkFunc(func(ctx context.Context, p engine.Period) error {
		if p.Partial {
			return nil
		}
		return s.Consume(ctx, p)
	})
}

// elsewhere returns a logger for programs that nobody watches. It is [slog.Default], whichever that is
// by then. While that is the one of a program that did not choose one, whose lines only people can
// read, it writes JSON lines to w.
func elsewhere(w io.Writer) *slog.Logger { return slog.New(unchosen{slog.NewJSONHandler(w, nil)}) }

// unchosen is the handler of elsewhere.
type unchosen struct{ lines slog.Handler }

func (u unchosen) handler() slog.Handler {
	// The handler that a program begins with is known by nothing but the name of its type.
	if h := slog.Default().Handler(); fmt.Sprintf("%T", h) != "*slog.defaultHandler" {
		return h
	}
	return u.lines
}

func (u unchosen) Enabled(ctx context.Context, l slog.Level) bool { return u.handler().Enabled(ctx, l) }
func (u unchosen) Handle(ctx context.Context, r slog.Record) error {
	return u.handler().Handle(ctx, r)
}
func (u unchosen) WithAttrs(attrs []slog.Attr) slog.Handler { return u.handler().WithAttrs(attrs) }
func (u unchosen) WithGroup(name string) slog.Handler       { return u.handler().WithGroup(name) }

// greeting is what a monitor says on a terminal: what it watches, and a little later whether
// anything came in. Who chose notifiers and sinks knows where to look, and is told nothing.
type greeting struct {
	to                    io.Writer
	monitor               string
	kinds                 []trace.SpanKind
	period                time.Duration
	alertsTo, summariesTo string
	received              func() uint64
}

// say says the first line. It returns what keeps the second one from coming.
func (g greeting) say() (stop func()) {
	watched := "reports made by hand"
	if len(g.kinds) > 0 {
		var kinds []string
		for _, k := range g.kinds {
			kinds = append(kinds, k.String())
		}
		watched = strings.Join(kinds, ", ") + " spans"
	}
	g.line("watches %s and judges them every %s; alerts go to %s, summaries to %s", watched, alert.Exact(g.period), g.alertsTo, g.summariesTo)
	t := time.AfterFunc(min(firstLook, g.period), func() {
		if n := g.received(); n > 0 {
			g.line("%s so far", alert.Counted(n, "call"))
			return
		}
		g.line("no calls so far: is it given to a TracerProvider (WithSpanProcessor), and does anything make %s?", watched)
	})
	return func() { t.Stop() }
}

// firstLook is the time after which a monitor says whether anything came in, if the period is
// not shorter.
const firstLook = 10 * time.Second

// line writes one line.
func (g greeting) line(format string, args ...any) {
	_, _ = fmt.Fprintf(g.to, "monitor %s: %s\n", alert.Printable(g.monitor), fmt.Sprintf(format, args...)) // nobody is left to tell
}

// destinations names where notifiers or sinks send to; nil are the default ones.
func destinations[T any](list []T, what string) string {
	switch {
	case list == nil:
		return "stderr"
	case len(list) == 0:
		return "nobody"
	case len(list) == 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", len(list), what)
}
