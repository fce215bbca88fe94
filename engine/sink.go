package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Sink is where the summaries of closed periods go. A sink is called from one
// goroutine, one period after the other, never the one that counts: it may take
// its time. The period is shared with other sinks and must not be changed.
type Sink interface {
	Consume(ctx context.Context, p Period) error
}

// SinkFunc is a function that is a [Sink].
type SinkFunc func(ctx context.Context, p Period) error

// Consume calls f.
func (f SinkFunc) Consume(ctx context.Context, p Period) error { return f(ctx, p) }

// JSONLines returns a sink that writes each summary as one line of JSON, with one
// call of Write for each line. Names and codes may hold anything: in JSON, control
// characters and HTML come out escaped.
func JSONLines(w io.Writer) Sink {
	return SinkFunc(func(_ context.Context, p Period) error {
		for i := range p.Summaries {
			line, err := json.Marshal(&p.Summaries[i])
			if err != nil {
				return fmt.Errorf("summary of %q: %w", p.Summaries[i].Operation, err)
			}
			// JSON leaves DEL and the C1 controls alone, terminals don't.
			if _, err := w.Write(append(escapeControls(line), '\n')); err != nil {
				return fmt.Errorf("write summary: %w", err)
			}
		}
		return nil
	})
}

// escapeControls writes the control characters that encoding/json leaves alone
// (U+007F to U+009F) as JSON escapes.
func escapeControls(line []byte) []byte {
	isControl := func(r rune) bool { return 0x7f <= r && r <= 0x9f }
	s := string(line)
	if strings.IndexFunc(s, isControl) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range s {
		if isControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return []byte(b.String())
}
