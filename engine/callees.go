package engine

// callees tells the calls of a client apart by the service that they reach: "GET > stock".
// Many clients call all their services under one name, so that what one of them suffers from is
// lost among the others.
type callees struct {
	windows *Windows
	names   map[calleeName]string
}

type calleeName struct{ operation, service string }

const (
	// calleeMark stands between the operation and the service that it reaches.
	calleeMark = " > "
	// maxCalleeNames bounds the names that are kept for use again.
	maxCalleeNames = 4096
)

// name gives a client's span the operation that says whose server it reached. Where there
// is no room for another operation, it keeps the one that it has. Of what is left under that one
// no traffic is expected.
func (c *callees) name(client *recentSpan, server *operation) {
	own := &client.op.key
	if client.isNamed || own.Kind != KindClient || server.key.Kind != KindServer || server.key.Service == own.Service || client.op == c.windows.overflow {
		return
	}
	client.isNamed = true
	of := calleeName{own.Name, server.key.Service}
	name, ok := c.names[of]
	if !ok {
		if c.names == nil || len(c.names) >= maxCalleeNames {
			c.names = make(map[calleeName]string)
		}
		name = operationName(of.operation + calleeMark + of.service)
		c.names[of] = name
	}
	before := c.windows.overflowed
	op := c.windows.lookupFresh(own.Service, name, KindClient)
	c.windows.overflowed = before
	if op != c.windows.overflow {
		c.windows.divide(client.op)
		client.op = op
	}
}
