package engine

import "strings"

// peerServices counts the calls of clients by the service that they reach: "GET > stock".
// Many clients call all their services under one name. Counted together, the failures of one
// service are lost among the successes of the others.
type peerServices struct {
	windows *Windows
	names   map[peerName]string
	// within knows which servers a client reaches from within one operation. It is for
	// clients that call several services by one name.
	within map[callSite]*reached
}

// callSite is a client's operation, and the one in which it makes a call.
type callSite struct{ client, caller *operation }

type peerName struct{ operation, service string }

const (
	// peerMark stands between the operation and the service that it reaches.
	peerMark = " > "
	// maxPeerNames bounds the names that are kept for use again.
	maxPeerNames = 4096
	// maxCallSites bounds the call sites that are remembered.
	maxCallSites = 1 << 14
)

// PeerService returns the service that the calls of a client's operation reach, if
// [TimelineConfig.PeerServices] counts them by that.
func PeerService(key OperationKey) (service string, ok bool) {
	if key.SpanKind != SpanKindClient {
		return "", false
	}
	i := strings.LastIndex(key.Name, peerMark)
	if i < 0 {
		return "", false
	}
	return key.Name[i+len(peerMark):], true
}

// name gives a client's span the operation that says which service it reached. Where there
// is no room for another operation, it keeps the one that it has. What is left under that one
// is not judged by its traffic. caller is the operation in which the client makes the call, nil
// if that is not known.
func (c *peerServices) name(client *recentSpan, server, caller *operation) {
	if client.isNamed || !c.canName(client) || server.key.SpanKind != SpanKindServer || server.key.Service == client.op.key.Service {
		return
	}
	c.remember(client.op, server, caller)
	c.rename(client, server)
}

// canName reports whether a span is a client's that can have another operation.
func (c *peerServices) canName(client *recentSpan) bool {
	return client.op.key.SpanKind == SpanKindClient && client.op != c.windows.overflow
}

// remember remembers which service a client's call reached.
func (c *peerServices) remember(client, server, caller *operation) {
	if client.reached == nil {
		client.reached = new(reached)
	}
	client.reached.add(server)
	if client.reached.others == 0 || caller == nil {
		return
	}
	site := callSite{client, caller}
	r := c.within[site]
	if r == nil {
		if c.within == nil || len(c.within) >= maxCallSites {
			c.within = make(map[callSite]*reached)
		}
		r = new(reached)
		c.within[site] = r
	}
	r.add(server)
}

// unanswered returns the server's operation that a failed call of a client would have reached
// if the service had answered: it is down, or hangs, or can't be reached. It returns nil if that
// operation is not known. The client's span is named like those that were answered.
func (c *peerServices) unanswered(client *recentSpan, caller *operation) *operation {
	if !c.canName(client) {
		return nil
	}
	server := client.op.reached.always()
	if server == nil && caller != nil {
		server = c.within[callSite{client.op, caller}].always()
	}
	if server != nil && !client.isNamed {
		c.rename(client, server)
		if client.op.reached == nil { // it is asked again
			client.op.reached = &reached{server: server, calls: fewReached}
		}
	}
	return server
}

// rename names a client's span by the service that it reached.
func (c *peerServices) rename(client *recentSpan, server *operation) {
	own := &client.op.key
	client.isNamed = true
	of := peerName{own.Name, server.key.Service}
	name, ok := c.names[of]
	if !ok {
		if c.names == nil || len(c.names) >= maxPeerNames {
			c.names = make(map[peerName]string)
		}
		name = operationName(of.operation + peerMark + of.service)
		c.names[of] = name
	}
	if op, _ := c.windows.lookup(own.Service, name, SpanKindClient); op != c.windows.overflow {
		c.windows.divide(client.op)
		client.op = op
	}
}
