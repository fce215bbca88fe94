package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
)

// receive takes one mail by SMTP, as a mail server would, and returns it.
func receive(listener net.Listener) []byte {
	conn, err := listener.Accept()
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	say := func(line string) { _, _ = fmt.Fprint(conn, line+"\r\n") }
	say("220 ready")
	var message strings.Builder
	isData := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		switch {
		case isData && line == ".":
			isData = false
			say("250 taken")
		case isData:
			message.WriteString(strings.TrimPrefix(line, ".") + "\n")
		case line == "DATA":
			isData = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return []byte(message.String())
		default:
			say("250 fine")
		}
	}
	return []byte(message.String())
}
