package groupbyoperation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/goleak"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// add adds a list with spans "kind name" to a service.
func add(td ptrace.Traces, service string, names ...string) {
	resource := td.ResourceSpans().AppendEmpty()
	if service != "" {
		resource.Resource().Attributes().PutStr("service.name", service)
	}
	list := resource.ScopeSpans().AppendEmpty()
	list.Scope().SetName("lib")
	list.Scope().SetVersion("1")
	list.SetSchemaUrl("schema")
	for i, n := range names {
		s := list.Spans().AppendEmpty()
		s.SetSpanID(pcommon.SpanID{byte(i + 1)})
		kind, name, _ := strings.Cut(n, " ")
		s.SetName(name)
		s.SetKind(map[string]ptrace.SpanKind{"server": ptrace.SpanKindServer, "client": ptrace.SpanKindClient}[kind])
	}
}

// describe returns the lists of td: service, operation and the ids of the spans.
func describe(t *testing.T, td ptrace.Traces) string {
	t.Helper()
	var b strings.Builder
	for _, resource := range td.ResourceSpans().All() {
		service, ok := resource.Resource().Attributes().Get("service.name")
		for _, list := range resource.ScopeSpans().All() {
			if list.Scope().Name() != "lib" || list.Scope().Version() != "1" || list.SchemaUrl() != "schema" {
				t.Errorf("scope %q %q %q", list.Scope().Name(), list.Scope().Version(), list.SchemaUrl())
			}
			if ok {
				b.WriteString(service.Str())
			}
			b.WriteByte('|')
			if operation, ok := list.Scope().Attributes().Get(Attribute); ok {
				b.WriteString(operation.Str())
			}
			b.WriteByte('|')
			for _, s := range list.Spans().All() {
				id := s.SpanID()
				b.WriteByte('0' + id[0])
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestGroup(t *testing.T) {
	tests := map[string]struct {
		services []string
		want     string
	}{
		"none": {nil, "a||12345\nb||12\n||1\nb||\n"},
		"one": {[]string{"a"}, `a|Server GET|14
a|Client GET|2
a|Client SELECT|35
b||12
||1
b||
`},
		"all": {[]string{All}, `a|Server GET|14
a|Client GET|2
a|Client SELECT|35
b|Server GET|12
|Server GET|1
b||
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			add(td, "a", "server GET", "client GET", "client SELECT", "server GET", "client SELECT")
			add(td, "b", "server GET", "server GET")
			add(td, "", "server GET")
			add(td, "b")
			var sink consumertest.TracesSink
			p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(Type), &Config{Services: tt.services}, &sink)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
				t.Fatal(err)
			}
			if p.Capabilities().MutatesData != (tt.services != nil) {
				t.Errorf("capabilities %+v", p.Capabilities())
			}
			if err := p.ConsumeTraces(t.Context(), td); err != nil {
				t.Fatal(err)
			}
			if err := p.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if got := describe(t, sink.AllTraces()[0]); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Spans that go-monitor judges as one operation go to one place, though their kinds or names
// differ.
func TestGroupIsNoFinerThanWhatIsJudged(t *testing.T) {
	long := strings.Repeat("SELECT ", 100)
	for _, tt := range []struct {
		kinds [2]ptrace.SpanKind
		names [2]string
	}{
		{[2]ptrace.SpanKind{3, 3}, [2]string{long + "1", long + "2"}},
		{[2]ptrace.SpanKind{0, 1}, [2]string{"op", "op"}},
		{[2]ptrace.SpanKind{99, -1}, [2]string{"op", "op"}},
		{[2]ptrace.SpanKind{2, 2}, [2]string{"", engine.UnnamedOperation}},
	} {
		td := ptrace.NewTraces()
		add(td, "a", "server", "server")
		lists := td.ResourceSpans().At(0).ScopeSpans()
		for i, s := range lists.At(0).Spans().All() {
			s.SetKind(tt.kinds[i])
			s.SetName(tt.names[i])
		}
		if _, err := newGrouper(&Config{Services: []string{All}}).group(t.Context(), td); err != nil {
			t.Fatal(err)
		}
		if lists.Len() != 1 {
			t.Errorf("kinds %v, names %.20q: %d lists, want 1", tt.kinds, tt.names, lists.Len())
		}
	}
}

func TestConfig(t *testing.T) {
	if err := componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()); err != nil {
		t.Error(err)
	}
	if err := (&Config{Services: []string{"a", All}}).Validate(); err != nil {
		t.Error(err)
	}
	const want = `services[1]: must not be empty
services[2]: "a" is listed twice`
	if err := (&Config{Services: []string{"a", "", "a"}}).Validate(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func BenchmarkGroup(b *testing.B) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = "server GET /" + string(rune('a'+i%26))
	}
	from := ptrace.NewTraces()
	add(from, "a", names...)
	g := newGrouper(&Config{Services: []string{All}})
	for b.Loop() {
		td := ptrace.NewTraces()
		from.CopyTo(td)
		if _, err := g.group(b.Context(), td); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever comes in, every span goes out, in the same resource and scope, each list with the spans of
// one operation.
func FuzzGroup(f *testing.F) {
	td := ptrace.NewTraces()
	add(td, "shop", "server GET /", "client GET", "server GET /")
	add(td, "", "server x")
	var marshaler ptrace.ProtoMarshaler
	seed, err := marshaler.MarshalTraces(td)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, "*")
	f.Add(seed, "shop")
	f.Add([]byte("\x0a\x00\x0a\x02\x12\x00"), "*")
	f.Fuzz(func(t *testing.T, request []byte, service string) {
		var unmarshaler ptrace.ProtoUnmarshaler
		td, err := unmarshaler.UnmarshalTraces(request)
		if err != nil {
			return
		}
		want := spansOf(td)
		td, err = newGrouper(&Config{Services: []string{service}}).group(t.Context(), td)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, spansOf(td)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for _, resource := range td.ResourceSpans().All() {
			for _, list := range resource.ScopeSpans().All() {
				operation, isMarked := list.Scope().Attributes().Get(Attribute)
				for i, s := range list.Spans().All() {
					if isMarked && operation.Type() == pcommon.ValueTypeStr && i > 0 && operationOf(s) != operationOf(list.Spans().At(0)) {
						t.Errorf("%s and %s are together as %q", s.Name(), list.Spans().At(0).Name(), operation.Str())
					}
				}
			}
		}
	})
}

// spansOf counts spans by their resource, scope, id and name.
func spansOf(td ptrace.Traces) map[string]int {
	count := make(map[string]int)
	for _, resource := range td.ResourceSpans().All() {
		service := fmt.Sprint(resource.Resource().Attributes().AsRaw()["service.name"])
		for _, list := range resource.ScopeSpans().All() {
			for _, s := range list.Spans().All() {
				count[fmt.Sprintf("%q %q %s %d %q", service, list.Scope().Name(), s.SpanID(), s.Kind(), s.Name())]++
			}
		}
	}
	return count
}
