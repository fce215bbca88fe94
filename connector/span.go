package gomonitorconnector

import (
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// reader converts the Collector's spans to the engine's. It is safe for concurrent use.
type reader struct {
	rules    *classify.Rules
	kinds    kindSet
	adjusted bool // weigh spans by their sampling threshold
	details  detailReader
}

func newReader(c *Config) *reader {
	return &reader{rules: classify.New(c.Codes, c.Outcomes, c.Rules), kinds: newKindSet(c.Kinds), adjusted: c.AdjustedCounts}
}

// read appends all spans of td and returns how many of them are not watched. They share the
// strings of td.
func (r *reader) read(to []engine.Span, td ptrace.Traces) (spans []engine.Span, unwatched int) {
	to = slices.Grow(to, td.SpanCount())
	unwatched = r.each(td, new(engine.Span), func(s *engine.Span) { to = append(to, *s) })
	return to, unwatched
}

// each fills s with each span of td in turn and calls f with it. It returns how many of them are
// not watched. s shares the strings of td.
func (r *reader) each(td ptrace.Traces, s *engine.Span, f func(*engine.Span)) (unwatched int) {
	resources := td.ResourceSpans()
	for i := range resources.Len() {
		resource := resources.At(i)
		service := textOf(resource.Resource().Attributes(), "service.name")
		scopes := resource.ScopeSpans()
		for j := range scopes.Len() {
			scope := scopes.At(j)
			if scope.Scope().Name() == alert.ScopeName { // a monitor's own
				unwatched += scope.Spans().Len()
				continue
			}
			of := scope.Spans()
			for k := range of.Len() {
				*s = engine.Span{}
				s.Service, s.Sampled = service, true
				if !r.fill(s, of.At(k), scope.Scope()) {
					unwatched++
				} else if r.details.isWanted(s) {
					s.Details = r.details.read(of.At(k), resource.Resource())
				}
				f(s)
			}
		}
	}
	return unwatched
}

// fill sets the fields that come from the span itself, and reports whether it is watched.
func (r *reader) fill(s *engine.Span, from ptrace.Span, scope pcommon.InstrumentationScope) bool {
	link := engine.Link{Trace: from.TraceID(), Span: from.SpanID(), Parent: from.ParentSpanID()}
	if !r.place(s, &link, int32(from.Kind()), uint64(from.StartTimestamp()), uint64(from.EndTimestamp()), from.Flags()) {
		return false
	}
	status := from.Status()
	var span classify.Span
	span.SpanKind, span.Name, span.Status, span.Message = s.SpanKind, from.Name(), statusOf(int32(status.Code())), status.Message()
	span.Service = s.Service
	custom := r.rules.WantsAttributes()
	for key, value := range from.Attributes().All() {
		if custom && r.rules.WantsText(key) {
			r.rules.SetText(&span, key, value.AsString())
		}
		if !span.Wants(key) {
			continue
		}
		switch value.Type() {
		case pcommon.ValueTypeStr:
			span.Attributes.SetString(key, value.Str())
		case pcommon.ValueTypeInt:
			span.Attributes.SetInt(key, value.Int())
		case pcommon.ValueTypeSlice:
			if first := value.Slice(); key == classify.ContentType && first.Len() > 0 && first.At(0).Type() == pcommon.ValueTypeStr {
				span.Attributes.SetString(key, first.At(0).Str())
			}
		}
	}
	if !r.quick(s, &span) {
		span.Scope = scope.Name()
		span.HasParent = !from.ParentSpanID().IsEmpty()
		span.AttributesDropped = from.DroppedAttributesCount() > 0
		var e classify.Events
		if span.NeedsEvents() {
			e = eventsOf(from)
		}
		r.judge(s, &span, e)
	}
	if r.adjusted {
		s.Weight = weightOf(from.TraceState().AsRaw(), s.Link.Span)
	}
	return true
}

// place sets when and where a call was, from what the protocol says of it, and reports whether
// it is watched. It sets the fields one by one: copying a struct right after its fields were
// written stalls the processor.
func (r *reader) place(s *engine.Span, link *engine.Link, kind int32, start, end uint64, flags uint32) (watched bool) {
	s.End = int64(min(end, math.MaxInt64))
	s.Duration = engine.Untimed
	if 0 < start && start <= end { // otherwise the duration is unknown
		s.Duration = time.Duration(min(end-start, math.MaxInt64))
	}
	s.SpanKind = kindOf(kind)
	s.Link.Trace, s.Link.Span, s.Link.Parent = link.Trace, link.Span, link.Parent
	s.Link.RemoteParent = isRemoteParent(&s.Link, s.SpanKind, flags)
	s.Unwatched = !r.kinds.has(s.SpanKind)
	return !s.Unwatched
}

// quick sets which operation a span stands for, and, for the calls of which most are, how it
// ended. For all others it returns false.
func (r *reader) quick(s *engine.Span, span *classify.Span) (ok bool) {
	s.Operation = r.rules.Operation(span)
	if s.Code, ok = r.rules.Quick(span); ok {
		s.Outcome = engine.OutcomeSuccess
	}
	return ok
}

// judge sets how a call ended.
func (r *reader) judge(s *engine.Span, span *classify.Span, e classify.Events) {
	result := r.rules.Classify(span, e)
	s.Code, s.Outcome, s.Untimed = result.Code, result.Outcome, result.Untimed
}

// isRemoteParent reports whether a span's parent lives elsewhere. Where the sender does not say
// so, the kind does: what handles a request mostly has its parent where that came from, and
// everything else has it in its own process.
func isRemoteParent(l *engine.Link, kind engine.SpanKind, flags uint32) bool {
	const (
		isKnown  = 1 << 8 // the flags say whether the parent is remote
		isRemote = 1 << 9
	)
	switch {
	case l.Parent == [8]byte{}:
		return false
	case flags&isKnown != 0:
		return flags&isRemote != 0
	}
	return kind == engine.SpanKindServer || kind == engine.SpanKindConsumer
}

// kindOf returns the engine's value for a span kind. A kind that is not set or not known counts
// as internal, as the protocol allows.
func kindOf(k int32) engine.SpanKind {
	if k < int32(engine.SpanKindInternal) || k > int32(engine.SpanKindConsumer) {
		return engine.SpanKindInternal
	}
	return engine.SpanKind(k) // both have the protocol's numbers
}

// statusOf returns the status of a code of the protocol, whose numbers it has.
func statusOf(c int32) classify.Status {
	if c < int32(classify.StatusUnset) || c > int32(classify.StatusError) {
		return classify.StatusUnset
	}
	return classify.Status(c)
}

// eventsOf returns the exception that ended the call, which is the last one, since those before
// it were followed by another attempt, and whether an RPC was a stream.
func eventsOf(s ptrace.Span) (found classify.Events) {
	events := s.Events()
	hasException := false
	for i := events.Len() - 1; i >= 0 && (!hasException || !found.IsStream); i-- {
		e := events.At(i)
		switch name := e.Name(); {
		case name == classify.ExceptionEvent && !hasException:
			hasException = true
			attrs := e.Attributes()
			found.Exception = classify.Exception{
				Type:    textOf(attrs, classify.ExceptionType),
				Message: textOf(attrs, classify.ExceptionMessage),
				IsPanic: i == events.Len()-1 && classify.IsPanicAt(uint64(s.EndTimestamp()), uint64(e.Timestamp())),
			}
		case classify.IsMessage(name):
			for key, value := range e.Attributes().All() {
				if value.Type() == pcommon.ValueTypeInt && classify.IsLaterMessage(key, value.Int()) {
					found.IsStream = true
				}
			}
		}
	}
	return found
}

// textOf returns a string attribute, "" if there is none or it is no string.
func textOf(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok && v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return ""
}

// weightOf returns how many calls a span stands for, by the sampling threshold in its
// tracestate; 1 if there is none. A span that was kept with probability p stands for 1/p calls.
// If that is no whole number, the span id decides whether it is rounded up or down, so that the
// sum over many spans is right.
// See https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/.
func weightOf(tracestate string, id [8]byte) uint64 {
	threshold, ok := thresholdOf(tracestate)
	if !ok {
		return 1
	}
	const all = 1 << 56
	kept := max(all-threshold, all/maxWeight) // of all numbers that a trace can draw
	weight, rest := all/kept, all%kept
	// Add one with probability rest/kept: if random/all < rest/kept.
	highA, lowA := bits.Mul64(mix(id)>>8, kept)
	highB, lowB := bits.Mul64(rest, all)
	if highA < highB || highA == highB && lowA < lowB {
		weight++
	}
	return weight
}

// maxWeight is the largest number of calls that a span can stand for. Nobody keeps less than one
// trace of some ten thousand, since even of a thousand calls a second that leaves less than one in
// ten seconds.
const maxWeight = 1 << 14

// mix spreads the bits of a span id, which need not be random, by the finalizer of MurmurHash3.
func mix(id [8]byte) uint64 {
	var x uint64
	for _, b := range id {
		x = x<<8 | uint64(b)
	}
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// thresholdOf returns the rejection threshold in a tracestate: the value of th in the entry ot,
// 1 to 14 hexadecimal digits. Digits missing at the end are zeros.
func thresholdOf(tracestate string) (threshold uint64, ok bool) {
	for tracestate != "" {
		var entry string
		entry, tracestate, _ = strings.Cut(tracestate, ",")
		fields, isOurs := strings.CutPrefix(strings.Trim(entry, " \t"), "ot=")
		if !isOurs {
			continue
		}
		for fields != "" {
			var field string
			field, fields, _ = strings.Cut(fields, ";")
			if digits, isThreshold := strings.CutPrefix(field, "th:"); isThreshold {
				return parseThreshold(digits)
			}
		}
		return 0, false
	}
	return 0, false
}

func parseThreshold(digits string) (uint64, bool) {
	const most = 14
	if digits == "" || len(digits) > most {
		return 0, false
	}
	var t uint64
	for i := range len(digits) {
		switch d := digits[i]; {
		case '0' <= d && d <= '9':
			t = t<<4 | uint64(d-'0')
		case 'a' <= d && d <= 'f':
			t = t<<4 | uint64(d-'a'+10)
		default:
			return 0, false
		}
	}
	return t << (4 * (most - len(digits))), true
}

// kindSet is a set of span kinds, a bit for each.
type kindSet uint8

func newKindSet(kinds []engine.SpanKind) kindSet {
	var set kindSet
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

func (set kindSet) has(k engine.SpanKind) bool { return set>>k&1 != 0 }
