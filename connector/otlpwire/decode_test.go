package otlpwire

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func TestSpanDecode(t *testing.T) {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	resource.Resource().Attributes().PutStr("k8s.pod.name", "shop-7f9")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	for _, name := range []string{"first", "second"} {
		s := spans.AppendEmpty()
		s.SetName(name)
		s.Attributes().PutStr("tenant.id", "acme "+name)
		s.Events().AppendEmpty().SetName("retry of " + name)
	}
	request := ptraceotlp.NewExportRequestFromTraces(td)
	proto, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	json, err := request.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(*Reader, func(*Span)) error{
		"protobuf": func(r *Reader, each func(*Span)) error { return r.Protobuf(proto, each) },
		"JSON":     func(r *Reader, each func(*Span)) error { return r.JSON(json, each) },
	} {
		t.Run(name, func(t *testing.T) {
			err := read(NewReader(func(string) bool { return false }), func(s *Span) {
				got := s.Decode()
				if got.SpanCount() != 1 {
					t.Fatalf("%d spans", got.SpanCount())
				}
				of := got.ResourceSpans().At(0)
				if pod, _ := of.Resource().Attributes().Get("k8s.pod.name"); pod.AsString() != "shop-7f9" {
					t.Errorf("pod %q", pod.AsString())
				}
				span := of.ScopeSpans().At(0).Spans().At(0)
				tenant, _ := span.Attributes().Get("tenant.id")
				if span.Name() != s.Name || tenant.AsString() != "acme "+s.Name || span.Events().At(0).Name() != "retry of "+s.Name {
					t.Errorf("got %q, %q", span.Name(), tenant.AsString())
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
