package otlpwire

import (
	"errors"
	"fmt"
)

// ErrMalformed is what is wrong with a request that can't be read, among other things.
var ErrMalformed = errors.New("malformed OTLP")

// Reader reads requests, one after the other. It belongs to one goroutine at a time.
type Reader struct {
	wants func(key string) bool
	each  func(*Span) // nil: what is read is of no use
	span  Span
	// resource is that of the spans that are read, as it was sent.
	resource []byte
	kept     [MaxAttributes]Attribute
}

// NewReader returns a reader that keeps the attributes of spans that wants reports true for.
func NewReader(wants func(key string) bool) *Reader { return &Reader{wants: wants} }

// Protobuf calls each for every span of a request. What that is given is valid only until it
// returns. If the request is malformed, each may have been called for the spans before that.
func (r *Reader) Protobuf(request []byte, each func(*Span)) error {
	r.each = each
	end := r.request(request)
	r.each = nil
	if end < 0 {
		return fmt.Errorf("%w: %w", ErrMalformed, failures[-end])
	}
	return nil
}

// All methods below return the length of what they read, or a negative number if it is malformed.

func (r *Reader) request(buf []byte) int {
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch {
		case n == 1<<3|wireLen:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			if bad := r.resourceSpans(buf[from:pos]); bad < 0 {
				return bad
			}
		case n>>3 == 1:
			return badWireType
		default:
			if pos = skip(buf, next, n); pos < 0 {
				return pos
			}
		}
	}
	return pos
}

// The fields of the lists of a resource and of a scope. Scopes had another number once, under
// which they count where there are none under the new one.
const (
	headField       = 1<<3 | wireLen // the resource, or the scope
	itemField       = 2<<3 | wireLen // its scopes, or its spans
	schemaField     = 3<<3 | wireLen
	deprecatedField = 1000<<3 | wireLen
)

// resourceSpans reads the spans of one resource. What says which resource that is may come
// last, as it does where the Collector wrote it.
func (r *Reader) resourceSpans(buf []byte) int {
	var service Attribute
	hasScopes := false
	r.resource = nil
	for pos := 0; pos < len(buf); {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case headField, itemField, schemaField, deprecatedField:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			if n == headField {
				r.resource = buf[from:pos]
				if bad := resource(r.resource, &service); bad < 0 {
					return bad
				}
			}
			hasScopes = hasScopes || n == itemField
		default:
			if n>>3 <= 3 || n>>3 == 1000 {
				return badWireType
			}
			if pos = skip(buf, next, n); pos < 0 {
				return pos
			}
		}
	}
	r.span.Service = service.textOnly()
	each := r.each
	for pos := 0; pos < len(buf); {
		n, next := tag(buf, pos) // it went well before
		switch n {
		case itemField, deprecatedField:
			var from int
			from, pos = block(buf, next)
			if r.each = each; n == deprecatedField && hasScopes {
				r.each = nil
			}
			if bad := r.scopeSpans(buf[from:pos]); bad < 0 {
				return bad
			}
		default:
			pos = skip(buf, next, n)
		}
	}
	r.each = each
	return len(buf)
}

// resource looks for the name of the service. The first attribute of that name counts.
func resource(buf []byte, service *Attribute) int {
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case 1<<3 | wireLen, 3<<3 | wireLen:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			bad := 0
			if n>>3 == 3 {
				bad = entityMessage.check(buf[from:pos], 0)
			} else {
				var a Attribute
				if bad = keyValue(buf[from:pos], &a); a.Key == serviceName && service.Key == "" {
					*service = a
				}
			}
			if bad < 0 {
				return bad
			}
		default:
			if n>>3 <= 3 && n != 2<<3|wireVarint {
				return badWireType
			}
			if pos = skip(buf, next, n); pos < 0 {
				return pos
			}
		}
	}
	return pos
}

// scopeSpans reads the spans of one scope, whose name may come last.
func (r *Reader) scopeSpans(buf []byte) int {
	r.span.Scope = ""
	for pos := 0; pos < len(buf); {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case headField, itemField, schemaField:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			if n == headField {
				if bad := scope(buf[from:pos], &r.span.Scope); bad < 0 {
					return bad
				}
			}
		default:
			if n>>3 <= 3 {
				return badWireType
			}
			if pos = skip(buf, next, n); pos < 0 {
				return pos
			}
		}
	}
	for pos := 0; pos < len(buf); {
		n, next := tag(buf, pos) // it went well before
		if n != itemField {
			pos = skip(buf, next, n)
			continue
		}
		var from int
		from, pos = block(buf, next)
		r.span = Span{Service: r.span.Service, Scope: r.span.Scope, Attributes: r.kept[:0], raw: buf[from:pos], resource: r.resource}
		if bad := r.spanOf(buf[from:pos]); bad < 0 {
			return bad
		}
		if r.each != nil {
			r.each(&r.span)
		}
	}
	return len(buf)
}

