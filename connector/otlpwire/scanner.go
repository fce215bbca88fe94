package otlpwire

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errSyntax  = errors.New("JSON is not well-formed")
	errType    = errors.New("value of a wrong type")
	errEnum    = errors.New("unknown name of a value")
	errNumber  = errors.New("number out of range, or none")
	errBase64  = errors.New("bytes are not in base64")
	errRepeat  = errors.New("resource or scope that is given both before and after its spans")
	errControl = errors.New("control character in a text")
)

// scanner reads JSON. Its first error ends the text, so that whoever reads on comes to the end.
type scanner struct {
	buf []byte
	pos int
	err error
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.pos = len(s.buf)
}

// next returns the next byte that is no space, without passing over it; 0 at the end.
func (s *scanner) next() byte {
	for ; s.pos < len(s.buf); s.pos++ {
		switch c := s.buf[s.pos]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	if s.err == nil {
		s.err = io.ErrUnexpectedEOF
	}
	return 0
}

// expect passes over a byte that must come next.
func (s *scanner) expect(c byte) {
	if s.next() != c {
		s.fail(errSyntax)
		return
	}
	s.pos++
}

// word passes over a word that must come next.
func (s *scanner) word(word string) {
	if s.next(); len(s.buf)-s.pos < len(word) || string(s.buf[s.pos:s.pos+len(word)]) != word {
		s.fail(errSyntax)
		return
	}
	s.pos += len(word)
}

// isNull passes over null if that comes next.
func (s *scanner) isNull() bool {
	if s.next() != 'n' {
		return false
	}
	s.word("null")
	return true
}

// begin passes over the beginning of a list or an object, which may be null instead: then it
// returns false, as it does for an empty one.
func (s *scanner) begin(open, end byte) bool {
	if s.isNull() {
		return false
	}
	if s.next() != open {
		s.fail(errType)
		return false
	}
	s.pos++
	if s.next() == end {
		s.pos++
		return false
	}
	return s.err == nil
}

// more passes over what comes between two items, and returns false at the end.
func (s *scanner) more(end byte) bool {
	switch s.next() {
	case ',':
		s.pos++
		return true
	case end:
		s.pos++
	default:
		s.fail(errSyntax)
	}
	return false
}

// key returns the key of the next field of an object.
func (s *scanner) key() string {
	if s.next() != '"' {
		s.fail(errSyntax)
		return ""
	}
	key := s.text()
	if s.expect(':'); key == "" {
		s.fail(errSyntax)
	}
	return key
}

// raw passes over a text that must come next, and returns what is between its quotes and whether
// something in it is escaped.
func (s *scanner) raw() (text []byte, isEscaped bool) {
	if s.next() != '"' {
		s.fail(errType)
		return nil, false
	}
	s.pos++
	from := s.pos
	for {
		s.pos = special(s.buf, s.pos)
		if s.pos >= len(s.buf) {
			s.fail(io.ErrUnexpectedEOF)
			return nil, false
		}
		switch s.buf[s.pos] {
		case '"':
			text = s.buf[from:s.pos]
			s.pos++
			return text, isEscaped
		case '\\':
			isEscaped = true
			if s.pos += 2; s.pos > len(s.buf) {
				s.fail(io.ErrUnexpectedEOF)
				return nil, false
			}
		default:
			s.fail(errControl)
			return nil, false
		}
	}
}

// special returns the place of the next byte that ends a text, escapes, or must not be in one. It
// looks at eight bytes at a time.
func special(buf []byte, pos int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; pos+8 <= len(buf); pos += 8 {
		x := binary.LittleEndian.Uint64(buf[pos:])
		quote, back := x^(ones*'"'), x^(ones*'\\')
		// The top bit of each byte that is zero, or less than a space. Only the first one is
		// sure to be right.
		found := ((quote-ones)&^quote | (back-ones)&^back | (x-ones*' ')&^x) & tops
		if found != 0 {
			return pos + bits.TrailingZeros64(found)/8
		}
	}
	for ; pos < len(buf); pos++ {
		if c := buf[pos]; c == '"' || c == '\\' || c < ' ' {
			return pos
		}
	}
	return pos
}

// text returns a text that must come next, or "" for null. It shares memory with what is read,
// unless something in it is escaped.
func (s *scanner) text() string {
	if s.isNull() {
		return ""
	}
	raw, isEscaped := s.raw()
	if !isEscaped {
		return text(raw)
	}
	return s.unescape(raw)
}

// unescape returns what a text stands for in which something is escaped.
func (s *scanner) unescape(raw []byte) string {
	plain := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			plain = append(plain, raw[i])
			continue
		}
		i++ // there is another byte: raw would not have ended here
		switch c := raw[i]; c {
		case '"', '\\', '/':
			plain = append(plain, c)
		case 'b':
			plain = append(plain, '\b')
		case 'f':
			plain = append(plain, '\f')
		case 'n':
			plain = append(plain, '\n')
		case 'r':
			plain = append(plain, '\r')
		case 't':
			plain = append(plain, '\t')
		case 'u':
			r, ok := codeUnit(raw[i+1:])
			if !ok {
				s.fail(errSyntax)
				return ""
			}
			i += 4
			if utf16.IsSurrogate(r) && len(raw) > i+2 && raw[i+1] == '\\' && raw[i+2] == 'u' {
				second, ok := codeUnit(raw[i+3:])
				if !ok {
					s.fail(errSyntax)
					return ""
				}
				i += 6
				if both := utf16.DecodeRune(r, second); both != utf8.RuneError {
					r = both
				} else {
					plain, r = utf8.AppendRune(plain, r), second
				}
			}
			plain = utf8.AppendRune(plain, r)
		default:
			s.fail(errSyntax)
			return ""
		}
	}
	return text(plain)
}

