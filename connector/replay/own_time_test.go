package replay

import (
	"cmp"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/engine"
)

// recordings returns recordings of real systems, or skips the test.
func recordings(t *testing.T) (files []string) {
	t.Helper()
	for _, base := range []string{"../../shared", "../../../shared"} {
		for _, dir := range []string{"traces", "traces-ob"} {
			found, err := filepath.Glob(filepath.Join(base, dir, "*.jsonl.gz"))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, found...)
		}
	}
	if len(files) == 0 {
		t.Skip("no recordings: the folder shared/traces is missing")
	}
	if testing.Short() {
		files = files[:1]
	}
	return files
}

// spanKey is a span in its trace.
type spanKey struct {
	trace [16]byte
	span  [8]byte
}

// ownTimesOf takes the calls of a whole recording apart. It is the plain definition: spans that are
// not watched are skipped, a server's own time is its time without the union of its children's, cut
// to its own, and an edge is a client's time less that of its server. A client's call that has other
// children, but no server, is left out: skipped counts these by operation.
func ownTimesOf(spans []engine.Span) (own map[engine.Part][]time.Duration, skipped map[engine.Part]int) {
	byID := make(map[spanKey]*engine.Span)
	for i := range spans {
		byID[spanKey{spans[i].Link.Trace, spans[i].Link.Span}] = &spans[i]
	}
	children := make(map[spanKey][]*engine.Span)
	for i := range spans {
		s := &spans[i]
		if s.Unwatched {
			continue
		}
		parent := byID[spanKey{s.Link.Trace, s.Link.Parent}]
		for range 50 {
			if parent == nil || !parent.Unwatched {
				break
			}
			parent = byID[spanKey{s.Link.Trace, parent.Link.Parent}]
		}
		if parent != nil && !parent.Unwatched {
			key := spanKey{s.Link.Trace, parent.Link.Span}
			children[key] = append(children[key], s)
		}
	}
	own, skipped = make(map[engine.Part][]time.Duration), make(map[engine.Part]int)
	for i := range spans {
		s := &spans[i]
		if s.Unwatched || s.Outcome == engine.OutcomeIgnored {
			continue
		}
		below := children[spanKey{s.Link.Trace, s.Link.Span}]
		part := engine.Part{OperationKey: engine.OperationKey{Service: s.Service, SpanKind: s.SpanKind, Name: s.Operation}}
		d := s.Duration
		switch s.SpanKind {
		case engine.SpanKindServer, engine.SpanKindConsumer:
			d -= covered(s, below)
		default:
			part.Kind = engine.PartRemote
			i := slices.IndexFunc(below, func(c *engine.Span) bool { return c.SpanKind == engine.SpanKindServer })
			if i < 0 && len(below) > 0 {
				skipped[part]++
				continue
			}
			if i >= 0 {
				server := below[i]
				part.Kind = engine.PartEdge
				part.Peer = engine.OperationKey{Service: server.Service, SpanKind: server.SpanKind, Name: server.Operation}
				d -= server.Duration
			}
		}
		own[part] = append(own[part], max(0, d))
	}
	return own, skipped
}

// covered returns how much of a call's time its children took.
func covered(s *engine.Span, below []*engine.Span) (total time.Duration) {
	start := func(s *engine.Span) int64 { return s.End - int64(s.Duration) }
	below = slices.SortedFunc(slices.Values(below), func(a, b *engine.Span) int { return cmp.Compare(start(a), start(b)) })
	reached := start(s)
	for _, c := range below {
		from, to := max(start(c), reached), min(c.End, s.End)
		if to > from {
			total += time.Duration(to - from)
			reached = to
		}
	}
	return total
}

// slicedParts plays spans through a timeline and returns the times of all slices by part.
func slicedParts(t *testing.T, c engine.TimelineConfig, spans []engine.Span) map[engine.Part][]engine.TimeCount {
	t.Helper()
	line, err := engine.NewTimeline(c, time.Unix(0, spans[0].End))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[engine.Part][]engine.TimeCount)
	line.Sliced(func(s *engine.Slice) {
		for _, p := range s.Parts {
			got[p.Part] = append(got[p.Part], p.Times...)
		}
	})
	closed := func(*engine.Period) {}
	for i := range spans {
		line.Advance(time.Unix(0, spans[i].End), nil, closed)
		line.Add(&spans[i])
	}
	line.Close(nil, closed)
	return got
}

// The timeline's own times of recorded calls are those of the plain definition, in number and in
// size, within the width of the buckets.
func TestOwnTimesOfRecordings(t *testing.T) {
	var c gomonitorconnector.Config
	reader, err := gomonitorconnector.NewSpanReader(&c)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range recordings(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if _, err := os.Stat(file); err != nil {
				t.Fatal(err)
			}
			var spans []engine.Span
			player := recording.Player{Files: []string{file}, Grace: time.Minute, Reader: reader}
			if _, err := player.Play(context.Background(), func(s *engine.Span) { spans = append(spans, *s) }); err != nil {
				t.Fatal(err)
			}
			want, skipped := ownTimesOf(spans)
			timing := c.Timeline()
			timing.RecentSpans = len(spans)
			// With the default grace nearly all is there in time.
			off, calls := compareParts(t, want, skipped, slicedParts(t, timing, spans), false)
			t.Logf("%d spans, %d calls in %d parts; with the default grace %d differ", len(spans), calls, len(want), off)
			if off > calls/1000 {
				t.Errorf("with the default grace %d of %d calls differ", off, calls)
			}
			timing.Grace, timing.Settle = time.Hour, time.Hour
			compareParts(t, want, skipped, slicedParts(t, timing, spans), true)
		})
	}
}

