package otlpwire

import (
	"slices"
	"strconv"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/blurooo/go-monitor/v2/classify"
)

// Span is one span of a request. Its strings are parts of the request's bytes, or of memory
// that the [Reader] uses again: they are valid until that is used, or the bytes are changed.
type Span struct {
	// Service is the resource's attribute service.name, "" if that is missing or no text.
	Service string
	// Scope is the name of the instrumentation scope.
	Scope string

	TraceID          [16]byte
	SpanID, ParentID [8]byte
	TraceState       string
	Flags            uint32
	Name             string
	Kind             int32  // by the protocol's numbers, whatever was sent
	Start, End       uint64 // in Unix nanoseconds
	StatusCode       int32  // by the protocol's numbers, whatever was sent
	StatusMessage    string
	// Attributes are those that the [Reader] wants, in their order, at most [MaxAttributes] of
	// them.
	Attributes []Attribute
	// DroppedAttributes is how many more attributes there were.
	DroppedAttributes uint32
	// Exception is the last event named exception.
	Exception Exception
	// IsStream says that the events tell of more than one message of an RPC that went one way.
	IsStream bool

	raw, resource []byte // as they were sent, without tag and length; resource is nil if there is none
	isJSON        bool
}

// Decode decodes the span with its resource, for what a [Reader] leaves out. It returns no spans
// if that is not possible.
func (s *Span) Decode() ptrace.Traces {
	request := ptraceotlp.NewExportRequest()
	var err error
	if s.isJSON {
		resource := s.resource
		if resource == nil {
			resource = []byte("{}")
		}
		err = request.UnmarshalJSON(slices.Concat([]byte(`{"resourceSpans":[{"resource":`), resource, []byte(`,"scopeSpans":[{"spans":[`), s.raw, []byte(`]}]}]}`)))
	} else {
		spans := wrap(itemField, wrap(itemField, s.raw))
		err = request.UnmarshalProto(wrap(headField, slices.Concat(wrap(headField, s.resource), spans)))
	}
	if err != nil {
		return ptrace.NewTraces()
	}
	return request.Traces()
}

// wrap returns a field that holds a message.
func wrap(field byte, content []byte) []byte {
	return slices.Concat(appendLength([]byte{field}, len(content)), content)
}

// MaxAttributes is the number of the attributes of a span that are kept, of those that are wanted.
const MaxAttributes = 64

// Attribute is an attribute of a span.
type Attribute struct {
	Key  string
	Type ValueType
	Text string // of type ValueText; of type ValueList the first of the list, "" if it is no text
	Int  int64  // of type ValueInt

	value  []byte // as it was sent
	isJSON bool
}

// ValueType is the type of an attribute's value, of those that matter.
type ValueType uint8

const (
	// ValueOther is any value that is neither a text nor an integer nor a list.
	ValueOther ValueType = iota
	// ValueText is a text.
	ValueText
	// ValueInt is an integer.
	ValueInt
	// ValueList is a list.
	ValueList
)

// String returns the value as a text, whatever its type, as the Collector does.
func (a *Attribute) String() string {
	switch a.Type {
	case ValueText:
		return a.Text
	case ValueInt:
		return strconv.FormatInt(a.Int, 10)
	}
	// The others are rare: they are decoded.
	request := ptraceotlp.NewExportRequest()
	var err error
	if a.isJSON {
		err = request.UnmarshalJSON(slices.Concat([]byte(`{"resourceSpans":[{"resource":{"attributes":[{"value":`), a.value, []byte(`}]}}]}`)))
	} else {
		wrapped := a.value
		for _, field := range []byte{2<<3 | wireLen, 1<<3 | wireLen, headField, headField} { // value, attribute, resource and request
			wrapped = wrap(field, wrapped)
		}
		err = request.UnmarshalProto(wrapped)
	}
	if err != nil || request.Traces().ResourceSpans().Len() == 0 {
		return ""
	}
	text := ""
	for _, v := range request.Traces().ResourceSpans().At(0).Resource().Attributes().All() {
		text = v.AsString()
	}
	return text
}

// Exception is what is read of an event named exception. The zero value stands for none.
type Exception struct {
	Found         bool
	IsLast        bool   // no other event comes after it
	Time          uint64 // in Unix nanoseconds
	Type, Message string // its attributes exception.type and exception.message, "" unless they are texts
}

// The names of what is looked for.
const (
	serviceName      = "service.name"
	exceptionEvent   = "exception"
	exceptionType    = "exception.type"
	exceptionMessage = "exception.message"
)

// MaxDepth is the number of levels to which values may be nested, as lists and maps are.
const MaxDepth = 100

// exceptionReader gathers what an event says of an exception, if it is one.
type exceptionReader struct {
	Exception
	hasType, hasMessage bool
	isLater             bool // it would be a message that is not the first
}

// add takes an attribute of the event. The first of a name counts.
func (e *exceptionReader) add(a *Attribute) {
	switch {
	case a.Key == exceptionType && !e.hasType:
		e.Type, e.hasType = a.textOnly(), true
	case a.Key == exceptionMessage && !e.hasMessage:
		e.Message, e.hasMessage = a.textOnly(), true
	case a.Type == ValueInt && classify.IsLaterMessage(a.Key, a.Int):
		e.isLater = true
	}
}

// addEvent takes the next event.
func (s *Span) addEvent(name string, e *exceptionReader) {
	if name != exceptionEvent {
		s.Exception.IsLast = false
		s.IsStream = s.IsStream || e.isLater && classify.IsMessage(name)
		return
	}
	s.Exception = e.Exception
	s.Exception.Found, s.Exception.IsLast = true, true
}

// textOnly returns the value if it is a text, and "" if not.
func (a *Attribute) textOnly() string {
	if a.Type != ValueText {
		return ""
	}
	return a.Text
}
