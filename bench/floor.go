package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// bareRing is the least that passes reports from one goroutine to another in Go: a
// bounded ring of slots of a cache line each, a position that is claimed with a
// compare-and-swap, a slot that is published with an atomic store, and a reader that does
// nothing but read and give back. It has no second ring, no kinds, no outcomes, no
// traces and no way to be shut down in order. What it costs is the floor under every queue
// that more than one producer may use, so it says how much of a report's cost is ours.
type bareRing struct {
	tail atomic.Uint64
	_    [56]byte
	free atomic.Uint64
	_    [56]byte
	// read is written by the reader alone, as is sum.
	read  uint64
	sum   uint64
	_     [48]byte
	slots []bareSlot
	wake  chan struct{}
	stop  chan struct{}
	done  chan struct{}
}

type bareSlot struct {
	name, service, code string
	duration            time.Duration
	_                   uint32
	round               atomic.Uint32
}

const (
	bareSlots = 2048 // as many as one ring of the default queue has
	bareBatch = 64
)

func newBareRing() *bareRing {
	r := &bareRing{
		slots: make([]bareSlot, bareSlots),
		wake:  make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go r.run()
	return r
}

// push passes a report on; it returns false if the ring is full.
func (r *bareRing) push(service, name, code string, d time.Duration) bool {
	for {
		pos := r.tail.Load()
		if int64(pos-r.free.Load()) >= bareSlots { // below 0: pos is out of date
			return false
		}
		if r.tail.CompareAndSwap(pos, pos+1) {
			s := &r.slots[pos%bareSlots]
			s.name, s.service, s.code, s.duration = name, service, code, d
			s.round.Store(uint32(pos) + 1)
			if pos%(bareSlots/4) == bareSlots/4-1 {
				r.wakeReader()
			}
			return true
		}
	}
}

func (r *bareRing) wakeReader() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run is the reader.
func (r *bareRing) run() {
	defer close(r.done)
	for {
		select {
		case <-r.wake:
			for r.readBatch() {
			}
		case <-r.stop:
			return
		}
	}
}

func (r *bareRing) readBatch() bool {
	n := uint64(0)
	for ; n < bareBatch; n++ {
		s := &r.slots[(r.read+n)%bareSlots]
		if s.round.Load() != uint32(r.read+n)+1 {
			break
		}
		r.sum += uint64(len(s.name)+len(s.service)+len(s.code)) + uint64(s.duration)
	}
	r.read += n
	r.free.Store(r.read)
	return n > 0
}

// settle waits until everything is read.
func (r *bareRing) settle() {
	for r.free.Load() != r.tail.Load() {
		r.wakeReader()
		runtime.Gosched()
	}
}

func (r *bareRing) close() {
	close(r.stop)
	<-r.done
}

// pushEach returns work that passes the named operations' reports through the ring, as
// reportEach does through a monitor.
//
//go:noinline
func pushEach(r *bareRing, names []string, refused *atomic.Uint64) func(producer, from, to int) {
	return func(producer, from, to int) {
		at := start(producer, from, len(names))
		for i := from; i < to; i++ {
			if !r.push("", names[at], "200", latencies[i&latencyMask]) {
				refused.Add(1)
			}
			if at++; at == len(names) {
				at = 0
			}
		}
	}
}
