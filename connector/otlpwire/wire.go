package otlpwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// The wire types of protobuf.
const (
	wireVarint     = 0
	wireI64        = 1
	wireLen        = 2
	wireStartGroup = 3
	wireEndGroup   = 4
	wireI32        = 5
)

// The functions below return the position behind what they read. A negative one says that it
// is malformed, and how: it is the place of the reason in failures, negated. To hand on
// an error instead would take a good part of the time.
const (
	badOverflow = -1 - iota
	badLength
	badField
	badWireType
	badEndGroup
	badTruncated
	badID
	badDepth
)

var (
	errOverflow = errors.New("integer of more than 64 bits")
	errLength   = errors.New("negative length")
	errField    = errors.New("illegal field number")
	errWireType = errors.New("illegal wire type")
	errEndGroup = errors.New("end of a group that did not begin")
	errID       = errors.New("id of a wrong length")
	errTooDeep  = fmt.Errorf("values nested to more than %d levels", MaxDepth)

	failures = [...]error{-badOverflow: errOverflow, -badLength: errLength, -badField: errField, -badWireType: errWireType, -badEndGroup: errEndGroup, -badTruncated: io.ErrUnexpectedEOF, -badID: errID, -badDepth: errTooDeep}
)

// varint reads an integer.
func varint(buf []byte, pos int) (n uint64, next int) {
	if pos < len(buf) && buf[pos] < 0x80 {
		return uint64(buf[pos]), pos + 1
	}
	return longVarint(buf, pos)
}

func longVarint(buf []byte, pos int) (n uint64, next int) {
	for shift := uint(0); shift < 64; shift += 7 {
		if pos >= len(buf) {
			return 0, badTruncated
		}
		b := buf[pos]
		pos++
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, pos
		}
	}
	return 0, badOverflow
}

// tag reads the number and the wire type of a field: the wire type is in the lower three bits.
func tag(buf []byte, pos int) (n uint32, next int) {
	if pos < len(buf) && buf[pos]-8 < 0x78 {
		return uint32(buf[pos]), pos + 1
	}
	return longTag(buf, pos)
}

func longTag(buf []byte, pos int) (n uint32, next int) {
	long, next := longVarint(buf, pos)
	if next < 0 {
		return 0, next
	}
	number := int32(long >> 3)
	if number <= 0 {
		return 0, badField
	}
	number = min(number, maxField) // one that nobody knows is as good as another
	return uint32(number)<<3 | uint32(long&7), next
}

// maxField is the largest number that a field can have, in 29 bits.
const maxField = 1<<29 - 1

// block reads a length, and returns where that many bytes begin and end.
func block(buf []byte, pos int) (from, to int) {
	if pos < len(buf) {
		if n := int(buf[pos]); n < 0x80 && n < len(buf)-pos {
			return pos + 1, pos + 1 + n
		}
	}
	return longBlock(buf, pos)
}

func longBlock(buf []byte, pos int) (from, to int) {
	n, from := longVarint(buf, pos)
	if from < 0 {
		return 0, from
	}
	if int(n) < 0 {
		return 0, badLength
	}
	if int(n) > len(buf)-from {
		return 0, badTruncated
	}
	return from, from + int(n)
}

func i64(buf []byte, pos int) (n uint64, next int) {
	if len(buf)-pos < 8 {
		return 0, badTruncated
	}
	return binary.LittleEndian.Uint64(buf[pos:]), pos + 8
}

func i32(buf []byte, pos int) (n uint32, next int) {
	if len(buf)-pos < 4 {
		return 0, badTruncated
	}
	return binary.LittleEndian.Uint32(buf[pos:]), pos + 4
}

// skip passes over a field of the given wire type. Of a group it passes over no more than its
// beginning and its first field, as the Collector's decoder does.
func skip(buf []byte, pos int, wire uint32) int {
	for depth := 0; pos < len(buf); {
		switch wire & 7 {
		case wireVarint:
			_, pos = varint(buf, pos)
			return pos
		case wireI64:
			_, pos = i64(buf, pos)
			return pos
		case wireLen:
			_, pos = block(buf, pos)
			return pos
		case wireI32:
			_, pos = i32(buf, pos)
			return pos
		case wireStartGroup:
			depth++
		case wireEndGroup:
			if depth == 0 {
				return badEndGroup
			}
			depth--
		default:
			return badWireType
		}
		if depth == 0 {
			return pos
		}
		if wire, pos = tag(buf, pos); pos < 0 {
			return pos
		}
	}
	return badTruncated
}

// text returns bytes as a string that shares their memory.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
