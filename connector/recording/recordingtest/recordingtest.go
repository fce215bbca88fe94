// Package recordingtest makes recordings for tests.
package recordingtest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Noon is when recordings begin, as a rule.
var Noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Span is one recorded call.
type Span struct {
	Service, Name string
	Kind          ptrace.SpanKind // SERVER if it is not set
	Trace, ID     uint64          // 0: none
	Parent        uint64
	End           time.Duration // since Noon; negative: it has none
	Took          time.Duration
	Failed        bool
	Attributes    []Attribute
}

// Attribute is an attribute of a span, a number if it has no text.
type Attribute struct {
	Key, Text string
	Number    int64
}

// Line returns one line of a recording that holds spans.
func Line(t testing.TB, spans ...Span) []byte {
	t.Helper()
	line, err := new(ptrace.JSONMarshaler).MarshalTraces(Traces(spans...))
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// Traces returns spans as the Collector has them.
func Traces(spans ...Span) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, s := range spans {
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", s.Service)
		span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetName(s.Name)
		if span.SetKind(s.Kind); s.Kind == ptrace.SpanKindUnspecified {
			span.SetKind(ptrace.SpanKindServer)
		}
		if s.Trace != 0 {
			var trace [16]byte
			binary.BigEndian.PutUint64(trace[8:], s.Trace)
			span.SetTraceID(trace)
		}
		span.SetSpanID(id(s.ID))
		span.SetParentSpanID(id(s.Parent))
		if s.End >= 0 {
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(Noon.Add(s.End)))
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(Noon.Add(s.End - s.Took)))
		}
		if s.Failed {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
		for _, a := range s.Attributes {
			if a.Text != "" {
				span.Attributes().PutStr(a.Key, a.Text)
			} else {
				span.Attributes().PutInt(a.Key, a.Number)
			}
		}
	}
	return td
}

func id(n uint64) (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// Lines returns a recording with one span in each line.
func Lines(t testing.TB, spans []Span) [][]byte {
	t.Helper()
	lines := make([][]byte, len(spans))
	for i := range spans {
		lines[i] = Line(t, spans[i])
	}
	return lines
}

// File writes a recording and returns its name.
func File(t testing.TB, name string, lines ...[]byte) string {
	t.Helper()
	return write(t, name, append(bytes.Join(lines, []byte("\n")), '\n'))
}

// GzipFile is File for one that is compressed.
func GzipFile(t testing.TB, name string, lines ...[]byte) string {
	t.Helper()
	return write(t, name, Gzip(t, append(bytes.Join(lines, []byte("\n")), '\n')))
}

// Gzip compresses.
func Gzip(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Shop returns the calls of a shop that asks its stock and a database, rate times a second
// in the mean, from one time to another. From the fault on, stock takes longer.
func Shop(seed uint64, rate float64, from, to, fault, longer time.Duration) []Span {
	random := rand.New(rand.NewPCG(seed, 1))
	around := func(typical time.Duration) time.Duration {
		return time.Duration(float64(typical) * (0.7 + 0.6*random.Float64()))
	}
	var spans []Span
	trace := seed << 32
	for at := from; ; {
		at += time.Duration(random.ExpFloat64() / rate * float64(time.Second))
		if at >= to {
			return spans
		}
		trace++
		query, stock, way := around(2*time.Millisecond), around(20*time.Millisecond), around(time.Millisecond)
		if at >= fault {
			stock += longer
		}
		ask := stock + way
		order := ask + around(5*time.Millisecond)
		spans = append(spans,
			Span{Service: "stock", Name: "SELECT stock", Kind: ptrace.SpanKindClient, Trace: trace, ID: 4, Parent: 3, End: at + 3*time.Millisecond, Took: query},
			Span{Service: "stock", Name: "GET /stock/{id}", Kind: ptrace.SpanKindServer, Trace: trace, ID: 3, Parent: 2, End: at + stock, Took: stock},
			Span{Service: "shop", Name: "GET", Kind: ptrace.SpanKindClient, Trace: trace, ID: 2, Parent: 1, End: at + ask, Took: ask},
			Span{Service: "shop", Name: "POST /orders", Kind: ptrace.SpanKindServer, Trace: trace, ID: 1, End: at + order, Took: order},
		)
	}
}