// codeUnit returns the number of four hexadecimal digits.
func codeUnit(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var n [2]byte
	if _, err := hex.Decode(n[:], b[:4]); err != nil {
		return 0, false
	}
	return rune(n[0])<<8 | rune(n[1]), true
}

// number returns the next number as it is written, or what a text has in its place. fraction says
// that there may be more than an integer.
func (s *scanner) number(fraction bool) string {
	c := s.next()
	if c == '"' {
		return s.text()
	}
	from := s.pos
	if c == '-' {
		s.pos++
	}
	switch s.at() {
	case '0':
		s.pos++
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		s.digits()
	default:
		s.fail(errType)
		return ""
	}
	if c := s.at(); c == '.' || c == 'e' || c == 'E' {
		if !fraction {
			s.fail(errType)
			return ""
		}
		if c == '.' {
			s.pos++
			s.digits()
		}
		if c := s.at(); c == 'e' || c == 'E' {
			s.pos++
			if c := s.at(); c == '+' || c == '-' {
				s.pos++
			}
			s.digits()
		}
	}
	if s.err != nil {
		return ""
	}
	return text(s.buf[from:s.pos])
}

// at returns the byte at the place, 0 at the end.
func (s *scanner) at() byte {
	if s.pos < len(s.buf) {
		return s.buf[s.pos]
	}
	return 0
}

// digits passes over one digit or more.
func (s *scanner) digits() {
	from := s.pos
	for c := s.at(); '0' <= c && c <= '9'; c = s.at() {
		s.pos++
	}
	if s.pos == from {
		s.fail(errSyntax)
	}
}

// unsigned returns the next number, which must have no more than some bits.
func (s *scanner) unsigned(bits int) uint64 {
	n := s.number(false)
	v, err := strconv.ParseUint(n, 10, bits)
	if err != nil {
		s.fail(errNumber)
	}
	return v
}

// signed returns the next number, which must have no more than some bits.
func (s *scanner) signed(bits int) int64 {
	n := s.number(false)
	v, err := strconv.ParseInt(n, 10, bits)
	if err != nil {
		s.fail(errNumber)
	}
	return v
}

// float passes over the next number.
func (s *scanner) float() {
	if _, err := strconv.ParseFloat(s.number(true), 64); err != nil {
		s.fail(errNumber)
	}
}

// enum returns the next number, or that of the next name.
func (s *scanner) enum(prefix string, names []string) int32 {
	if s.next() != '"' {
		return int32(s.signed(32))
	}
	name := s.text()
	for i, n := range names {
		if len(name) == len(prefix)+len(n) && name[:len(prefix)] == prefix && name[len(prefix):] == n {
			return int32(i)
		}
	}
	s.fail(errEnum)
	return 0
}

// id reads an id in hexadecimal digits. An empty one is none.
func (s *scanner) id(to []byte) {
	clear(to)
	raw, _ := s.raw()
	switch {
	case len(raw) == 0:
	case len(raw) != 2*len(to):
		s.fail(errID)
	default:
		if _, err := hex.Decode(to, raw); err != nil {
			s.fail(errID)
		}
	}
}

// bool passes over a truth value.
func (s *scanner) bool() {
	switch s.next() {
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	default:
		s.fail(errType)
	}
}

// bytes passes over bytes in base64.
func (s *scanner) bytes() {
	raw, _ := s.raw()
	if _, err := base64.StdEncoding.DecodeString(text(raw)); err != nil {
		s.fail(errBase64)
	}
}

// skip passes over any value, with no more than some levels in it.
func (s *scanner) skip(depth int) {
	if depth < 0 {
		s.fail(errTooDeep)
		return
	}
	switch s.next() {
	case '{':
		for ok := s.begin('{', '}'); ok; ok = s.more('}') {
			s.key()
			s.skip(depth - 1)
		}
	case '[':
		for ok := s.begin('[', ']'); ok; ok = s.more(']') {
			s.skip(depth - 1)
		}
	case '"':
		if raw, isEscaped := s.raw(); isEscaped {
			s.unescape(raw)
		}
	case 't', 'f':
		s.bool()
	case 'n':
		s.word("null")
	default:
		s.number(true)
	}
}
