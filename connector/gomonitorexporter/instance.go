package gomonitorexporter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/blurooo/go-monitor/connector/otlpwire"
)

// instance is one of those that spans are spread over, with what waits to be sent to it. add is
// safe for concurrent use; a goroutine of its own sends. It must not be copied.
type instance struct {
	endpoint string
	config   *Config
	logger   *zap.Logger
	tell     func(spans int, sent bool)
	conn     *grpc.ClientConn

	wake chan struct{} // holds a token when there is something to do
	stop chan struct{} // closed when everything must be sent now
	done chan struct{} // closed when all was sent

	mu      sync.Mutex // for the fields below
	queue   []*batch   // the oldest first; what comes is added to the last one
	free    []*batch   // to be used again
	waiting int        // bytes, with those that are being sent
}

// batch is what is sent together.
type batch struct {
	bytes []byte
	spans int
	since time.Time // when the first of it came
}

const (
	// fullBatch is the size from which on a batch is sent at once, well below what a server takes.
	fullBatch = 1 << 20
	mostBatch = 2 << 20
	// mostFree bounds the batches that are kept to be used again.
	mostFree = 4
)

// reserve takes the room that a part needs, if there is so much.
func (i *instance) reserve(bytes int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.waiting+bytes > i.config.MaxQueueMiB<<20 {
		return false
	}
	i.waiting += bytes
	return true
}

// release gives the room of bytes back.
func (i *instance) release(bytes int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting -= bytes
}

// add takes a part of a request, for which there is room.
func (i *instance) add(p otlpwire.Part) {
	i.mu.Lock()
	from := 0
	for j, end := range p.Ends {
		b := i.last(end - from)
		b.bytes = append(b.bytes, p.Bytes[from:end]...)
		b.spans += p.Spans[j]
		from = end
	}
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// last returns the batch to which so many bytes are to be added. i.mu is held.
func (i *instance) last(bytes int) *batch {
	if n := len(i.queue); n > 0 && len(i.queue[n-1].bytes) < fullBatch && len(i.queue[n-1].bytes)+bytes <= mostBatch {
		return i.queue[n-1]
	}
	b := &batch{}
	if n := len(i.free); n > 0 {
		b, i.free = i.free[n-1], i.free[:n-1]
	}
	b.bytes, b.spans, b.since = b.bytes[:0], 0, time.Now()
	i.queue = append(i.queue, b)
	return b
}

// next returns the batch that is to be sent now, or how long there is none. all says that
// nothing waits for others any more.
func (i *instance) next(all bool) (b *batch, wait time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.queue) == 0 {
		return nil, time.Hour
	}
	b = i.queue[0]
	if wait = i.config.BatchTimeout - time.Since(b.since); wait > 0 && len(i.queue) == 1 && len(b.bytes) < fullBatch && !all {
		return nil, wait
	}
	i.queue = append(i.queue[:0], i.queue[1:]...)
	return b, 0
}

// put takes back a batch that was sent, or given up.
func (i *instance) put(b *batch) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting -= len(b.bytes)
	if len(i.free) < mostFree && cap(b.bytes) <= 2*mostBatch {
		i.free = append(i.free, b)
	}
}

// run sends until it is stopped and everything was sent, or ctx ends.
func (i *instance) run(ctx context.Context) {
	defer close(i.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	all, stop := false, i.stop
	for {
		b, wait := i.next(all)
		if b != nil {
			i.tell(b.spans, i.send(ctx, b))
			i.put(b)
			continue
		}
		if all {
			return
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-i.wake:
		case <-stop:
			all, stop = true, nil
		}
	}
}

// send sends a batch, again and again if need be, and reports whether it was taken.
func (i *instance) send(ctx context.Context, b *batch) bool {
	again := &backoff.ExponentialBackOff{
		InitialInterval: i.config.Retry.InitialInterval, RandomizationFactor: i.config.Retry.RandomizationFactor,
		Multiplier: i.config.Retry.Multiplier, MaxInterval: i.config.Retry.MaxInterval,
	}
	again.Reset()
	for begun := time.Now(); ; {
		err := i.call(ctx, b)
		if err == nil {
			return true
		}
		limit := i.config.Retry.MaxElapsedTime
		if !i.config.Retry.Enabled || !isForNow(err) || limit > 0 && time.Since(begun) > limit || ctx.Err() != nil {
			i.logger.Error("spans are lost: an instance did not take them", zap.String("instance", i.endpoint), zap.Int("spans", b.spans), zap.Error(err))
			return false
		}
		select {
		case <-time.After(again.NextBackOff()):
		case <-ctx.Done():
		}
	}
}

// call sends a batch once.
func (i *instance) call(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, i.config.Timeout)
	defer cancel()
	var answer []byte
	return i.conn.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", b, &answer)
}

// isForNow reports whether a call that failed may go well later, as OTLP says.
func isForNow(err error) bool {
	switch status.Code(err) {
	case codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// codec sends a batch as it is.
type codec struct{}

// Name returns the name of the encoding.
func (codec) Name() string { return "proto" }

// Marshal returns the bytes of a batch, which stay as they are until it is answered.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*batch)
	if !ok {
		return nil, fmt.Errorf("gomonitor: not a batch of it: %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b.bytes)}, nil
}

// Unmarshal takes no notice of the answer.
func (codec) Unmarshal(mem.BufferSlice, any) error { return nil }