// compareParts returns how many calls differ, of how many.
func compareParts(t *testing.T, want map[engine.Part][]time.Duration, skipped map[engine.Part]int, got map[engine.Part][]engine.TimeCount, exact bool) (off, calls int) {
	t.Helper()
	for part := range maps.Keys(got) {
		if _, ok := want[part]; !ok && skipped[part] == 0 {
			t.Errorf("%v is no part", part)
		}
	}
	for part, durations := range want {
		if skipped[part] > 0 { // the timeline counts these, too
			continue
		}
		slices.Sort(durations)
		var times []time.Duration
		slices.SortFunc(got[part], func(a, b engine.TimeCount) int { return cmp.Compare(a.Duration, b.Duration) })
		for _, c := range got[part] {
			times = append(times, slices.Repeat([]time.Duration{c.Duration}, int(c.Count))...)
		}
		calls += len(durations)
		if len(times) != len(durations) {
			off += max(len(times)-len(durations), len(durations)-len(times))
			if exact {
				t.Errorf("%v: %d times, want %d", part, len(times), len(durations))
			}
			continue
		}
		for i, d := range durations {
			if near := times[i] >= d*977/1000 && times[i] <= d*1023/1000 || max(times[i], d) < time.Microsecond; !near {
				off++
				if exact {
					t.Errorf("%v: the %d. of %d times is %s, want %s", part, i+1, len(durations), times[i], d)
				}
			}
		}
	}
	return off, calls
}

// A process alone, which sees the spans of its own service, measures the same own times of servers, but
// where a child, or a span in between, ends after the server: at its end it is not known.
func TestOwnTimesOfRecordingsInOneProcess(t *testing.T) {
	var c gomonitorconnector.Config
	reader, err := gomonitorconnector.NewSpanReader(&c)
	if err != nil {
		t.Fatal(err)
	}
	calls, off, late := 0, 0, 0
	for _, file := range recordings(t) {
		var spans []engine.Span
		player := recording.Player{Files: []string{file}, Grace: time.Minute, Reader: reader}
		if _, err := player.Play(context.Background(), func(s *engine.Span) { spans = append(spans, *s) }); err != nil {
			t.Fatal(err)
		}
		n, o, l := inOneProcess(t, spans)
		calls, off, late = calls+n, off+o, late+l
	}
	t.Logf("of %d calls of servers, %d differ since they end before some span within them, and %d of the others", calls, late, off)
	if off > calls/1000 {
		t.Errorf("%d of %d differ", off, calls)
	}
}

// inOneProcess ends the spans of each service in an engine of its own. It returns how many calls of
// servers there are, of how many the own time differs, and of how many more since some span within
// them ends after them.
func inOneProcess(t *testing.T, spans []engine.Span) (calls, off, late int) {
	t.Helper()
	services := make(map[spanKey]string)
	engines := make(map[string]*engine.Engine)
	seen := make(map[spanKey]bool)
	once := spans[:0:0]
	for i := range spans { // recordings have some spans twice, a process has not
		s := &spans[i]
		key := spanKey{s.Link.Trace, s.Link.Span}
		if seen[key] {
			continue
		}
		seen[key] = true
		services[key] = s.Service
		once = append(once, *s)
		if engines[s.Service] == nil {
			e, err := engine.New(engine.Config{Period: time.Hour}, engine.Hooks{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Shutdown(context.Background()) //nolint:errcheck // it can't fail without a deadline
			engines[s.Service] = e
		}
	}
	below, isLate := localChildren(once, services)
	for i := range once {
		s := &once[i]
		e, key := engines[s.Service], spanKey{s.Link.Trace, s.Link.Span}
		l := s.Link
		l.RemoteParent = services[spanKey{l.Trace, l.Parent}] != s.Service
		if s.Unwatched {
			if e.HasCovered(l.Span) {
				e.PassCovered(&l)
			}
			continue
		}
		got, _ := e.Covered(&l, s.SpanKind, s.End-int64(s.Duration), s.Duration)
		if s.SpanKind != engine.SpanKindServer {
			continue
		}
		calls++
		want := covered(s, below[key])
		switch differs := max(got-want, want-got) > time.Microsecond; {
		case differs && isLate[key]:
			late++
		case differs:
			off++
		}
	}
	return calls, off, late
}

// localChildren returns the children of each span in its own service, and whether one of them, or a
// span in between, ends after it.
func localChildren(spans []engine.Span, services map[spanKey]string) (children map[spanKey][]*engine.Span, isLate map[spanKey]bool) {
	byID := make(map[spanKey]*engine.Span)
	for i := range spans {
		byID[spanKey{spans[i].Link.Trace, spans[i].Link.Span}] = &spans[i]
	}
	children, isLate = make(map[spanKey][]*engine.Span), make(map[spanKey]bool)
	for i := range spans {
		s := &spans[i]
		key := spanKey{s.Link.Trace, s.Link.Parent}
		for range 50 {
			parent := byID[key]
			if parent == nil || !parent.Unwatched || services[key] != s.Service {
				break
			}
			key = spanKey{s.Link.Trace, parent.Link.Parent}
		}
		parent := byID[key]
		if parent == nil || parent.Unwatched || services[key] != s.Service {
			continue
		}
		isLate[key] = isLate[key] || s.End > parent.End
		if !s.Unwatched && s.SpanKind != engine.SpanKindConsumer {
			children[key] = append(children[key], s)
		}
	}
	return children, isLate
}
