package otlpwire

// message says of the fields of a kind of message, by their numbers, what they are. What no
// field is known of is skipped.
type message struct {
	fields [17]field
}

// field is what is known of a field.
type field struct {
	wire  uint8 // its wire type, and one
	bytes uint8 // how many it has, if it is not empty; 0: any number
	of    *message
}

var (
	anyField    = field{wire: wireLen + 1}
	varintField = field{wire: wireVarint + 1}
	i64Field    = field{wire: wireI64 + 1}
	i32Field    = field{wire: wireI32 + 1}
	traceID     = field{wire: wireLen + 1, bytes: 16}
	spanID      = field{wire: wireLen + 1, bytes: 8}
)

func of(m *message) field { return field{wire: wireLen + 1, of: m} }

// The messages that are looked through but not read.
var (
	valueMessage    = new(message)
	keyValueMessage = &message{[17]field{1: anyField, 2: of(valueMessage), 3: varintField}}
	listMessage     = &message{[17]field{1: of(valueMessage)}}
	mapMessage      = &message{[17]field{1: of(keyValueMessage)}}
	entityMessage   = &message{[17]field{1: anyField, 2: anyField, 3: anyField, 4: anyField}}
	linkMessage     = &message{[17]field{1: traceID, 2: spanID, 3: anyField, 4: of(keyValueMessage), 5: varintField, 6: i32Field}}
)

func init() {
	valueMessage.fields = [17]field{1: anyField, 2: varintField, 3: varintField, 4: i64Field, 5: of(listMessage), 6: of(mapMessage), 7: anyField, 8: varintField}
}

// check looks through a message for what is malformed, and returns its length if there is
// nothing. Values may be nested to a depth.
func (m *message) check(buf []byte, depth int) int {
	if m == valueMessage {
		if depth--; depth < 0 {
			return badDepth
		}
	}
	pos := 0
	for pos < len(buf) {
		n, next := tag(buf, pos)
		if next < 0 {
			return next
		}
		var f field
		if int(n>>3) < len(m.fields) {
			f = m.fields[n>>3]
		}
		switch {
		case f.wire != 0 && f.wire != uint8(n&7)+1:
			return badWireType
		case f.of == nil && f.bytes == 0:
			pos = skip(buf, next, n)
		default:
			var from int
			if from, pos = block(buf, next); pos < 0 {
				return pos
			}
			if f.of != nil {
				if bad := f.of.check(buf[from:pos], depth); bad < 0 {
					return bad
				}
			} else if pos != from && pos-from != int(f.bytes) {
				return badID
			}
		}
		if pos < 0 {
			return pos
		}
	}
	return pos
}
