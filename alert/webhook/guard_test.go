package webhook

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/blurooo/go-monitor/v2/alert"
)

func TestIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "100.63.255.255": true, "100.128.0.0": true, "172.15.0.1": true, "172.32.0.1": true,
		"223.255.255.254": true, "2606:4700::1111": true, "2a00::1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.255.0.3": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false, "224.0.0.1": false, "239.1.1.1": false,
		"255.255.255.255": false, "240.0.0.1": false, "192.0.0.192": false, "198.18.0.1": false,
		"::": false, "::1": false, "::7f00:1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false,
		"::1.2.3.4": false, "64:ff9b:1::1": false, "100::1": false, "2001:db8::1": false, "3fff::1": false, "5f00::1": false, "1fff::1": false, "4000::1": false,
		"192.0.2.1": false, "192.88.99.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false, "198.17.255.255": true, "198.20.0.0": true,
		"2001:200::1": true, "3ffe:ffff::1": true, "2003::1": true,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("isPublic(%s) = %v", text, got)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestBlockPrivate(t *testing.T) {
	var calls atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]"} {
		url := "http://" + host + ":" + port
		err := notify(t, Config{URL: url, BlockPrivate: true})
		if verdictOf(err) != "final" || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: %s (%v), want final", host, verdictOf(err), err)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d requests reached a private address", calls.Load())
	}
	if err := notify(t, Config{URL: "http://localhost:" + port}); err != nil || calls.Load() != 1 {
		t.Errorf("without block_private: %v after %d requests", err, calls.Load())
	}
}

// A public host redirects to a private one. Since tests have no public host, its
// connections lead elsewhere; all others are made as they are outside of tests.
func TestBlockPrivateAfterRedirect(t *testing.T) {
	var calls atomic.Int32
	private := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	for _, to := range []string{private.URL, strings.Replace(private.URL, "127.0.0.1", "localhost", 1)} {
		public := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) })
		n := newNotifier(t, Config{URL: "http://public.invalid", BlockPrivate: true})
		guarded := n.transport.DialContext
		n.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "public.invalid:80" {
				return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(public.URL, "http://"))
			}
			return guarded(ctx, network, address)
		}
		if err := n.Notify(context.Background(), []alert.Alert{incident()}); verdictOf(err) != "final" || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("redirect to %s: %s (%v), want final", to, verdictOf(err), err)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d requests reached a private address", calls.Load())
	}
}

// A name that led to a public address when somebody checked it leads to a private one when
// the connection is made (DNS rebinding), alone or behind others.
func TestBlockPrivateAfterRebinding(t *testing.T) {
	var calls atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	public := netip.MustParseAddr("8.8.8.8")
	for _, private := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		var answer atomic.Pointer[netip.Addr]
		answer.Store(&public)
		restore := resolveAllTo(t, &answer)
		n := newNotifier(t, Config{URL: "http://rebinding.example:" + port, BlockPrivate: true})
		if addrs, err := net.LookupHost("rebinding.example"); err != nil || len(addrs) != 1 || addrs[0] != "8.8.8.8" {
			t.Fatalf("the test's name server says %v, %v", addrs, err)
		}
		rebound := netip.MustParseAddr(private)
		answer.Store(&rebound)
		if err := n.Notify(context.Background(), []alert.Alert{incident()}); verdictOf(err) != "final" || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("bound to %s: %s (%v), want final", private, verdictOf(err), err)
		}
		restore()
	}
	if calls.Load() != 0 {
		t.Errorf("%d requests reached a private address", calls.Load())
	}
}

// resolveAllTo makes a name server of the test's own tell one address for every name.
func resolveAllTo(t *testing.T, addr *atomic.Pointer[netip.Addr]) (restore func()) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		query := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(dnsAnswer(query[:n], *addr.Load()), from)
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	return func() {
		net.DefaultResolver = before
		_ = conn.Close()
		<-served
	}
}

// dnsAnswer returns the answer to a query with one question: the address, if it is of the
// kind that is asked for.
func dnsAnswer(query []byte, addr netip.Addr) []byte {
	const header, a, aaaa = 12, 1, 28
	end := header
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	end += 1 + 4 // the root, type and class
	kind, data := query[end-3], addr.AsSlice()
	b := bytes.Clone(query[:end])
	b[2], b[3] = 0x81, 0x80                     // an answer, without error
	copy(b[6:header], []byte{0, 0, 0, 0, 0, 0}) // nothing but the question
	if kind == a && addr.Is4() || kind == aaaa && addr.Is6() {
		b[7] = 1
		b = append(b, 0xc0, header, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(len(data)))
		b = append(b, data...)
	}
	return b
}

func TestBlockPrivateUsesNoProxy(t *testing.T) {
	for block, want := range map[bool]bool{true: false, false: true} {
		n := newNotifier(t, Config{URL: "http://example.com", BlockPrivate: block})
		if got := n.transport.Proxy != nil; got != want {
			t.Errorf("block_private %v: proxy %v", block, got)
		}
	}
}
