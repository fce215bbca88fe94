package webhook

import (
	"fmt"
	"net/netip"
	"syscall"
)

// notPublic are the ranges that IANA does not assign to public hosts, and those IPv6 ranges
// that stand for IPv4 addresses. Of IPv6 only 2000::/3 is assigned. IPv4 multicast is
// checked apart.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1",
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// isPublic reports whether an address is one of the public internet.
func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() || addr.IsMulticast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// blockedError says that a connection was refused by [Config.BlockPrivate].
type blockedError struct {
	address string
}

func (e *blockedError) Error() string {
	return fmt.Sprintf("%s is not a public address, and block_private is set", e.address)
}

// onlyPublic is a net.Dialer's Control that refuses addresses that are not public. The dialer
// calls it with every address that it tries, after looking up the name.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) {
		return &blockedError{address: address}
	}
	return nil
}
