package engine

import "testing"

func TestTraceRefIsZero(t *testing.T) {
	if !(TraceRef{}).IsZero() {
		t.Error("the zero TraceRef refers to a span")
	}
	if r := (TraceRef{SpanID: [8]byte{1}, Sampled: true}); !r.IsZero() {
		t.Errorf("%v has no trace id, and yet refers to a span", r)
	}
	if r := (TraceRef{TraceID: [16]byte{15: 1}}); r.IsZero() {
		t.Errorf("%v refers to no span", r)
	}
}
