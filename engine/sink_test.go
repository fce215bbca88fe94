package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// writes keeps what each call of Write was given.
type writes struct {
	lines []string
	fail  int   // the call that fails, counted from 1
	err   error // its error
}

func (w *writes) Write(p []byte) (int, error) {
	w.lines = append(w.lines, string(p))
	if len(w.lines) == w.fail {
		return 0, w.err
	}
	return len(p), nil
}

// checkInert fails unless a line is one line of valid JSON without anything in it
// that a terminal, a log or a browser would take for more than text.
func checkInert(t rapid.TB, line string) {
	t.Helper()
	body, ok := strings.CutSuffix(line, "\n")
	if !ok || !json.Valid([]byte(body)) {
		t.Errorf("%q is no line of JSON", line)
	}
	for _, r := range body {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.In(r, unicode.Zl, unicode.Zp) || strings.ContainsRune("<>&", r) {
			t.Errorf("%U is in %q", r, line)
		}
	}
}

func TestJSONLinesWritesOneLineEach(t *testing.T) {
	var w writes
	one, other := fullSummary(), fullSummary()
	other.Operation = "PUT /"
	if err := JSONLines(&w).Consume(context.Background(), Period{Summaries: []Summary{one, other}}); err != nil {
		t.Fatal(err)
	}
	if len(w.lines) != 2 {
		t.Fatalf("%d calls of Write, want 2", len(w.lines))
	}
	for i, want := range []Summary{one, other} {
		checkInert(t, w.lines[i])
		var got Summary
		if err := json.Unmarshal([]byte(w.lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("line %d does not come back (-want +got):\n%s", i, diff)
		}
	}
	if err := JSONLines(&w).Consume(context.Background(), Period{}); err != nil || len(w.lines) != 2 {
		t.Errorf("an empty period: %v, and %q", err, w.lines[2:])
	}
}

// hostile names are what somebody might send to get more than a line.
var hostile = []string{
	"\r\n{\"operation\":\"forged\"}\n",
	"\x1b[2J\x1b]0;title\x07",
	"\u009b31m\u009d0;title\u009c",
	"\x00\x01\x1f\x7f\u0080\u0085\u009f",
	"<script>alert('&')</script>",
	"\u2028\u2029",
	"\u202eevil\u202c \u2066hidden\u2069 \u200b\ufeff",
	"\U000e0001\U000e0041 tags, \U0001d173 beams",
	"\xff\xfe\xc0\xaf half a rune \xe8\xaa",
	`\u0000 "quoted" \n`,
	"日本語 😀 é",
	"",
}

func TestJSONLinesMakesNamesInert(t *testing.T) {
	for _, name := range hostile {
		checkLine(t, name)
	}
	checkLine(t, strings.Repeat("\u0085", 5<<10)) // 10 KB
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()))
		checkLine(t, strings.Join(parts.Draw(t, "parts"), ""))
	})
}

