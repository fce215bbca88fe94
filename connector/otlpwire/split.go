package otlpwire

// Splitter splits requests into several, by copying parts of them. It belongs to one goroutine at a
// time.
type Splitter struct {
	reader *Reader
	count  func(*Span)
	spans  int
	parts  []Part
	inner  []partial
}

// Part is what goes to one place of a request.
type Part struct {
	// Bytes are a request. It consists of entries, each of which is one, too, and of which few are
	// larger than 1 MiB: only those with a span that large.
	Bytes []byte
	// Ends are where the entries end.
	Ends []int
	// Spans is the number of spans in each entry.
	Spans []int
}

// partial is what a part gets of the resource, and of the scope, that is being split.
type partial struct {
	spans   []byte // the fields of the scope's spans
	scopes  []byte // the fields of the resource's scopes
	counted int    // the spans in both
}

// mostEntry is the size of an entry from which on another one is begun.
const mostEntry = 1 << 20

// NewSplitter returns a splitter for a number of parts.
func NewSplitter(parts int) *Splitter {
	s := &Splitter{reader: NewReader(func(string) bool { return false }), parts: make([]Part, parts), inner: make([]partial, parts)}
	s.count = func(*Span) { s.spans++ }
	return s
}

// Route says which part spans go to.
type Route struct {
	// Service returns the part for all spans of a service; false: Span says so of each.
	Service func(service string) (part int, whole bool)
	// Span returns the part for a span, by its service, its kind and its name.
	Span func(service string, kind int32, name string) (part int)
}

// Split splits a request, in protobuf, and returns how many spans it has. Every span is in one of
// the parts, with its resource and its scope. It returns the errors of [Reader.Protobuf]; nothing
// is in any part then.
func (s *Splitter) Split(request []byte, route Route) (spans int, err error) {
	for i := range s.parts {
		s.parts[i].Bytes, s.parts[i].Ends, s.parts[i].Spans = s.parts[i].Bytes[:0], s.parts[i].Ends[:0], s.parts[i].Spans[:0]
	}
	s.spans = 0
	if err := s.reader.Protobuf(request, s.count); err != nil {
		return 0, err
	}
	// Nothing can go wrong any more: the request is well-formed.
	each(request, func(n uint32, field, content []byte) {
		if n == headField {
			s.resource(field, content, route)
		}
	})
	return s.spans, nil
}

// Part returns a part. It is valid until the next call of Split.
func (s *Splitter) Part(i int) Part { return s.parts[i] }

// each calls f for each field of a well-formed message: with its tag, all of its bytes, and those
// of its content if it has a length.
func each(buf []byte, f func(n uint32, field, content []byte)) {
	for pos := 0; pos < len(buf); {
		n, next := tag(buf, pos)
		var content []byte
		end := 0
		if n&7 == wireLen {
			var from int
			from, end = block(buf, next)
			content = buf[from:end]
		} else {
			end = skip(buf, next, n)
		}
		f(n, buf[pos:end], content)
		pos = end
	}
}

// resource splits the spans of one resource.
func (s *Splitter) resource(field, content []byte, route Route) {
	var service Attribute
	spans, scopes := 0, uint32(deprecatedField)
	each(content, func(n uint32, _, part []byte) {
		switch n {
		case headField:
			resource(part, &service)
		case itemField:
			scopes = itemField // those under the old number are of no use then
		}
	})
	each(content, func(n uint32, _, part []byte) {
		if n == scopes {
			each(part, func(n uint32, _, _ []byte) {
				if n == itemField {
					spans++
				}
			})
		}
	})
	if spans == 0 {
		return
	}
	to, whole := route.Service(service.Text)
	if whole && len(field) <= mostEntry {
		s.parts[to].add(spans, field)
		return
	}
	each(content, func(n uint32, _, part []byte) {
		if n != scopes {
			return
		}
		each(part, func(n uint32, field, span []byte) {
			if n != itemField {
				return
			}
			if !whole {
				kind, name := kindAndName(span)
				to = route.Span(service.Text, kind, name)
			}
			p := &s.inner[to]
			p.spans = append(p.spans, field...)
			if p.counted++; len(p.spans)+len(p.scopes) > mostEntry {
				p.closeScope(part)
				s.parts[to].close(p, content)
			}
		})
		for i := range s.inner {
			s.inner[i].closeScope(part)
		}
	})
	for i := range s.inner {
		s.parts[i].close(&s.inner[i], content)
	}
}

// closeScope makes the spans that were gathered a list of their scope, of which scope has all
// fields.
func (p *partial) closeScope(scope []byte) {
	if len(p.spans) == 0 {
		return
	}
	size := len(p.spans)
	each(scope, func(n uint32, field, _ []byte) {
		if n != itemField {
			size += len(field)
		}
	})
	p.scopes = appendLength(append(p.scopes, byte(itemField)), size)
	each(scope, func(n uint32, field, _ []byte) {
		if n != itemField {
			p.scopes = append(p.scopes, field...)
		}
	})
	p.scopes = append(p.scopes, p.spans...)
	p.spans = p.spans[:0]
}

// close makes the scopes that were gathered an entry of their resource, of which resource has all
// fields.
func (to *Part) close(p *partial, resource []byte) {
	if p.counted == 0 {
		return
	}
	size := len(p.scopes)
	each(resource, func(n uint32, field, _ []byte) {
		if n != itemField && n != deprecatedField {
			size += len(field)
		}
	})
	to.Bytes = appendLength(append(to.Bytes, byte(headField)), size)
	each(resource, func(n uint32, field, _ []byte) {
		if n != itemField && n != deprecatedField {
			to.Bytes = append(to.Bytes, field...)
		}
	})
	to.add(p.counted, p.scopes)
	p.scopes, p.counted = p.scopes[:0], 0
}

// add adds the rest of an entry, with its number of spans.
func (to *Part) add(spans int, rest []byte) {
	to.Bytes = append(to.Bytes, rest...)
	to.Ends, to.Spans = append(to.Ends, len(to.Bytes)), append(to.Spans, spans)
}

// appendLength appends a length.
func appendLength(to []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		to = append(to, byte(n)|0x80)
	}
	return append(to, byte(n))
}

// kindAndName returns what a span says of them.
func kindAndName(span []byte) (kind int32, name string) {
	for pos := 0; pos < len(span); {
		n, next := tag(span, pos)
		switch n {
		case nameField:
			var from int
			from, pos = block(span, next)
			name = text(span[from:pos])
		case kindField:
			var v uint64
			v, pos = varint(span, next)
			kind = int32(v)
		default:
			pos = skip(span, next, n)
		}
	}
	return kind, name
}
