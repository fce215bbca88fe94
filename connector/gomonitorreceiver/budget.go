package gomonitorreceiver

import "sync/atomic"

// budget bounds the memory of the requests that are being dealt with. It is safe for concurrent
// use, and must not be copied.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take takes some bytes, unless that is too much.
func (b *budget) take(bytes int) bool {
	if b.used.Add(int64(bytes)) <= b.limit {
		return true
	}
	b.give(bytes)
	return false
}

// give gives bytes back.
func (b *budget) give(bytes int) { b.used.Add(-int64(bytes)) }
