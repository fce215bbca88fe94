package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/blurooo/go-monitor/v2/engine"
)

// batch is one line and its spans.
type batch struct {
	line  []byte
	where string // its file and number
	// isFramed says that it is a message of a file that has its length before each.
	isFramed bool
	spans    []engine.Span
	bytes    int64 // of the file, up to here
	err      error
	done     chan struct{} // closed when the line was decoded
}

// decoders decode lines on several goroutines, until their context ends.
type decoders struct {
	work  chan *batch
	group sync.WaitGroup
}

func newDecoders(ctx context.Context, r Reader) *decoders {
	n := runtime.GOMAXPROCS(0)
	d := &decoders{work: make(chan *batch, n)}
	for range n {
		d.group.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case b := <-d.work:
					if b.spans, b.err = decode(r, b.line, b.isFramed); b.err != nil {
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

// decode returns the spans of a line, or of a message of a file that has its length before each.
func decode(r Reader, message []byte, isFramed bool) (spans []engine.Span, err error) {
	encoding, read := "JSON", r.ReadJSON
	if isFramed {
		if message, err = decompress(message); err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(message, []byte{'{'}) {
			encoding, read = "protobuf", r.ReadProtobuf
		}
	}
	if spans, err = read(nil, message); err != nil {
		return nil, fmt.Errorf("is no OTLP %s: %w", encoding, err)
	}
	return spans, nil
}

// zstdMagic is how what is compressed by zstd begins.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// decompress returns a message as it was before the file exporter compressed it, if it did.
func decompress(message []byte) ([]byte, error) {
	if !bytes.HasPrefix(message, zstdMagic) {
		return message, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxLine))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(message, nil)
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
		b := &batch{line: line, isFramed: s.lines.isFramed, where: fmt.Sprintf("%s:%d", s.lines.name, number), bytes: s.lines.raw.n, done: make(chan struct{})}
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
