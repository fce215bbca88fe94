package nesting

// MaxDepth is the number of levels to which messages in a request may be nested. The messages of
// OTLP take up seven; what is left is for values in values, three levels for each map.
const MaxDepth = 300

// MaxParts is the number of messages and texts that a request may have, all levels together. The
// decoder takes some hundred bytes of memory for a message that takes two in the request. Ten
// thousand spans with ten attributes each have about 500,000.
const MaxParts = 1 << 19

// The wire types of protobuf.
const (
	wireVarint     = 0
	wireI64        = 1
	wireLen        = 2
	wireStartGroup = 3
	wireEndGroup   = 4
	wireI32        = 5
)

// tooMuch reports whether a message may be nested deeper than MaxDepth levels, or have more than
// MaxParts parts, whatever kind of message it is.
//
// Nothing says here which fields are messages and which are texts: each is looked into as far as
// it could be a message. That takes a text for a message now and then, but no text is MaxDepth
// messages within each other by chance: the length of each would have to fit. Each byte is looked
// at once.
func tooMuch(message []byte) bool {
	var ends [MaxDepth]int // of the messages around the one that is being looked into
	depth, parts, pos, end := 0, 0, 0, len(message)
	for {
		for pos >= end {
			if depth == 0 {
				return false
			}
			depth--
			pos, end = end, ends[depth]
		}
		tag, next := varint(message[:end], pos)
		if next < 0 {
			pos = end // it is no message, or the decoder ends here, too
			continue
		}
		switch tag & 7 {
		case wireVarint:
			_, pos = varint(message[:end], next)
		case wireI64:
			pos = next + 8
		case wireI32:
			pos = next + 4
		case wireStartGroup, wireEndGroup: // what is in it comes next
			pos = next
		case wireLen:
			length, from := varint(message[:end], next)
			if from < 0 || length > uint64(end-from) {
				pos = end
				continue
			}
			if parts++; depth == MaxDepth || parts > MaxParts {
				return true
			}
			ends[depth] = end
			depth++
			pos, end = from, from+int(length)
			continue
		default:
			pos = end
		}
		if pos < 0 || pos > end {
			pos = end
		}
	}
}

// varint reads an integer as leniently as the Collector's decoder does. next is negative if it
// is malformed.
func varint(b []byte, pos int) (n uint64, next int) {
	for shift := uint(0); shift < 64; shift += 7 {
		if pos >= len(b) {
			return 0, -1
		}
		c := b[pos]
		pos++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n, pos
		}
	}
	return 0, -1
}
