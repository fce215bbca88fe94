package gomonitorconnector

import (
	"strings"
	"sync"
	"unsafe"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/connector/otlpwire"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// undecodedReader turns the spans of requests that were not decoded into those of the engine,
// by the rules of a reader. It belongs to one goroutine at a time.
type undecodedReader struct {
	*reader
	wire *otlpwire.Reader
	add  func(*otlpwire.Span) // adds a span to those below

	count     int           // the number of spans in the request
	unwatched int           // how many of them are not counted
	spans     []engine.Span // all of them but a monitor's own
}

// mostKept is the number of spans for which memory is kept from one request to the next.
const mostKept = 1 << 14

// newUndecodedReaders returns a pool of readers by the rules of r.
func newUndecodedReaders(r *reader) *sync.Pool {
	return &sync.Pool{New: func() any {
		u := &undecodedReader{reader: r, wire: otlpwire.NewReader(r.mayMatter)}
		u.add = u.addSpan
		return u
	}}
}

// mayMatter reports whether an attribute may matter to the rules, whatever the span's kind.
func (r *reader) mayMatter(key string) bool { return classify.IsWanted(key) || r.rules.WantsText(key) }

// read reads the spans of a request. They are valid until the next call, and their strings as
// long as the request.
func (u *undecodedReader) read(request undecoded.Request) (err error) {
	if cap(u.spans) > mostKept {
		u.spans = nil
	}
	u.spans, u.count, u.unwatched = u.spans[:0], 0, 0
	return undecoded.Read(u.wire, request, u.add)
}

// addSpan adds one span.
func (u *undecodedReader) addSpan(from *otlpwire.Span) {
	u.count++
	if from.Scope == alert.ScopeName { // a monitor's own
		u.unwatched++
		return
	}
	if len(u.spans) == cap(u.spans) {
		u.spans = append(u.spans, engine.Span{})
	} else {
		u.spans = u.spans[:len(u.spans)+1]
		u.spans[len(u.spans)-1] = engine.Span{}
	}
	s := &u.spans[len(u.spans)-1]
	s.Service, s.Sampled = from.Service, true
	if !u.fillUndecoded(s, from) {
		u.unwatched++
	} else if u.details.isWanted(s) {
		s.Details = u.details.readUndecoded(from)
	}
}

// fillUndecoded sets what a span itself says, and reports whether it is watched.
func (r *reader) fillUndecoded(s *engine.Span, from *otlpwire.Span) bool {
	link := engine.Link{Trace: from.TraceID, Span: from.SpanID, Parent: from.ParentID}
	if !r.place(s, &link, from.Kind, from.Start, from.End, from.Flags) {
		return false
	}
	var span classify.Span
	span.SpanKind, span.Name, span.Status, span.Message = s.SpanKind, from.Name, statusOf(from.StatusCode), from.StatusMessage
	span.Service = s.Service
	custom := r.rules.WantsAttributes()
	for i := range from.Attributes {
		a := &from.Attributes[i]
		if custom && r.rules.WantsText(a.Key) {
			r.rules.SetText(&span, a.Key, a.String())
		}
		switch {
		case !span.Wants(a.Key):
		case a.Type == otlpwire.ValueText, a.Type == otlpwire.ValueList && a.Key == classify.ContentType:
			span.Attributes.SetString(a.Key, a.Text)
		case a.Type == otlpwire.ValueInt:
			span.Attributes.SetInt(a.Key, a.Int)
		}
	}
	if !r.quick(s, &span) {
		span.Scope, span.AttributesDropped = from.Scope, from.DroppedAttributes > 0
		span.HasParent = from.ParentID != [8]byte{}
		var e classify.Events
		if span.NeedsEvents() {
			e.IsStream = from.IsStream
			if x := &from.Exception; x.Found {
				e.Exception = classify.Exception{Type: x.Type, Message: x.Message, IsPanic: x.IsLast && classify.IsPanicAt(from.End, x.Time)}
			}
		}
		r.judge(s, &span, e)
	}
	if r.adjusted {
		s.Weight = weightOf(from.TraceState, s.Link.Span)
	}
	return true
}

// keptTexts gives texts memory of their own: those of a request's spans are parts of it, and
// some outlive it. It belongs to one goroutine at a time.
type keptTexts map[string]string

// mostTexts bounds the texts that are kept, longestText the length of one.
const (
	mostTexts   = 1 << 12
	longestText = 256
)

// own returns a text that is no part of the request.
func (k keptTexts) own(text string, request []byte) string {
	if !isWithin(text, request) {
		return text
	}
	if kept, ok := k[text]; ok {
		return kept
	}
	text = strings.Clone(text)
	if len(k) < mostTexts && len(text) <= longestText {
		k[text] = text
	}
	return text
}

// isWithin reports whether a text is a part of some bytes. Addresses are only ever numbers here.
func isWithin(text string, b []byte) bool {
	if text == "" {
		return false
	}
	at, from := uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return at-from < uintptr(len(b))
}
