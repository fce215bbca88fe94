package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/v2/engine"
)

// at returns a span that ends so many seconds after noon.
func at(seconds float64) recordingtest.Span {
	return recordingtest.Span{Service: "shop", Name: fmt.Sprint(seconds), Trace: 1, ID: 1, End: time.Duration(seconds * float64(time.Second))}
}

// played returns the names of the spans that a player plays.
func played(t testing.TB, p Player) ([]string, Stats, error) {
	t.Helper()
	reader, err := gomonitorconnector.NewSpanReader(new(gomonitorconnector.Config))
	if err != nil {
		t.Fatal(err)
	}
	p.Reader = reader
	names := []string{}
	stats, err := p.Play(context.Background(), func(s *engine.Span) { names = append(names, s.Operation) })
	return names, stats, err
}

func TestPlay(t *testing.T) {
	line := func(seconds ...float64) []byte {
		var spans []recordingtest.Span
		for _, s := range seconds {
			spans = append(spans, at(s))
		}
		return recordingtest.Line(t, spans...)
	}
	unended := at(0)
	unended.End = -1
	big := at(1)
	big.Service = strings.Repeat("x", 3<<20)
	tests := []struct {
		name  string
		files []string
		stdin string
		grace time.Duration
		skip  bool
		small bool // a buffer of one span
		want  []string
		stats Stats
		err   string // a part of it, without the folder
	}{
		{name: "one file", files: []string{recordingtest.File(t, "a", line(1), line(2, 3))},
			want: []string{"1", "2", "3"}, stats: Stats{Files: 1, Lines: 2, Spans: 3}},
		{name: "gzip by content", files: []string{recordingtest.GzipFile(t, "a.jsonl", line(1), line(2))},
			want: []string{"1", "2"}, stats: Stats{Files: 1, Lines: 2, Spans: 2}},
		{name: "no gzip by content", files: []string{recordingtest.File(t, "a.gz", line(1))},
			want: []string{"1"}, stats: Stats{Files: 1, Lines: 1, Spans: 1}},
		{name: "standard input", stdin: string(line(1)), want: []string{"1"}, stats: Stats{Files: 1, Lines: 1, Spans: 1}},
		{name: "standard input by name, compressed", files: []string{"-"}, stdin: string(recordingtest.Gzip(t, line(1))),
			want: []string{"1"}, stats: Stats{Files: 1, Lines: 1, Spans: 1}},
		{name: "empty lines, Windows ends, no last end", files: []string{"-"}, stdin: "\n \n" + string(line(1)) + "\r\n\n" + string(line(2)),
			want: []string{"1", "2"}, stats: Stats{Files: 1, Lines: 2, Spans: 2}},
		{name: "a long line", files: []string{"-"}, stdin: string(recordingtest.Line(t, big)),
			want: []string{"1"}, stats: Stats{Files: 1, Lines: 1, Spans: 1}},
		{name: "nothing", files: []string{recordingtest.File(t, "a")}, want: []string{}, stats: Stats{Files: 1}},
		{name: "any order, within the buffer", files: []string{recordingtest.File(t, "a", line(9), line(3), line(50), line(1))},
			want: []string{"1", "3", "9", "50"}, stats: Stats{Files: 1, Lines: 4, Spans: 4}},
		{name: "within the grace, a small buffer", files: []string{recordingtest.File(t, "a", line(9), line(3), line(13), line(5), line(30))}, grace: 10 * time.Second, small: true,
			want: []string{"3", "5", "9", "13", "30"}, stats: Stats{Files: 1, Lines: 5, Spans: 5}},
		{name: "later than the grace", files: []string{recordingtest.File(t, "a", line(1), line(20), line(30), line(2), line(31))}, grace: 5 * time.Second, small: true,
			want: []string{"1", "20", "2", "30", "31"}, stats: Stats{Files: 1, Lines: 5, Spans: 5, Late: 1}},
		{name: "several files, by time", files: []string{recordingtest.File(t, "b", line(4), line(5), line(60)), recordingtest.File(t, "a", line(1), line(4.5), line(70))}, grace: time.Second, small: true,
			want: []string{"1", "4", "4.5", "5", "60", "70"}, stats: Stats{Files: 2, Lines: 6, Spans: 6}},
		{name: "a span without an end", files: []string{recordingtest.File(t, "a", line(1), recordingtest.Line(t, unended))},
			want: []string{"1"}, stats: Stats{Files: 1, Lines: 2, Spans: 2, Unended: 1}},
		{name: "another signal", files: []string{"-"}, stdin: `{"resourceMetrics":[]}` + "\n" + string(line(1)),
			want: []string{"1"}, stats: Stats{Files: 1, Lines: 2, Spans: 1}},

		{name: "a broken line", files: []string{recordingtest.File(t, "a", line(1), []byte(`{"resourceSpans":[{`), line(2))}, err: "a:2: is no OTLP JSON: "},
		{name: "a broken line among empty ones", stdin: "\n\nnot json\n", err: "standard input:3: is no OTLP JSON: "},
		{name: "broken lines left out", skip: true, stdin: "\nnot json\n" + string(line(1)) + "\n{\n",
			want: []string{"1"}, stats: Stats{Files: 1, Lines: 3, Spans: 1, Bad: 2}},
		{name: "cut off", stdin: string(recordingtest.Gzip(t, line(1))[:40]), err: "standard input:1: unexpected EOF"},
		{name: "cut off, left out", skip: true, stdin: string(recordingtest.Gzip(t, append(append(line(1), '\n'), line(2)...))[:150]),
			want: []string{}, stats: Stats{Files: 1, Lines: 1, Bad: 1}},
		{name: "zstd", stdin: "\x28\xb5\x2f\xfd....", err: "standard input: is compressed by zstd"},
		{name: "broken gzip", stdin: "\x1f\x8b....", err: "standard input: "},
		{name: "no file", files: []string{filepath.Join(t.TempDir(), "none")}, err: "open "},
		{name: "a folder", files: []string{t.TempDir()}, err: ": is a directory"},
		{name: "a file among good ones", files: []string{recordingtest.File(t, "a", line(1)), filepath.Join(t.TempDir(), "none")}, err: "open "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Player{Files: tt.files, Stdin: strings.NewReader(tt.stdin), Grace: tt.grace, SkipBad: tt.skip}
			if tt.small {
				p.Buffer = 1
			}
			got, stats, err := played(t, p)
			if tt.err != "" {
				if err == nil {
					t.Fatal("no error")
				}
				text := err.Error()
				for _, f := range tt.files {
					text = strings.ReplaceAll(text, filepath.Dir(f)+"/", "")
				}
				if !strings.Contains(text, tt.err) {
					t.Errorf("error %q, want %q", text, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if tt.stats.Bad > 0 && stats.FirstBad == nil {
				t.Error("the first bad line is not named")
			}
			stats.Bytes, stats.Size, stats.FirstBad = 0, 0, nil
			if stats != tt.stats {
				t.Errorf("got %+v, want %+v", stats, tt.stats)
			}
		})
	}
}

func TestPlayIsTheSameWhateverTheOrder(t *testing.T) {
	const grace = 3 * time.Second
	spans := recordingtest.Shop(7, 20, 0, 20*time.Second, time.Hour, 0)
	want, _, err := played(t, Player{Files: []string{recordingtest.File(t, "a", recordingtest.Lines(t, spans)...)}, Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		files := recordingtest.Scatter(t, spans, grace, rapid.IntRange(1, 4).Draw(rt, "files"), rapid.Uint64().Draw(rt, "seed"))
		got, stats, err := played(t, Player{Files: files, Grace: grace, Buffer: rapid.IntRange(1, 100).Draw(rt, "buffer")})
		if err != nil {
			rt.Fatal(err)
		}
		if stats.Late > 0 {
			rt.Errorf("%d late", stats.Late)
		}
		if !slices.Equal(got, want) {
			rt.Errorf("another order")
		}
	})
}

// Of files that follow each other only the first is read at first: the others would have to be held.
func TestPlayReadsWhatComesFirst(t *testing.T) {
	today := recordingtest.Lines(t, recordingtest.Shop(1, 50, 0, 10*time.Second, time.Hour, 0))
	tomorrow := recordingtest.Lines(t, recordingtest.Shop(2, 50, 24*time.Hour, 24*time.Hour+10*time.Second, time.Hour, 0))
	reader, err := gomonitorconnector.NewSpanReader(new(gomonitorconnector.Config))
	if err != nil {
		t.Fatal(err)
	}
	played, read := 0, uint64(0)
	p := Player{
		Files: []string{recordingtest.File(t, "b", tomorrow...), recordingtest.File(t, "a", today...)},
		Grace: time.Second, Buffer: 1, Reader: reader, Progress: func(s Stats) { read = s.Spans },
	}
	most := uint64(0)
	if _, err := p.Play(context.Background(), func(*engine.Span) {
		played++
		most = max(most, read-min(read, uint64(played)))
	}); err != nil {
		t.Fatal(err)
	}
	if most > 500 {
		t.Errorf("%d spans held at once, of %d", most, played)
	}
}

func TestPlayEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	reader, err := gomonitorconnector.NewSpanReader(new(gomonitorconnector.Config))
	if err != nil {
		t.Fatal(err)
	}
	in, out := io.Pipe()
	defer func() {
		if err := errors.Join(in.Close(), out.Close()); err != nil {
			t.Error(err)
		}
	}()
	stopped := errors.New("stopped")
	go func() {
		_, _ = out.Write(append(recordingtest.Line(t, at(1)), '\n')) // it ends with the pipe
		cancel(stopped)
	}()
	p := Player{Files: []string{"-", recordingtest.File(t, "a", recordingtest.Lines(t, recordingtest.Shop(1, 100, 0, 10*time.Second, time.Hour, 0))...)}, Stdin: in, Reader: reader}
	if _, err := p.Play(ctx, func(*engine.Span) {}); !errors.Is(err, stopped) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPlayTellsItsProgress(t *testing.T) {
	name := recordingtest.File(t, "a", recordingtest.Lines(t, recordingtest.Shop(1, 20, 0, 10*time.Second, time.Hour, 0))...)
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	var last Stats
	_, stats, err := played(t, Player{Files: []string{name}, Progress: func(s Stats) {
		if s.Bytes < last.Bytes || s.Spans < last.Spans || s.Bytes > s.Size {
			t.Errorf("%+v after %+v", s, last)
		}
		last = s
	}})
	if err != nil || last != stats || last.Size != info.Size() || last.Bytes != last.Size {
		t.Errorf("last %+v, in all %+v of %d bytes, %v", last, stats, info.Size(), err)
	}
}

func TestLinesLongerThanAll(t *testing.T) {
	l, err := openLines("-", bytes.NewReader(append(append(bytes.Repeat([]byte("x"), 1<<20), '\n'), "y\n"...)))
	if err != nil {
		t.Fatal(err)
	}
	l.most = 1 << 19
	if _, n, err := l.read(); !errors.Is(err, errLongLine) || n != 1 {
		t.Errorf("line %d: %v", n, err)
	}
	if line, n, err := l.read(); string(line) != "y" || n != 2 || err != nil {
		t.Errorf("line %d %q: %v", n, line, err)
	}
	if _, _, err := l.read(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

func FuzzPlay(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[]}`), true)
	f.Add(recordingtest.Line(f, at(1), at(2)), false)
	f.Add([]byte("\x1f\x8b\x08\x00"), true)
	f.Fuzz(func(t *testing.T, content []byte, skip bool) {
		names, stats, err := played(t, Player{Stdin: bytes.NewReader(content), SkipBad: skip})
		if err == nil && uint64(len(names)) != stats.Spans-stats.Unended {
			t.Errorf("%d of %+v", len(names), stats)
		}
	})
}
