package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/blurooo/go-monitor/v2/engine"
)

// batch is one line and its spans.
type batch struct {
	line  []byte
	where string // its file and number
	spans []engine.Span
	bytes int64 // of the file, up to here
	err   error
	done  chan struct{} // closed when the line was decoded
}

// decoders decode lines on several goroutines, until their context ends.
type decoders struct {
	work  chan *batch
	group sync.WaitGroup
}

func newDecoders(ctx context.Context, decode func(line []byte) ([]engine.Span, error)) *decoders {
	n := runtime.GOMAXPROCS(0)
	d := &decoders{work: make(chan *batch, n)}
	for range n {
		d.group.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case b := <-d.work:
					if b.spans, b.err = decode(b.line); b.err != nil {
						b.err = fmt.Errorf("%s: %w", b.where, b.err)
					}
					b.line = nil
					close(b.done)
				}
			}
		})
	}
	return d
}

// source is one file whose lines are read and decoded ahead of their use.
type source struct {
	lines   *lines
	batches chan *batch // in the order of the lines
	newest  int64       // the latest end of a span so far
}

// read reads all lines, until the context ends.
func (s *source) read(ctx context.Context, d *decoders) {
	defer close(s.batches)
	for {
		line, number, err := s.lines.read()
		if errors.Is(err, io.EOF) {
			return
		}
		b := &batch{line: line, where: fmt.Sprintf("%s:%d", s.lines.name, number), bytes: s.lines.raw.n, done: make(chan struct{})}
		if err != nil {
			b.err = fmt.Errorf("%s: %w", b.where, err)
			close(b.done)
		}
		select {
		case s.batches <- b:
		case <-ctx.Done():
			return
		}
		switch {
		case err == nil:
			select {
			case d.work <- b:
			case <-ctx.Done():
				return
			}
		case !errors.Is(err, errLongLine):
			return
		}
	}
}
