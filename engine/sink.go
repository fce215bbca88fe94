package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
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
// call of Write for each line. Before the summary's own fields it has those that every log line has:
// time, the end of the period; level, WARN if the operation missed an objective and INFO
// otherwise; msg, "gomonitor.summary". A distribution without a call is left out. Names and
// codes may hold anything: control characters, HTML and what reorders text come out escaped.
func JSONLines(w io.Writer) Sink {
	return SinkFunc(func(_ context.Context, p Period) error {
		var errs []error
		for i := range p.Summaries {
			line, err := json.Marshal(jsonLineOf(&p.Summaries[i]))
			if err != nil { // JSON has no times after the year 9999; the other lines are none the worse
				errs = append(errs, fmt.Errorf("summary of %q: %w", p.Summaries[i].Operation, err))
				continue
			}
			if _, err := w.Write(append(escapeControls(line), '\n')); err != nil {
				return errors.Join(append(errs, fmt.Errorf("write summary: %w", err))...)
			}
		}
		return errors.Join(errs...)
	})
}

// jsonLine is a summary as a line of a log.
type jsonLine struct {
	Time  time.Time  `json:"time"`
	Level slog.Level `json:"level"`
	Msg   string     `json:"msg"`
	*Summary
	// Distribution takes the place of the summary's.
	Distribution []Bucket `json:"distribution,omitempty"`
}

func jsonLineOf(s *Summary) jsonLine {
	line := jsonLine{Time: s.End, Level: s.level(), Msg: summaryMessage, Summary: s}
	if s.Timed() > 0 {
		line.Distribution = s.Distribution
	}
	return line
}

// escapeControls writes as JSON escapes what encoding/json leaves alone and
// terminals don't: DEL, the C1 controls, and format characters, which reorder or
// hide text.
func escapeControls(line []byte) []byte {
	isControl := func(r rune) bool { return r >= 0x7f && (r <= 0x9f || unicode.Is(unicode.Cf, r)) }
	s := string(line)
	if strings.IndexFunc(s, isControl) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !isControl(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return []byte(b.String())
}
