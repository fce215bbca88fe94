package recordingtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Style says how the instrumentation of a system names spans and what it says in them.
type Style int

// The styles of [System].
const (
	// StylePlain calls all clients' spans "HTTP GET" and has no attributes for what failed.
	StylePlain Style = iota
	// StyleHTTP has the attributes of today's HTTP conventions, and clients' spans named by the
	// method.
	StyleHTTP
	// StyleRoutes names clients' spans by the route, and has the status code alone, by its old name.
	StyleRoutes
	// StyleGRPC is that of gRPC.
	StyleGRPC
	styles
)

var styleNames = [...]string{"plain", "HTTP", "routes", "gRPC"}

// String returns the style's name.
func (s Style) String() string { return styleNames[s%styles] }

// System is a made-up system of services that call each other.
type System struct {
	services []string
	style    Style
	ops      []serverOp
	entries  []int // the operations that are called from outside, the busiest first
}

// serverOp is what a service does at a request.
type serverOp struct {
	service    int
	name       string
	own        time.Duration // what it takes itself, typically
	sigma      float64
	calls      []clientOp
	isParallel bool
	fails      float64 // the share of calls that fail in healthy times
}

// clientOp is a call that an operation makes.
type clientOp struct {
	op       int // the one that is called; -1: a database
	name     string
	own      time.Duration // what a database takes, typically
	share    float64       // of the requests in which it is made
	isNeeded bool          // its failure is one of the request
	retries  int
	isAsync  bool // a message: nobody waits for it
}

// NewSystem makes up a system. One of its operations fails the share failing of its calls in
// healthy times.
func NewSystem(seed uint64, services int, style Style, failing float64) *System {
	random := rand.New(rand.NewPCG(seed, 2))
	s := &System{style: style % styles}
	for i := range services {
		s.services = append(s.services, fmt.Sprintf("svc-%c%d", 'a'+i%26, i))
	}
	scaled := func(least, most time.Duration) time.Duration {
		return time.Duration(float64(least) * math.Exp(random.Float64()*math.Log(float64(most)/float64(least))))
	}
	for i := range services {
		n := 1 + random.IntN(3)
		if i == 0 {
			n = 3 + min(services, 9)
		}
		for k := range n {
			op := serverOp{service: i, own: scaled(500*time.Microsecond, 20*time.Millisecond), sigma: 0.25 + 0.4*random.Float64(), isParallel: random.Float64() < 0.3}
			op.name = fmt.Sprintf("GET /%s/op%d/{id}", s.services[i], k)
			if style == StyleGRPC {
				op.name = fmt.Sprintf("demo.%s/Op%d", s.services[i], k)
			}
			s.ops = append(s.ops, op)
			id := len(s.ops) - 1
			if i == 0 {
				s.entries = append(s.entries, id)
			}
			for i > 0 && random.Float64() < 0.5 && len(s.ops[id].calls) < 2 {
				s.ops[id].calls = append(s.ops[id].calls, clientOp{op: -1, name: fmt.Sprintf("SELECT table%d", random.IntN(2)), own: scaled(500*time.Microsecond, 8*time.Millisecond), share: 1, isNeeded: true})
			}
			// Everything is called by something before it, some of it by two.
			for range 1 + random.IntN(2) {
				if i == 0 {
					break
				}
				caller := random.IntN(id)
				for tries := 0; (s.ops[caller].service >= i || len(s.ops[caller].calls) >= 4) && tries < 50; tries++ {
					caller = random.IntN(id)
				}
				if s.ops[caller].service >= i {
					continue
				}
				call := clientOp{op: id, name: s.clientName(id), share: 1, isNeeded: random.Float64() < 0.8}
				if random.Float64() < 0.3 {
					call.share = 0.5
				}
				if random.Float64() < 0.15 {
					call.retries = 1
				}
				call.isAsync = services > 3 && random.Float64() < 0.05
				s.ops[caller].calls = append(s.ops[caller].calls, call)
			}
		}
	}
	random.Shuffle(len(s.entries), func(i, j int) { s.entries[i], s.entries[j] = s.entries[j], s.entries[i] })
	s.ops[random.IntN(len(s.ops))].fails = failing
	return s
}

func (s *System) clientName(op int) string {
	switch s.style {
	case StylePlain:
		return "HTTP GET"
	case StyleHTTP:
		return "GET"
	}
	return s.ops[op].name
}

// FaultKind is a kind of fault.
type FaultKind string

