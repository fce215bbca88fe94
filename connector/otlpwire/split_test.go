package otlpwire

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	gocmpopts "github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// byName routes some services as a whole, and of the others each name.
func byName(parts int) Route {
	return Route{
		Service: func(service string) (int, bool) { return len(service) % parts, strings.HasSuffix(service, "0") },
		Span: func(service string, kind int32, name string) int {
			return (len(service) + int(uint32(kind)) + len(name)) % parts
		},
	}
}

// checkSplit checks that every span of a request is in the part it belongs to, as it was, and in
// no other.
func checkSplit(t *testing.T, request []byte) {
	t.Helper()
	const parts = 3
	s, route := NewSplitter(parts), byName(parts)
	n, err := s.Split(request, route)
	want, wantErr := readProtobuf(request)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("error %v, want %v", err, wantErr)
	}
	var got []Span
	for i := range parts {
		part := s.Part(i)
		from := 0
		var of []Span
		for j, end := range part.Ends {
			entry, err := readProtobuf(part.Bytes[from:end])
			if err != nil || len(entry) != part.Spans[j] || len(entry) == 0 {
				t.Fatalf("entry %d of part %d: %d spans, want %d (%v)", j, i, len(entry), part.Spans[j], err)
			}
			of, from = append(of, entry...), end
		}
		if from != len(part.Bytes) {
			t.Fatalf("part %d has %d bytes behind its entries", i, len(part.Bytes)-from)
		}
		for j := range of {
			to, whole := route.Service(of[j].Service)
			if !whole {
				to = route.Span(of[j].Service, of[j].Kind, of[j].Name)
			}
			if to != i {
				t.Fatalf("a span of %s is in part %d, want %d", of[j].Service, i, to)
			}
		}
		got = append(got, of...)
	}
	if err == nil && n != len(want) {
		t.Fatalf("%d spans, want %d", n, len(want))
	}
	if err != nil && len(got) > 0 {
		t.Fatalf("%d spans of a malformed request", len(got))
	}
	if err != nil {
		return
	}
	order := func(a, b Span) int {
		return cmp.Or(slices.Compare(a.TraceID[:], b.TraceID[:]), slices.Compare(a.SpanID[:], b.SpanID[:]), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(len(a.Attributes), len(b.Attributes)))
	}
	slices.SortStableFunc(got, order)
	slices.SortStableFunc(want, order)
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(Attribute{}), gocmpopts.IgnoreUnexported(Span{})); diff != "" {
		t.Fatalf("(-whole +parts):\n%s", diff)
	}
}

func TestSplit(t *testing.T) {
	checkSplit(t, protobufOf(t, full()))
	checkSplit(t, nil)
	checkSplit(t, protobufOf(t, full())[1:])
	checkSplit(t, []byte("\x0a"+length("\xc2\x3e"+length("\x12\x00"))))
	checkSplit(t, []byte("\x0a"+length("\xc2\x3e"+length("\x12\x00")+"\x12"+length("\x12"+length("\x2a\x01a")))))
}

// Entries stay small enough to be sent, whatever comes.
func TestSplitLarge(t *testing.T) {
	for _, service := range []string{"shop-0", "shop-1"} { // one that stays whole, and one that doesn't
		td := traffic(20_000)
		td.ResourceSpans().At(0).Resource().Attributes().PutStr(serviceName, service)
		request := protobufOf(t, td)
		s := NewSplitter(2)
		n, err := s.Split(request, byName(2))
		if err != nil || n != 20_000 {
			t.Fatal(n, err)
		}
		spans := 0
		for i := range 2 {
			from := 0
			for j, end := range s.Part(i).Ends {
				if end-from > mostEntry+1000 {
					t.Errorf("an entry of %d bytes", end-from)
				}
				from, spans = end, spans+s.Part(i).Spans[j]
			}
		}
		if spans != n {
			t.Errorf("%d spans in the parts, want %d", spans, n)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(protobufOf(f, full()))
	f.Fuzz(checkSplit)
}

func BenchmarkSplit(b *testing.B) {
	const spans = 1000
	td := ptrace.NewTraces()
	traffic(spans).CopyTo(td)
	request := protobufOf(b, td)
	for name, whole := range map[string]bool{"by service": true, "by operation": false} {
		b.Run(name, func(b *testing.B) {
			s := NewSplitter(3)
			route := Route{
				Service: func(string) (int, bool) { return 1, whole },
				Span:    func(_ string, _ int32, name string) int { return len(name) % 3 },
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Split(request, route); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
		})
	}
}