// scope looks for the name of a scope.
func scope(buf []byte, name *string) int {
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case 1<<3 | wireLen, 2<<3 | wireLen, 3<<3 | wireLen:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			switch n >> 3 {
			case 1:
				*name = text(buf[from:pos])
			case 3:
				if bad := keyValueMessage.check(buf[from:pos], MaxDepth); bad < 0 {
					return bad
				}
			}
		default:
			if n>>3 <= 4 && n != 4<<3|wireVarint {
				return badWireType
			}
			if pos = skip(buf, next, n); pos < 0 {
				return pos
			}
		}
	}
	return pos
}

// The fields of a span, with their wire types.
const (
	traceIDField       = 1<<3 | wireLen
	spanIDField        = 2<<3 | wireLen
	traceStateField    = 3<<3 | wireLen
	parentIDField      = 4<<3 | wireLen
	nameField          = 5<<3 | wireLen
	kindField          = 6<<3 | wireVarint
	startField         = 7<<3 | wireI64
	endField           = 8<<3 | wireI64
	attributeField     = 9<<3 | wireLen
	lessAttributeField = 10<<3 | wireVarint
	eventField         = 11<<3 | wireLen
	lessEventField     = 12<<3 | wireVarint
	linkField          = 13<<3 | wireLen
	lessLinkField      = 14<<3 | wireVarint
	statusField        = 15<<3 | wireLen
	flagsField         = 16<<3 | wireI32

	lastField = 16
)

// spanOf reads one span.
func (r *Reader) spanOf(buf []byte) int {
	s := &r.span
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case traceIDField, spanIDField, traceStateField, parentIDField, nameField, attributeField, eventField, linkField, statusField:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			part, bad := buf[from:pos], 0
			switch n {
			case attributeField:
				bad = r.attribute(part)
			case nameField:
				s.Name = text(part)
			case traceIDField:
				bad = id(s.TraceID[:], part)
			case spanIDField:
				bad = id(s.SpanID[:], part)
			case parentIDField:
				bad = id(s.ParentID[:], part)
			case traceStateField:
				s.TraceState = text(part)
			case eventField:
				bad = s.event(part)
			case linkField:
				bad = linkMessage.check(part, MaxDepth)
			case statusField:
				bad = s.status(part)
			}
			if bad < 0 {
				return bad
			}
			continue
		case startField:
			s.Start, pos = i64(buf, next)
		case endField:
			s.End, pos = i64(buf, next)
		case kindField:
			var v uint64
			v, pos = varint(buf, next)
			s.Kind = int32(v)
		case flagsField:
			s.Flags, pos = i32(buf, next)
		case lessAttributeField:
			var v uint64
			v, pos = varint(buf, next)
			s.DroppedAttributes = uint32(v)
		case lessEventField, lessLinkField:
			_, pos = varint(buf, next)
		default:
			if n>>3 <= lastField {
				return badWireType
			}
			pos = skip(buf, next, n)
		}
		if pos < 0 {
			return pos
		}
	}
	return pos
}

// id copies an id. An empty one is none.
func id(to, from []byte) int {
	switch len(from) {
	case len(to):
		copy(to, from)
	case 0:
		clear(to)
	default:
		return badID
	}
	return len(from)
}

// attribute reads an attribute of a span, and keeps it if it is wanted.
func (r *Reader) attribute(buf []byte) int {
	key, value := simple(buf)
	if key == "" {
		var a Attribute
		end := keyValue(buf, &a)
		r.keep(&a)
		return end
	}
	if r.wants(key) && len(r.span.Attributes) < MaxAttributes {
		r.span.Attributes = append(r.span.Attributes, Attribute{Key: key})
		return anyValue(value, &r.span.Attributes[len(r.span.Attributes)-1])
	}
	// Most are short texts, of which there is nothing to check.
	if len(value) >= 2 && value[0] == 1<<3|wireLen && int(value[1]) == len(value)-2 {
		return len(buf)
	}
	return valueMessage.check(value, MaxDepth)
}

// keep keeps an attribute if it is wanted.
func (r *Reader) keep(a *Attribute) {
	if len(r.span.Attributes) < MaxAttributes && r.wants(a.Key) {
		r.span.Attributes = append(r.span.Attributes, *a)
	}
}