// The faults of [Traffic].
const (
	// FaultErrors fails a share of the requests of a service.
	FaultErrors FaultKind = "errors"
	// FaultSQL fails a share of the database calls of a service.
	FaultSQL FaultKind = "SQL errors"
	// FaultCPU makes all that a service does itself take long.
	FaultCPU FaultKind = "CPU"
	// FaultDatabase makes the database calls of a service slow.
	FaultDatabase FaultKind = "slow database"
	// FaultNetwork delays what goes to a service and back.
	FaultNetwork FaultKind = "network delay"
	// FaultHang lets a service not answer: callers give up after 5 s, and it sends no spans.
	FaultHang FaultKind = "hang"
	// FaultCrash refuses all calls of a service, which sends no spans.
	FaultCrash FaultKind = "crash"
	// FaultDrop leaves out a share of the requests from outside.
	FaultDrop FaultKind = "traffic drop"
)

// Fault is something that goes wrong.
type Fault struct {
	Kind    FaultKind
	Service string
	At      time.Duration
	Share   float64 // of the calls that it hits
}

// Traffic is traffic of a [System].
type Traffic struct {
	Seed   uint64
	Rate   float64 // requests a second
	For    time.Duration
	Slower float64 // how many times longer everything takes than usual; 0: 1
	// Bursts is the mean time between bursts, in which a healthy service is three times as slow
	// for up to ten seconds. 0: there are none.
	Bursts time.Duration
	Fault  Fault
}

// run is a simulation.
type run struct {
	*System
	Traffic
	random *rand.Rand
	faulty int // the service with the fault, -1: none
	trace  uint64
	ids    uint64
	spans  []Span
	hit    int
	burst  struct {
		service  int
		from, to time.Duration
	}
}

// Play calls each with the spans of one request after the other, by their start, and returns the
// number of calls that the fault hits in its first minute. The spans are valid until each
// returns.
func (s *System) Play(t Traffic, each func([]Span)) (hit int) {
	r := &run{System: s, Traffic: t, random: rand.New(rand.NewPCG(t.Seed, 3)), trace: t.Seed << 32}
	if r.Slower == 0 {
		r.Slower = 1
	}
	r.faulty = slices.Index(s.services, t.Fault.Service)
	for at := time.Duration(0); ; {
		at += time.Duration(r.random.ExpFloat64() / r.Rate * float64(time.Second))
		if at >= r.For {
			return r.hit
		}
		if r.Bursts > 0 && at > r.burst.to {
			r.burst.service = r.random.IntN(len(s.services))
			r.burst.from = at + time.Duration(r.random.ExpFloat64()*float64(r.Bursts))
			r.burst.to = r.burst.from + time.Duration(r.random.Float64()*float64(10*time.Second))
		}
		// The second one is called half as often as the first, and so on down to a tenth.
		entry := 0
		for weight := r.random.Float64() * harmonic(len(s.entries)); ; entry++ {
			if weight -= 1 / float64(entry+1); weight < 0 || entry == len(s.entries)-1 {
				break
			}
		}
		if r.strikes(FaultDrop, 0, at) {
			continue
		}
		r.trace++
		r.spans, r.ids = r.spans[:0], 0
		r.serve(s.entries[entry], at, 0, ptrace.SpanKindServer)
		each(r.spans)
	}
}

func harmonic(n int) (sum float64) {
	for i := range n {
		sum += 1 / float64(i+1)
	}
	return sum
}

// strikes reports whether the fault hits a call.
func (r *run) strikes(kind FaultKind, service int, at time.Duration) bool {
	if r.Fault.Kind != kind || at < r.Fault.At || kind != FaultDrop && service != r.faulty || r.Fault.Share < 1 && r.random.Float64() >= r.Fault.Share {
		return false
	}
	if at < r.Fault.At+time.Minute {
		r.hit++
	}
	return true
}

// around returns about a duration: log-normally distributed, with a pause now and then.
func (r *run) around(d time.Duration, sigma float64) time.Duration {
	d = time.Duration(r.Slower * float64(d) * math.Exp(sigma*r.random.NormFloat64()))
	if r.random.Float64() < 0.004 {
		d += 50*time.Millisecond + time.Duration(r.random.Int64N(int64(200*time.Millisecond)))
	}
	return d
}

// serve handles a request.
func (r *run) serve(id int, at time.Duration, parent uint64, kind ptrace.SpanKind) (end time.Duration, ok bool) {
	op := &r.ops[id]
	r.ids++
	self := r.ids
	own := r.around(op.own, op.sigma)
	if op.service == r.burst.service && r.burst.from <= at && at < r.burst.to {
		own *= 3
	}
	if r.strikes(FaultCPU, op.service, at) {
		own = 8*own + 30*time.Millisecond
	}
	end, ok = at+own/2, true
	if r.random.Float64() < op.fails || r.strikes(FaultErrors, op.service, at) {
		ok = false
	}
	start := end
	for i := range op.calls {
		if !ok {
			break
		}
		call := &op.calls[i]
		if call.share < 1 && r.random.Float64() >= call.share {
			continue
		}
		began := end
		if op.isParallel {
			began = start
		}
		done, isDone := r.call(op, call, began, self)
		end = max(end, done)
		ok = isDone || !call.isNeeded
	}
	end += own / 2
	r.emit(Span{Service: r.services[op.service], Name: op.name, Kind: kind, ID: self, Parent: parent, End: end, Took: end - at}, ok, r.codes("", ok))
	return end, ok
}

