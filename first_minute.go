package monitor

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
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
	return alert.Slog(nil)
}

// sinks returns the default sinks. They leave out partial periods, which nobody judges: so a
// program that lives for seconds has nothing but its own output.
func (p place) sinks() []engine.Sink {
	switch {
	case p.isTest:
		return []engine.Sink{}
	case p.isTerminal:
		return []engine.Sink{wholePeriods(readable(p.stderr))}
	}
	return []engine.Sink{wholePeriods(engine.Slog(nil))}
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

// maxReadable is the number of operations that a person is shown each period.
const maxReadable = 20

// readable returns a sink that writes a line for each operation that was called, the worst
// first, with one call of Write for each period.
func readable(w io.Writer) engine.Sink {
	return engine.SinkFunc(func(_ context.Context, p engine.Period) error {
		var called []*engine.Summary
		for i := range p.Summaries {
			if s := &p.Summaries[i]; s.Count > 0 || s.InFlight > 0 {
				called = append(called, s)
			}
		}
		slices.SortStableFunc(called, func(a, b *engine.Summary) int {
			return cmp.Or(cmp.Compare(a.SuccessRatio, b.SuccessRatio), cmp.Compare(a.WithinTargetRatio, b.WithinTargetRatio), cmp.Compare(b.Count, a.Count))
		})
		var b strings.Builder
		for i, s := range called {
			if i == maxReadable {
				fmt.Fprintf(&b, "%s  and %d operations more\n", p.End.Format(time.TimeOnly), len(called)-i)
				break
			}
			fmt.Fprintf(&b, "%s  %s\n", p.End.Format(time.TimeOnly), summaryText(s))
		}
		if b.Len() == 0 {
			return nil
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// summaryText writes a summary in one printable line.
func summaryText(s *engine.Summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", alert.Printable(s.Operation), s.SpanKind, alert.Counted(s.Count, "call"))
	if s.Success+s.Failure > 0 {
		fmt.Fprintf(&b, ", %s succeed", alert.Percent(s.SuccessRatio))
	}
	if codes := alert.CodesText(s.Failures); codes != "" {
		fmt.Fprintf(&b, ": %s", codes)
	}
	if s.Success > 0 {
		fmt.Fprintf(&b, ", p50 %s, p99 %s", alert.Rounded(s.Latency.P50), alert.Rounded(s.Latency.P99))
	}
	if s.InFlight > 0 {
		fmt.Fprintf(&b, ", %d in flight", s.InFlight)
	}
	return b.String()
}

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
