package otlpwire

import "fmt"

// JSON is [Reader.Protobuf] for a request that is written in JSON. Of a well-formed text it
// refuses what the Collector's decoder refuses, and an object with an empty key.
func (r *Reader) JSON(request []byte, each func(*Span)) error {
	s := scanner{buf: request}
	r.each = each
	r.requestJSON(&s)
	r.each = nil
	if s.err == nil {
		for _, c := range s.buf[s.pos:] {
			if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				s.err = errSyntax
			}
		}
	}
	if s.err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, s.err)
	}
	return nil
}

// unknownDepth is the number of levels in what is of no meaning here.
const unknownDepth = 4 * MaxDepth

func (r *Reader) requestJSON(s *scanner) {
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "resourceSpans", "resource_spans":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				r.resourceSpansJSON(s)
			}
		default:
			s.skip(unknownDepth)
		}
	}
}

// What spans belong to has to be known before them. Where it comes later, as in no usual
// sender's requests, it is read ahead.

func (r *Reader) resourceSpansJSON(s *scanner) {
	var service Attribute
	r.resource = nil
	resource := func() {
		from := s.pos
		resourceJSON(s, &service)
		r.resource = s.buf[from:max(from, s.pos)]
	}
	isRead, isAhead, isOver := false, false, false
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch key := s.key(); key {
		case resourceKey:
			switch {
			case isAhead:
				s.skip(unknownDepth) // it was read ahead
			case isOver:
				s.fail(errRepeat)
			default:
				resource()
				isRead = true
			}
		case "scopeSpans", "scope_spans":
			if !isRead && !isAhead {
				isAhead = true
				s.ahead(resourceKey, resource)
			}
			r.span.Service = service.textOnly()
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				r.scopeSpansJSON(s)
			}
			isOver = true
		case "schemaUrl", "schema_url":
			s.text()
		case "deprecatedScopeSpans", "deprecated_scope_spans":
			each := r.each
			r.each = nil // they must be well-formed, and are not used
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				r.scopeSpansJSON(s)
			}
			r.each = each
		default:
			s.skip(unknownDepth)
		}
	}
}

const (
	resourceKey = "resource"
	scopeKey    = "scope"
)

// ahead calls read for all values of a key that come after the next value in an object, and
// goes back to that one.
func (s *scanner) ahead(key string, read func()) {
	pos := s.pos
	for s.skip(unknownDepth); s.more('}'); {
		if s.key() == key {
			read()
		} else {
			s.skip(unknownDepth)
		}
	}
	if s.err == nil {
		s.pos = pos
	}
}

func resourceJSON(s *scanner, service *Attribute) {
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "attributes":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				if a := keyValueJSON(s, MaxDepth); a.Key == serviceName && service.Key == "" {
					*service = a
				}
			}
		case "droppedAttributesCount", "dropped_attributes_count":
			s.unsigned(32)
		case "entityRefs", "entity_refs":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				entityJSON(s)
			}
		default:
			s.skip(unknownDepth)
		}
	}
}

func entityJSON(s *scanner) {
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "schemaUrl", "schema_url", "type":
			s.text()
		case "idKeys", "id_keys", "descriptionKeys", "description_keys":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				s.text()
			}
		default:
			s.skip(unknownDepth)
		}
	}
}

func (r *Reader) scopeSpansJSON(s *scanner) {
	r.span.Scope = ""
	isRead, isAhead, isOver := false, false, false
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case scopeKey:
			switch {
			case isAhead:
				s.skip(unknownDepth) // it was read ahead
			case isOver:
				s.fail(errRepeat)
			default:
				scopeJSON(s, &r.span.Scope)
				isRead = true
			}
		case "spans":
			if !isRead && !isAhead {
				isAhead = true
				s.ahead(scopeKey, func() { scopeJSON(s, &r.span.Scope) })
			}
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				r.span = Span{Service: r.span.Service, Scope: r.span.Scope, Attributes: r.kept[:0], resource: r.resource, isJSON: true}
				from := s.pos
				r.spanJSON(s)
				if s.err == nil && r.each != nil {
					r.span.raw = s.buf[from:s.pos]
					r.each(&r.span)
				}
			}
			isOver = true
		case "schemaUrl", "schema_url":
			s.text()
		default:
			s.skip(unknownDepth)
		}
	}
}

func scopeJSON(s *scanner, name *string) {
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "name":
			*name = s.text()
		case "version":
			s.text()
		case "attributes":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				keyValueJSON(s, MaxDepth)
			}
		case "droppedAttributesCount", "dropped_attributes_count":
			s.unsigned(32)
		default:
			s.skip(unknownDepth)
		}
	}
}