// simple returns the key and the value of an attribute if it is written as most are: both once,
// neither long, the key first as by an SDK or last as by the Collector. Else the key is
// empty.
func simple(buf []byte) (key string, value []byte) {
	if len(buf) < 4 || buf[1] >= 0x80 {
		return "", nil
	}
	end := 2 + int(buf[1])
	if end+2 > len(buf) || int(buf[end+1]) != len(buf)-end-2 || buf[end+1] >= 0x80 {
		return "", nil
	}
	first, second := buf[2:end], buf[end+2:]
	switch {
	case buf[0] == 1<<3|wireLen && buf[end] == 2<<3|wireLen:
		return text(first), second
	case buf[0] == 2<<3|wireLen && buf[end] == 1<<3|wireLen:
		return text(second), first
	}
	return "", nil
}

// keyValue reads an attribute. Of several keys or values the last one counts. An attribute with
// several values is as rare as one with none.
func keyValue(buf []byte, a *Attribute) int {
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case 1<<3 | wireLen, 2<<3 | wireLen:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			if n>>3 == 1 {
				a.Key = text(buf[from:pos])
			} else if bad := anyValue(buf[from:pos], a); bad < 0 {
				return bad
			}
		default:
			if n>>3 <= 3 && n != 3<<3|wireVarint {
				return badWireType
			}
			if pos = skip(buf, next, n); pos < 0 {
				return pos
			}
		}
	}
	return pos
}

// anyValue reads a value. Of several the last one counts. Most are one text or one integer.
func anyValue(buf []byte, a *Attribute) int {
	if len(buf) >= 2 {
		switch buf[0] {
		case textField:
			if from, end := block(buf, 1); end == len(buf) {
				a.set(ValueText, text(buf[from:]), 0)
				return end
			}
		case intField:
			if v, end := varint(buf, 1); end == len(buf) {
				a.set(ValueInt, "", int64(v))
				return end
			}
		}
	}
	if bad := valueMessage.check(buf, MaxDepth); bad < 0 {
		return bad
	}
	a.value = buf
	for pos := 0; pos < len(buf); {
		n, next := tag(buf, pos)
		switch n {
		case listField:
			var from int
			from, pos = block(buf, next)
			a.set(ValueList, firstText(buf[from:pos]), 0)
		case textField:
			var from int
			from, pos = block(buf, next)
			a.set(ValueText, text(buf[from:pos]), 0)
		case intField:
			var v uint64
			v, pos = varint(buf, next)
			a.set(ValueInt, "", int64(v))
		default:
			if n>>3 < uint32(len(valueMessage.fields)) && valueMessage.fields[n>>3].wire != 0 {
				a.set(ValueOther, "", 0)
			}
			pos = skip(buf, next, n)
		}
	}
	return len(buf)
}

// The fields of a value that are read.
const (
	textField = 1<<3 | wireLen
	intField  = 3<<3 | wireVarint
	listField = 5<<3 | wireLen
)

// firstText returns the first value of a list, which is well-formed, if that is a text.
func firstText(list []byte) string {
	for pos := 0; pos < len(list); {
		n, next := tag(list, pos)
		if n != 1<<3|wireLen {
			pos = skip(list, next, n)
			continue
		}
		from, end := block(list, next)
		var first Attribute
		anyValue(list[from:end], &first)
		return first.textOnly()
	}
	return ""
}

func (a *Attribute) set(t ValueType, text string, i int64) { a.Type, a.Text, a.Int = t, text, i }

// status reads the status of a span.
func (s *Span) status(buf []byte) int {
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case 2<<3 | wireLen:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			s.StatusMessage = text(buf[from:pos])
		case 3<<3 | wireVarint:
			var v uint64
			v, pos = varint(buf, next)
			s.StatusCode = int32(v)
		default:
			if n>>3 == 2 || n>>3 == 3 {
				return badWireType
			}
			pos = skip(buf, next, n)
		}
		if pos < 0 {
			return pos
		}
	}
	return pos
}

// event reads an event of a span. Of its attributes the first of a name counts.
func (s *Span) event(buf []byte) int {
	var e exceptionReader
	name := ""
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		switch n {
		case 1<<3 | wireI64:
			e.Time, pos = i64(buf, next)
		case 2<<3 | wireLen, 3<<3 | wireLen:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			if n>>3 == 2 {
				name = text(buf[from:pos])
				continue
			}
			var a Attribute
			if bad := keyValue(buf[from:pos], &a); bad < 0 {
				return bad
			}
			e.add(&a)
		default:
			if n>>3 <= 4 && n != 4<<3|wireVarint {
				return badWireType
			}
			pos = skip(buf, next, n)
		}
		if pos < 0 {
			return pos
		}
	}
	s.addEvent(name, &e)
	return pos
}
