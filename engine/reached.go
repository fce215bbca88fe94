package engine

// reached is which server's operation the calls of a client mostly reach, and how surely. The zero
// value has seen none.
type reached struct {
	server *operation // of the service that most of them reach, the one that was reached last
	calls  uint32     // that reached that service
	others uint32     // that reached others
}

const (
	// fewReached is the number of calls from which it is known whom a client calls, and
	// otherReached the number of calls to one service for each that reaches another one, from which it is
	// always the same.
	fewReached   = 3
	otherReached = 100
	// maxReached is the number of calls from which older ones count for half, so that what changed
	// is known soon.
	maxReached = 1 << 10
)

// add takes a call that reached a server.
func (r *reached) add(server *operation) {
	switch {
	case r.server == nil || r.server.key.Service == server.key.Service:
		r.server = server
		r.calls++
	case r.others >= r.calls:
		*r = reached{server: server, calls: r.others + 1, others: r.calls}
	default:
		r.others++
	}
	if r.calls >= maxReached {
		r.calls, r.others = r.calls/2, r.others/2
	}
}

// always returns the server's operation that all calls reach, as far as is known; nil if they
// reach several services, or if there were too few.
func (r *reached) always() *operation {
	if r == nil || r.calls < fewReached || r.others*otherReached > r.calls {
		return nil
	}
	return r.server
}
