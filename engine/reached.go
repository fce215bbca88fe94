package engine

// reached says which server's operation the calls of a client mostly reach, and how surely. The
// zero value has seen no call.
type reached struct {
	server *operation // of the service that most of them reach, the one that was reached last
	calls  uint32     // that reached that service
	others uint32     // that reached others
}

const (
	// fewReached is the least number of calls to one service by which it counts as known which
	// one a client calls. otherReached is the least number of them for each call to another
	// service.
	fewReached   = 3
	otherReached = 100
	// maxReached is the number of calls at which all calls so far are halved, so that a change
	// is noticed soon.
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