// call makes a call, and makes it again if it failed and is to be tried again.
func (r *run) call(from *serverOp, c *clientOp, at time.Duration, parent uint64) (end time.Duration, ok bool) {
	for try := 0; ; try++ {
		end, ok = r.callOnce(from, c, at, parent)
		if ok || try == c.retries {
			return end, ok
		}
		at = end + 10*time.Millisecond
	}
}

func (r *run) callOnce(from *serverOp, c *clientOp, at time.Duration, parent uint64) (end time.Duration, ok bool) {
	r.ids++
	self := r.ids
	span := Span{Service: r.services[from.service], Name: c.name, Kind: ptrace.SpanKindClient, ID: self, Parent: parent}
	if c.op < 0 {
		took := r.around(c.own, 0.5)
		if r.strikes(FaultDatabase, from.service, at) {
			took = 20*took + 100*time.Millisecond
		}
		ok = !r.strikes(FaultSQL, from.service, at)
		span.End, span.Took = at+took, took
		codes := []Attribute{{Key: "db.system", Text: "postgresql"}}
		if !ok && r.style != StylePlain && r.style != StyleRoutes {
			codes = append(codes, Attribute{Key: "db.response.status_code", Text: "57014"})
		}
		r.emit(span, ok, codes)
		return span.End, ok
	}
	service := r.ops[c.op].service
	if c.isAsync {
		took := r.around(time.Millisecond, 0.3)
		span.Kind, span.Name, span.End, span.Took = ptrace.SpanKindProducer, "publish "+r.ops[c.op].name, at+took, took
		r.emit(span, true, nil)
		if r.Fault.Kind != FaultCrash && r.Fault.Kind != FaultHang || service != r.faulty || at < r.Fault.At {
			r.serve(c.op, span.End+r.around(20*time.Millisecond, 0.5), self, ptrace.SpanKindConsumer)
		}
		return span.End, true
	}
	there, back := r.around(200*time.Microsecond, 0.3), r.around(200*time.Microsecond, 0.3)
	if r.strikes(FaultNetwork, service, at) {
		there, back = there+100*time.Millisecond, back+100*time.Millisecond
	}
	failure := ""
	switch {
	case r.strikes(FaultCrash, service, at):
		failure, end = "connection refused", at+there+back
	case r.strikes(FaultHang, service, at):
		failure, end = "timeout", at+5*time.Second
	default:
		end, ok = r.serve(c.op, at+there, self, ptrace.SpanKindServer)
		end += back
	}
	span.End, span.Took = end, end-at
	codes := r.codes(failure, ok)
	if r.style == StyleHTTP {
		codes = append(codes, Attribute{Key: "http.request.method", Text: "GET"}, Attribute{Key: "server.address", Text: r.services[service]})
	}
	r.emit(span, ok, codes)
	return end, ok
}

// codes returns what the instrumentation says of how a call ended.
func (r *run) codes(failure string, ok bool) []Attribute {
	status := int64(200)
	if !ok {
		status = 500
	}
	switch r.style {
	case StyleHTTP:
		if failure != "" {
			return []Attribute{{Key: "error.type", Text: failure}}
		}
		return []Attribute{{Key: "http.response.status_code", Number: status}}
	case StyleRoutes:
		if failure == "" {
			return []Attribute{{Key: "http.status_code", Number: status}}
		}
	case StyleGRPC:
		switch {
		case ok:
			return []Attribute{{Key: "rpc.grpc.status_code", Number: 0}}
		case failure == "timeout":
			return []Attribute{{Key: "rpc.grpc.status_code", Number: 4}}
		case failure != "":
			return []Attribute{{Key: "rpc.grpc.status_code", Number: 14}}
		}
		return []Attribute{{Key: "rpc.grpc.status_code", Number: 13}}
	}
	return nil
}

func (r *run) emit(s Span, ok bool, codes []Attribute) {
	s.Trace, s.Failed, s.Attributes = r.trace, !ok, codes
	r.spans = append(r.spans, s)
}

// Services returns the names of all services, the one that is called from outside first.
func (s *System) Services() []string { return s.services }

// HasDatabase reports whether a service calls a database.
func (s *System) HasDatabase(service string) bool {
	for i := range s.ops {
		if s.services[s.ops[i].service] == service && slices.ContainsFunc(s.ops[i].calls, func(c clientOp) bool { return c.op < 0 }) {
			return true
		}
	}
	return false
}
