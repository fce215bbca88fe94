package nesting

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// nested returns a request with one span, with one attribute that is a map in a map in a map.
func nested(maps int) []byte {
	var reversed []byte
	wrap := func(field byte) {
		length := binary.AppendUvarint(nil, uint64(len(reversed)))
		slices.Reverse(length)
		reversed = append(append(reversed, length...), field<<3|wireLen)
	}
	for range maps {
		wrap(2) // a key's value
		wrap(1) // a map's first key
		wrap(6) // a value that is a map
	}
	for _, field := range []byte{2, 9, 2, 2, 1} { // value, attribute, span, scope, resource
		wrap(field)
	}
	slices.Reverse(reversed)
	return reversed
}

func TestTooMuch(t *testing.T) {
	for name, tt := range map[string]struct {
		message []byte
		want    bool
	}{
		"empty":                          {nil, false},
		"90 maps in each other":          {nested(90), false},
		"98":                             {nested(98), false},
		"99":                             {nested(99), true},
		"a million":                      {nested(1_000_000), true},
		"a text of newlines":             {[]byte(strings.Repeat("\n", 1<<20)), false},
		"a text":                         {[]byte(strings.Repeat("\n\tat com.example.Main.main(Main.java:12)\n", 10_000)), false},
		"truncated, behind what is deep": {append(nested(1000), 0x0a), true},
		"empty spans":                    {bytes.Repeat([]byte{0x12, 0}, MaxParts), false},
		"one more":                       {bytes.Repeat([]byte{0x12, 0}, MaxParts+1), true},
		"behind a group":                 {append([]byte{0xa3, 6, 0xa4, 6}, nested(1000)...), true},
		"behind an integer of 70 bits":   {append([]byte{8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 127}, nested(1000)...), true},
	} {
		if got := tooMuch(tt.message); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	var request ptraceotlp.ExportRequest
	for _, maps := range []int{1, 90, 98} { // the test's own requests are what the decoder takes them for
		request = ptraceotlp.NewExportRequest()
		if err := request.UnmarshalProto(nested(maps)); err != nil {
			t.Fatal(err)
		}
		if got := depthOf(request.Traces()); got != maps {
			t.Errorf("%d maps, want %d", got, maps)
		}
	}
}

// depthOf returns how deep the attributes of spans are nested.
func depthOf(td ptrace.Traces) (deepest int) {
	for _, resource := range td.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				for _, v := range span.Attributes().All() {
					deepest = max(deepest, depthOfValue(v))
				}
			}
		}
	}
	return deepest
}

func depthOfValue(v pcommon.Value) (deepest int) {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		for _, v := range v.Map().All() {
			deepest = max(deepest, 1+depthOfValue(v))
		}
	case pcommon.ValueTypeSlice:
		for _, v := range v.Slice().All() {
			deepest = max(deepest, 1+depthOfValue(v))
		}
	}
	return deepest
}

// Whatever is let through is not nested deeper than that, or is refused by the decoder.
func FuzzTooMuch(f *testing.F) {
	f.Add(nested(3), uint16(97), []byte(nil))
	f.Add(nested(1), uint16(99), []byte{8, 1})
	f.Add([]byte(nil), uint16(120), []byte{0xa3, 6, 0xa4, 6})
	f.Fuzz(func(t *testing.T, message []byte, maps uint16, before []byte) {
		for _, m := range [][]byte{message, append(bytes.Clone(before), nested(int(maps%512))...)} {
			if tooMuch(m) {
				continue
			}
			request := ptraceotlp.NewExportRequest()
			if err := request.UnmarshalProto(m); err != nil {
				continue
			}
			if deepest := depthOf(request.Traces()); deepest > MaxDepth/2 {
				t.Errorf("nested to %d levels", deepest)
			}
		}
	})
}

func BenchmarkTooMuch(b *testing.B) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 1000 {
		s := spans.AppendEmpty()
		s.SetName("GET /users/{id}")
		for _, key := range []string{"http.request.method", "http.route", "url.path", "server.address", "user_agent.original"} {
			s.Attributes().PutStr(key, "a value of an ordinary length")
		}
	}
	message, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if tooMuch(message) {
			b.Fatal("too deep")
		}
	}
}
