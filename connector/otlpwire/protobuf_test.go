package otlpwire

import (
	"errors"
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	gocmpopts "github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// full returns spans in which everything is set that there is.
func full() ptrace.Traces {
	td := ptrace.NewTraces()
	for r := range 2 {
		resource := td.ResourceSpans().AppendEmpty()
		resource.SetSchemaUrl("https://opentelemetry.io/schemas/1.37.0")
		resource.Resource().Attributes().PutInt("process.pid", 17)
		resource.Resource().Attributes().PutStr(serviceName, fmt.Sprintf("shop-%d", r))
		resource.Resource().Attributes().PutEmptySlice("process.command_args").AppendEmpty().SetStr("-v")
		for c := range 2 {
			scope := resource.ScopeSpans().AppendEmpty()
			scope.SetSchemaUrl("https://opentelemetry.io/schemas/1.37.0")
			scope.Scope().SetName(fmt.Sprintf("scope-%d", c))
			scope.Scope().SetVersion("1.2.3")
			scope.Scope().Attributes().PutBool("short", true)
			scope.Scope().SetDroppedAttributesCount(3)
			for i := range 3 {
				fill(scope.Spans().AppendEmpty(), byte(16*r+4*c+i))
			}
		}
	}
	return td
}

func fill(s ptrace.Span, n byte) {
	s.SetTraceID([16]byte{1, 2, 3, 15: n})
	s.SetSpanID([8]byte{4, 7: n})
	s.SetParentSpanID([8]byte{5, 7: n})
	s.TraceState().FromRaw("ot=th:8")
	s.SetFlags(0x300 | uint32(n))
	s.SetName("GET /things/{id}")
	s.SetKind(ptrace.SpanKind(n % 7))
	end := time.Date(2026, 6, 1, 12, 0, int(n), 7, time.UTC)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	s.Status().SetCode(ptrace.StatusCode(n % 4))
	s.Status().SetMessage("context canceled")
	values(s.Attributes())
	s.SetDroppedAttributesCount(1)
	s.SetDroppedEventsCount(2)
	s.SetDroppedLinksCount(3)
	for e := range int(n % 5) {
		event := s.Events().AppendEmpty()
		event.SetName([]string{exceptionEvent, "retry", exceptionEvent}[e%3])
		event.SetTimestamp(pcommon.NewTimestampFromTime(end))
		event.Attributes().PutStr(exceptionType, fmt.Sprintf("*os.PathError %d", e))
		event.Attributes().PutStr(exceptionMessage, "no such file")
		event.SetDroppedAttributesCount(9)
	}
	link := s.Links().AppendEmpty()
	link.SetTraceID([16]byte{9})
	link.SetSpanID([8]byte{9})
	link.TraceState().FromRaw("a=b")
	link.SetFlags(1)
	values(link.Attributes())
}

// values sets values of all types.
func values(m pcommon.Map) {
	m.PutStr("text", "a text")
	m.PutStr("empty text", "")
	m.PutInt("http.response.status_code", 503)
	m.PutInt("negative", -1)
	m.PutBool("bool", true)
	m.PutDouble("double", 1.5)
	m.PutEmptyBytes("bytes").FromRaw([]byte{1, 2})
	m.PutEmpty("nothing")
	inner := m.PutEmptyMap("map")
	inner.PutStr("a", "b")
	inner.PutEmptySlice("list").AppendEmpty().SetInt(3)
	m.PutEmptySlice("list").AppendEmpty().SetEmptyMap().PutEmptyMap("deep").PutStr("k", "v")
}

func protobufOf(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	b, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readProtobuf returns all spans of a request.
func readProtobuf(request []byte) (spans []Span, err error) {
	err = NewReader(everything).Protobuf(request, func(s *Span) { spans = append(spans, clone(s)) })
	return spans, err
}

func TestProtobuf(t *testing.T) {
	td := full()
	got, err := readProtobuf(protobufOf(t, td))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(viaPdata(td), got, gocmp.AllowUnexported(Attribute{}), gocmpopts.IgnoreUnexported(Span{})); diff != "" {
		t.Errorf("(-pdata +wire):\n%s", diff)
	}
	if len(got) != 12 {
		t.Errorf("%d spans, want 12", len(got))
	}
}

// Whatever is cut off, flipped or put in: the same spans as pdata's decoder reads, or an error
// where that has one.
func TestProtobufMutations(t *testing.T) {
	td := ptrace.NewTraces()
	full().ResourceSpans().At(0).CopyTo(td.ResourceSpans().AppendEmpty())
	td.ResourceSpans().At(0).ScopeSpans().RemoveIf(func(s ptrace.ScopeSpans) bool { return s.Scope().Name() == "scope-0" })
	request := protobufOf(t, td)
	for i := 0; i < len(request); i += 2 {
		compareProtobuf(t, request[:i])
		for _, b := range []byte{0, 0x80, 0xff, request[i] + 1, request[i] ^ 8} {
			changed := append([]byte(nil), request...)
			changed[i] = b
			compareProtobuf(t, changed)
		}
	}
}

// compareProtobuf compares what is read of a request with what pdata's decoder says.
func compareProtobuf(t *testing.T, request []byte) {
	t.Helper()
	got, err := readProtobuf(request)
	if errors.Is(err, errTooDeep) {
		return // which pdata's decoder does not mind
	}
	want := ptraceotlp.NewExportRequest()
	wantErr := want.UnmarshalProto(request)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("error %v, pdata says %v, of %x", err, wantErr, request)
	}
	if err != nil {
		return
	}
	if diff := gocmp.Diff(viaPdata(want.Traces()), got, gocmp.AllowUnexported(Attribute{}), gocmpopts.IgnoreUnexported(Span{})); diff != "" {
		t.Fatalf("%x\n(-pdata +wire):\n%s", request, diff)
	}
}

// What is legal, and what nobody writes.
func TestProtobufOddities(t *testing.T) {
	span := func(fields string) string { return "\x0a" + length("\x12"+length("\x12"+length(fields))) }
	for name, request := range map[string]string{
		"empty":                     "",
		"unknown fields":            "\x12\x01a\x18\x01\x21abcdefgh\x2dabcd",
		"empty group":               "\x13\x14",
		"group":                     "\x13\x18\x01\x14",
		"field 0":                   "\x00\x01",
		"field 2^32+1":              "\x8a\x80\x80\x80\x80\x01\x00",
		"wire type 6":               "\x16\x00",
		"long tag":                  "\x8a\x00\x00",
		"resource comes last":       "\x0a" + length("\x12"+length("\x12\x00")+"\x0a"+length("\x0a"+length("\x0a\x0cservice.name\x12\x06\x0a\x04shop"))),
		"two resources":             "\x0a" + length("\x0a"+length("\x0a"+length("\x0a\x0cservice.name\x12\x02\x18\x01"))+"\x0a"+length("\x0a"+length("\x0a\x0cservice.name\x12\x06\x0a\x04shop"))+"\x12"+length("\x12\x00")),
		"scope comes last":          "\x0a" + length("\x12"+length("\x12\x00\x0a"+length("\x0a\x03abc"))),
		"deprecated scopes":         "\x0a" + length("\xc2\x3e"+length("\x12\x00")),
		"deprecated and new scopes": "\x0a" + length("\xc2\x3e"+length("\x12\x00")+"\x12"+length("\x12"+length("\x2a\x01a"))),
		"malformed deprecated":      "\x0a" + length("\xc2\x3e"+length("\x12\x01\x00")+"\x12\x00"),
		"value before key":          span("\x4a" + length("\x12\x02\x18\x05\x0a\x01k")),
		"two values":                span("\x4a" + length("\x0a\x01k\x12\x02\x18\x05\x12\x03\x0a\x01v")),
		"two in a value":            span("\x4a" + length("\x0a\x01k\x12\x05\x18\x05\x0a\x01v")),
		"no value":                  span("\x4a" + length("\x0a\x01k")),
		"key index":                 span("\x4a" + length("\x18\x05\x12\x02\x40\x01")),
		"short id":                  span("\x0a\x0f123456789012345"),
		"empty id":                  span("\x0a\x00\x12\x00"),
		"kind by 10 bytes":          span("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"kind by 11 bytes":          span("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"two statuses":              span("\x7a\x02\x18\x02\x7a\x03\x12\x01m"),
		"negative length":           "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"length of 2^62":            "\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x40",
		"entity":                    "\x0a" + length("\x0a"+length("\x1a"+length("\x0a\x01u\x12\x01t\x1a\x01i\x22\x01d"))),
		"malformed entity":          "\x0a" + length("\x0a"+length("\x1a"+length("\x08\x01"))),
	} {
		t.Run(name, func(t *testing.T) { compareProtobuf(t, []byte(request)) })
	}
}

// length puts the length of a part before it.
func length(part string) string {
	n, prefix := len(part), ""
	for n >= 0x80 {
		prefix, n = prefix+string([]byte{byte(n) | 0x80}), n>>7
	}
	return prefix + string([]byte{byte(n)}) + part
}

// nested returns a request whose only attribute is nested to a depth.
func nested(depth int, kind string) []byte {
	value := "\x0a\x01v"
	for range depth - 1 {
		if kind == "list" {
			value = "\x2a" + length("\x0a"+length(value))
		} else {
			value = "\x32" + length("\x0a"+length("\x0a\x01k\x12"+length(value)))
		}
	}
	attribute := length("\x0a\x01k\x12" + length(value))
	return []byte("\x0a" + length("\x12"+length("\x12"+length("\x4a"+attribute))))
}

func TestProtobufDepth(t *testing.T) {
	for _, kind := range []string{"list", "map"} {
		if _, err := readProtobuf(nested(MaxDepth, kind)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, depth := range []int{MaxDepth + 1, 10_000} {
			if _, err := readProtobuf(nested(depth, kind)); !errors.Is(err, errTooDeep) {
				t.Errorf("%s of depth %d: %v, want %v", kind, depth, err, errTooDeep)
			}
		}
	}
}

// Of a span with ever so many attributes no more than some are kept.
func TestProtobufManyAttributes(t *testing.T) {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	for i := range 3 * MaxAttributes {
		s.Attributes().PutInt(fmt.Sprint(i), int64(i))
	}
	compareProtobuf(t, protobufOf(t, td))
}

func TestProtobufAllocatesNothing(t *testing.T) {
	request := protobufOf(t, full())
	r := NewReader(everything)
	n := 0
	each := func(*Span) { n++ }
	if allocated := testing.AllocsPerRun(100, func() {
		if err := r.Protobuf(request, each); err != nil {
			t.Fatal(err)
		}
	}); allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}

func FuzzProtobuf(f *testing.F) {
	f.Add(protobufOf(f, full()))
	f.Add(nested(20, "map"))
	f.Add([]byte("\x0a\x04\xc2\x3e\x02\x12\x00"))
	f.Fuzz(compareProtobuf)
}