// checkLine fails unless a summary full of the given name is written as one inert line
// that has the same name in it.
func checkLine(t rapid.TB, name string) {
	t.Helper()
	s := fullSummary()
	s.Monitor, s.Service, s.Operation = name, name, name
	s.Failures[0].Code, s.Failures[0].Name = name, name
	s.FailureExemplars[0].Code = name
	var w writes
	if err := JSONLines(&w).Consume(context.Background(), Period{Summaries: []Summary{s}}); err != nil {
		t.Fatal(err)
	}
	if len(w.lines) != 1 {
		t.Fatalf("%d calls of Write, want 1", len(w.lines))
	}
	checkInert(t, w.lines[0])
	var got Summary
	if err := json.Unmarshal([]byte(w.lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	want := string([]rune(name)) // what is no text comes out as U+FFFD
	for _, back := range []string{got.Monitor, got.Service, got.Operation, got.Failures[0].Code, got.Failures[0].Name, got.FailureExemplars[0].Code} {
		if back != want {
			t.Errorf("%q came back as %q", name, back)
		}
	}
}

func TestJSONLinesStopsWhenItCannotWrite(t *testing.T) {
	broken := errors.New("broken pipe")
	w := writes{fail: 2, err: broken}
	err := JSONLines(&w).Consume(context.Background(), Period{Summaries: make([]Summary, 3)})
	if !errors.Is(err, broken) || len(w.lines) != 2 {
		t.Errorf("%v after %d lines, want %v after 2", err, len(w.lines), broken)
	}
	checkError(t, err, "write summary: broken pipe")
}

// A time that JSON does not know must not cost the other operations their lines.
func TestJSONLinesGoesOnAfterWhatIsNoJSON(t *testing.T) {
	bad := fullSummary()
	bad.Operation = "\x1b"
	bad.FailureExemplars[0].End = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	var w writes
	err := JSONLines(&w).Consume(context.Background(), Period{Summaries: []Summary{bad, fullSummary()}})
	if err == nil || !strings.HasPrefix(err.Error(), `summary of "\x1b": `) {
		t.Errorf("got the error %v", err)
	}
	if len(w.lines) != 1 {
		t.Fatalf("%d lines, want the good one", len(w.lines))
	}
	checkInert(t, w.lines[0])
}

// What needs no escape is left as encoding/json wrote it, without a copy.
func TestEscapeControls(t *testing.T) {
	plain := []byte(`{"a":"日本語 \u001b"}`)
	if got := escapeControls(plain); &got[0] != &plain[0] {
		t.Error("a harmless line was copied")
	}
	tests := map[string]string{
		"a\u007fb":     `a\u007fb`,
		"\u0080\u009f": `\u0080\u009f`,
		"\u00a0":       "\u00a0",
		"\u00ad":       `\u00ad`,
		"\u202e":       `\u202e`,
		"\U000e0041":   `\udb40\udc41`,
	}
	for line, want := range tests {
		if got := escapeControls([]byte(line)); string(got) != want {
			t.Errorf("%q is written as %q, want %q", line, got, want)
		}
	}
}

func TestSinkFunc(t *testing.T) {
	type key struct{}
	failed := errors.New("failed")
	var sink Sink = SinkFunc(func(ctx context.Context, p Period) error {
		return fmt.Errorf("%v of %s: %w", ctx.Value(key{}), p.Monitor, failed)
	})
	err := sink.Consume(context.WithValue(context.Background(), key{}, "sink"), Period{Monitor: "m"})
	if checkError(t, err, "sink of m: failed"); !errors.Is(err, failed) {
		t.Error("the error is not the function's")
	}
}

func BenchmarkJSONLines(b *testing.B) {
	p := Period{Summaries: slices.Repeat([]Summary{fullSummary()}, 10)}
	var buf bytes.Buffer
	sink := JSONLines(&buf)
	b.ReportAllocs()
	for b.Loop() {
		buf.Reset()
		if err := sink.Consume(context.Background(), p); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever a name is, a summary is one line, and the name can be read from it.
func FuzzJSONLines(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { checkLine(t, name) })
}

// A line says first when, how bad and what, as every log line does, and has no distribution where
// there was no call.
func TestJSONLinesAreLogLines(t *testing.T) {
	good, bad := fullSummary(), fullSummary()
	good.Verdicts = Verdicts{}
	good.Success, good.Untimed = 0, 0
	bad.Verdicts = Verdicts{Latency: VerdictBad}
	var w writes
	if err := JSONLines(&w).Consume(context.Background(), Period{Summaries: []Summary{good, bad}}); err != nil {
		t.Fatal(err)
	}
	when, err := good.End.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for i, level := range []string{"INFO", "WARN"} {
		if want := fmt.Sprintf(`{"time":%q,"level":%q,"msg":"gomonitor.summary","monitor":`, when, level); !strings.HasPrefix(w.lines[i], want) {
			t.Errorf("got %.120s, want %s", w.lines[i], want)
		}
	}
	if strings.Contains(w.lines[0], "distribution") {
		t.Errorf("an empty distribution in %s", w.lines[0])
	}
	if !strings.Contains(w.lines[1], `"distribution":[{"low_ns":0,`) {
		t.Errorf("the distribution in %s", w.lines[1])
	}
}