// The names of the protocol's enums, by their numbers.
var (
	kindNames   = []string{"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
	statusNames = []string{"UNSET", "OK", "ERROR"}
)

func (r *Reader) spanJSON(s *scanner) {
	to := &r.span
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "traceId", "trace_id":
			s.id(to.TraceID[:])
		case "spanId", "span_id":
			s.id(to.SpanID[:])
		case "parentSpanId", "parent_span_id":
			s.id(to.ParentID[:])
		case "traceState", "trace_state":
			to.TraceState = s.text()
		case "flags":
			to.Flags = uint32(s.unsigned(32))
		case "name":
			to.Name = s.text()
		case "kind":
			to.Kind = s.enum("SPAN_KIND_", kindNames)
		case "startTimeUnixNano", "start_time_unix_nano":
			to.Start = s.unsigned(64)
		case "endTimeUnixNano", "end_time_unix_nano":
			to.End = s.unsigned(64)
		case "attributes":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				a := keyValueJSON(s, MaxDepth)
				r.keep(&a)
			}
		case "droppedAttributesCount", "dropped_attributes_count":
			to.DroppedAttributes = uint32(s.unsigned(32))
		case "droppedEventsCount", "dropped_events_count", "droppedLinksCount", "dropped_links_count":
			s.unsigned(32)
		case "events":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				to.eventJSON(s)
			}
		case "links":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				linkJSON(s)
			}
		case "status":
			to.statusJSON(s)
		default:
			s.skip(unknownDepth)
		}
	}
}

func (to *Span) statusJSON(s *scanner) {
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "message":
			to.StatusMessage = s.text()
		case "code":
			to.StatusCode = s.enum("STATUS_CODE_", statusNames)
		default:
			s.skip(unknownDepth)
		}
	}
}

func (to *Span) eventJSON(s *scanner) {
	var e exceptionReader
	name := ""
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "timeUnixNano", "time_unix_nano":
			e.Time = s.unsigned(64)
		case "name":
			name = s.text()
		case "attributes":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				a := keyValueJSON(s, MaxDepth)
				e.add(&a)
			}
		case "droppedAttributesCount", "dropped_attributes_count":
			s.unsigned(32)
		default:
			s.skip(unknownDepth)
		}
	}
	to.addEvent(name, &e)
}

func linkJSON(s *scanner) {
	var id [16]byte
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "traceId", "trace_id":
			s.id(id[:])
		case "spanId", "span_id":
			s.id(id[:8])
		case "traceState", "trace_state":
			s.text()
		case "attributes":
			for ok := s.begin('[', ']'); ok; ok = s.more(']') {
				keyValueJSON(s, MaxDepth)
			}
		case "droppedAttributesCount", "dropped_attributes_count", "flags":
			s.unsigned(32)
		default:
			s.skip(unknownDepth)
		}
	}
}

func keyValueJSON(s *scanner, depth int) (a Attribute) {
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch s.key() {
		case "key":
			a.Key = s.text()
		case "value":
			s.next()
			from := s.pos
			valueJSON(s, &a, depth)
			if s.err == nil {
				a.value, a.isJSON = s.buf[from:s.pos], true
			}
		case "keyStrindex", "key_strindex":
			s.signed(32)
		default:
			s.skip(unknownDepth)
		}
	}
	return a
}

// valueJSON reads a value, in which may be some levels.
func valueJSON(s *scanner, a *Attribute, depth int) {
	if depth--; depth < 0 {
		s.fail(errTooDeep)
		return
	}
	for ok := s.begin('{', '}'); ok; ok = s.more('}') {
		switch key := s.key(); key {
		case "stringValue", "string_value":
			a.set(ValueText, s.text(), 0)
		case "intValue", "int_value":
			a.set(ValueInt, "", s.signed(64))
		case "boolValue", "bool_value":
			s.bool()
			a.set(ValueOther, "", 0)
		case "doubleValue", "double_value":
			s.float()
			a.set(ValueOther, "", 0)
		case "bytesValue", "bytes_value":
			s.bytes()
			a.set(ValueOther, "", 0)
		case "stringValueStrindex", "string_value_strindex":
			s.signed(32)
			a.set(ValueOther, "", 0)
		case "arrayValue", "array_value", "kvlistValue", "kvlist_value":
			isList := key[0] == 'a'
			first, isFirst := "", true
			for ok := s.begin('{', '}'); ok; ok = s.more('}') {
				if s.key() != "values" {
					s.skip(unknownDepth)
					continue
				}
				for ok := s.begin('[', ']'); ok; ok = s.more(']') {
					var inner Attribute
					if isList {
						valueJSON(s, &inner, depth)
						if isFirst {
							first, isFirst = inner.textOnly(), false
						}
					} else {
						keyValueJSON(s, depth)
					}
				}
			}
			if a.set(ValueOther, "", 0); isList {
				a.set(ValueList, first, 0)
			}
		default:
			s.skip(unknownDepth)
		}
	}
}
