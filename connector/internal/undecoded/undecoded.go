// Package undecoded hands requests as they came in from a receiver to the connectors at the
// end of its pipelines. The Collector's pipelines carry decoded spans alone, so a request travels
// in the context, beside a list of spans that is empty.
package undecoded

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/connector/otlpwire"
)

// Encoding says how a request is written.
type Encoding uint8

const (
	// Protobuf is the binary encoding.
	Protobuf Encoding = iota
	// JSON is the textual encoding.
	JSON
)

// Request is a request as it came in. Its bytes are valid only as long as it is being offered.
type Request struct {
	Bytes    []byte
	Encoding Encoding
}

// Read reads a request.
func Read(r *otlpwire.Reader, request Request, each func(*otlpwire.Span)) error {
	if request.Encoding == JSON {
		return r.JSON(request.Bytes, each)
	}
	return r.Protobuf(request.Bytes, each)
}

// Offer offers a request to whoever is at the end of the pipelines. It is safe for concurrent use,
// and must not be copied.
type Offer struct {
	request Request
	isProbe bool

	mu     sync.Mutex // held while somebody takes it, so that the bytes stay
	isOver bool
	// isTaken says that somebody took it; of a probe, takers says who did.
	isTaken bool
	takers  map[any]bool
	spans   int
}

// NewOffer returns an offer of a request.
func NewOffer(r Request) *Offer { return &Offer{request: r} }

// NewProbe returns an offer of nothing: it finds out how many would take one.
func NewProbe() *Offer { return &Offer{isProbe: true, takers: make(map[any]bool)} }

// Take calls read with the request, unless the offer is over or a probe. read returns how many
// spans there are. taker says who takes it.
func (o *Offer) Take(taker any, read func(Request) (spans int, err error)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.isOver {
		return nil
	}
	if o.isProbe {
		o.takers[taker] = true
		return nil
	}
	o.isTaken = true
	spans, err := read(o.request)
	o.spans = max(o.spans, spans)
	return err
}

// End ends the offer, and returns whether it was taken, and how many spans there were. Nobody
// reads the request after that.
func (o *Offer) End() (isTaken bool, spans int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.isOver = true
	return o.isTaken, o.spans
}

// Takers ends a probe, and returns how many would have taken an offer.
func (o *Offer) Takers() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.isOver = true
	return len(o.takers)
}

type key struct{}

// Context returns a context in which a request is offered.
func Context(ctx context.Context, o *Offer) context.Context { return context.WithValue(ctx, key{}, o) }

// Offered returns what is offered in a context, beside the given spans; nil: nothing is. Where
// there are spans, they are those of other requests.
func Offered(ctx context.Context, td ptrace.Traces) *Offer {
	if td.ResourceSpans().Len() > 0 {
		return nil
	}
	o, _ := ctx.Value(key{}).(*Offer)
	return o
}

// Taker is what the factory of those that take offers implements.
type Taker interface {
	// Takers returns how many take offers, of those that the factory has made.
	Takers() int
}
