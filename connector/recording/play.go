package recording

import (
	"context"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Player plays recorded spans in the order in which the calls ended.
//
// The lines of each file must be nearly in that order, as they are if they were written when the
// calls ended. A line may be late by Grace, or by as much as Buffer spans can make up for. A span
// that is later still is counted and played at once. Several files are merged by the times of
// their spans. So neither the order of the files nor, within the grace, that of the lines
// changes what is played.
type Player struct {
	// Files are the names of the files. "-" is standard input, and so is an empty list.
	Files []string
	// Stdin is the standard input.
	Stdin io.Reader
	// Grace is how late a span may come, by the spans' own times.
	Grace time.Duration
	// Buffer is the number of spans that are held back to bring them into order; it is more if
	// more spans lie within the grace. Default 524,288, which take about 260 MB: recordings with
	// fewer spans may be in any order.
	Buffer int
	// SkipBad counts and leaves out lines that are not OTLP JSON. Without it the first of them is
	// an error.
	SkipBad bool
	// Reader reads the spans of one line, or of one message.
	Reader Reader
	// Keep, if it is not nil, says which spans are played.
	Keep func(*engine.Span) bool
	// Progress, if it is not nil, is called after each line, on the goroutine that plays.
	Progress func(Stats)
}

// Reader reads messages of OTLP, and appends their spans. The connector's SpanReader is one.
type Reader interface {
	ReadJSON(to []engine.Span, message []byte) ([]engine.Span, error)
	ReadProtobuf(to []engine.Span, message []byte) ([]engine.Span, error)
}

// latest is the latest time at which a call can have ended, in Unix nanoseconds: the end of the year 2100.
const latest = 4133980799 * int64(time.Second)

// DefaultBuffer is the default of [Player.Buffer].
const DefaultBuffer = 1 << 19

// Stats says what was read.
type Stats struct {
	// Files is the number of files. Bytes is how much of them was read, and Size is their
	// length, 0 if it is not known.
	Files       int
	Bytes, Size int64
	// Lines is the number of lines, Spans the number of spans in them.
	Lines, Spans uint64
	// Unended is the number of spans that were left out because they have no end, or one after
	// the year 2100.
	Unended uint64
	// Late is the number of spans that came too late to be put into order.
	Late uint64
	// Bad is the number of lines that were left out. FirstBad is the error of the first of them.
	Bad      uint64
	FirstBad error
}

// Play calls each for every span, on the caller's goroutine.
func (p *Player) Play(ctx context.Context, each func(*engine.Span)) (Stats, error) {
	stats := Stats{}
	ctx, cancel := context.WithCancel(ctx)
	decoders := newDecoders(ctx, p.Reader)
	var sources []*source
	var readers sync.WaitGroup
	defer func() {
		cancel()
		for _, s := range sources {
			_ = s.lines.close() // it was only read; a pending read returns an error
		}
		readers.Wait()
		decoders.group.Wait()
	}()
	files := p.Files
	if len(files) == 0 {
		files = []string{stdinName}
	}
	isSized := true
	for _, name := range files {
		lines, err := openLines(name, p.Stdin)
		if err != nil {
			return stats, err
		}
		s := &source{lines: lines, batches: make(chan *batch, 2*runtime.GOMAXPROCS(0)), newest: math.MinInt64}
		sources = append(sources, s)
		stats.Files++
		stats.Size += lines.size
		isSized = isSized && lines.size > 0
		if name == stdinName {
			go s.read(ctx, decoders) // nobody waits for it: standard input may never end
		} else {
			readers.Go(func() { s.read(ctx, decoders) })
		}
	}
	if !isSized {
		stats.Size = 0
	}
	err := p.play(ctx, sources, &stats, each)
	return stats, err
}

// play merges the sources and plays their spans in order.
func (p *Player) play(ctx context.Context, sources []*source, stats *Stats, each func(*engine.Span)) error {
	var order order
	buffer := p.Buffer
	if buffer == 0 {
		buffer = DefaultBuffer
	}
	read := make([]int64, len(sources)) // the bytes of each source
	open := make([]int, len(sources))
	for i := range sources {
		open[i] = i
	}
	for len(open) > 0 {
		// Read from the source that is furthest behind: up to its newest span, all is there.
		at := slices.MinFunc(open, func(i, j int) int {
			switch a, b := sources[i], sources[j]; {
			case a.newest < b.newest:
				return -1
			case a.newest > b.newest:
				return 1
			}
			return 0
		})
		s := sources[at]
		b, ok := s.next(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !ok {
			open = slices.DeleteFunc(open, func(i int) bool { return i == at })
		} else {
			stats.Lines++
			stats.Bytes += b.bytes - read[at]
			read[at] = b.bytes
			if err := p.take(s, b, &order, stats); err != nil {
				return err
			}
		}
		until := int64(math.MaxInt64)
		for _, i := range open {
			until = min(until, sources[i].newest)
		}
		if len(open) > 0 {
			until = max(until, math.MinInt64+int64(p.Grace)) - int64(p.Grace)
		}
		order.release(until, buffer, each)
		stats.Late = order.late
		if p.Progress != nil {
			p.Progress(*stats)
		}
	}
	order.releaseAll(each)
	return nil
}

// take puts the spans of a line into the order.
func (p *Player) take(s *source, b *batch, order *order, stats *Stats) error {
	if b.err != nil {
		if !p.SkipBad {
			return b.err
		}
		stats.Bad++
		if stats.FirstBad == nil {
			stats.FirstBad = b.err
		}
		return nil
	}
	stats.Spans += uint64(len(b.spans))
	for i := range b.spans {
		span := &b.spans[i]
		if span.End <= 0 || span.End > latest {
			stats.Unended++
			continue
		}
		if p.Keep != nil && !p.Keep(span) {
			continue
		}
		order.add(span)
		s.newest = max(s.newest, span.End)
	}
	return nil
}

// next returns the next line of a source, decoded. It returns false after the last one.
func (s *source) next(ctx context.Context) (*batch, bool) {
	select {
	case b, ok := <-s.batches:
		if !ok {
			return nil, false
		}
		select {
		case <-b.done:
			return b, true
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return nil, false
}
