package gomonitorreceiver

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// memory keeps the memory of requests from one to the next. Unlike that of gRPC it is not cleared
// in between, which would take a tenth of the time.
type memory struct{}

var _ mem.BufferPool = memory{}

// The memory of a request: what it begins with, and what is kept for another one.
const (
	firstBody = 64 << 10
	mostKept  = 4 << 20
)

var requests = sync.Pool{New: func() any { return new([]byte) }}

// Get returns some bytes, in which may be anything.
func (memory) Get(length int) *[]byte {
	b := requests.Get().(*[]byte)
	if cap(*b) < length {
		*b = make([]byte, length, max(length+length/4, firstBody)) // the next one may be a little larger
	}
	*b = (*b)[:length]
	return b
}

// Put takes them back.
func (memory) Put(b *[]byte) {
	if cap(*b) <= mostKept {
		requests.Put(b)
	}
}
