package mail

import (
	"fmt"
	"net"
)

// maxSaid is the number of bytes that a server may say in one session, encryption included. A
// session about the most recipients takes a tenth of it.
const maxSaid = 1 << 20

// boundedConn is a connection to a server that may say only so much, since a line without an end
// would be read until memory ends.
type boundedConn struct {
	net.Conn
	left int
}

// Read reads what the server says.
func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, fmt.Errorf("the server said more than %d bytes", maxSaid)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
