package classify

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestJoinedNamesAreBounded(t *testing.T) {
	var j joinedNames
	seen := make(map[string]bool)
	for i := range 3 * maxJoinedNames {
		address := fmt.Sprintf("host-%d", i)
		want := "GET " + address
		if i >= maxJoinedNames {
			want = "GET _OTHER"
		}
		got := j.join("GET", address, 0)
		if got != want {
			t.Fatalf("address %d: joined to %q, want %q", i, got, want)
		}
		seen[got] = true
	}
	if len(seen) != maxJoinedNames+1 {
		t.Errorf("%d different names, want %d", len(seen), maxJoinedNames+1)
	}
	if got := j.join("GET", "host-0", 0); got != "GET host-0" {
		t.Errorf("a remembered address became %q", got)
	}

	// A name that comes late has its _OTHER too, but the names are bounded as well.
	if got := j.join("PUT", "host-0", 0); got != "PUT _OTHER" {
		t.Errorf("a new name joined to %q, want %q", got, "PUT _OTHER")
	}
	for i := range 3 * maxOverflowNames {
		j.join(fmt.Sprintf("M%d", i), "host-0", 0)
	}
	if got := len(j.load()); got != maxJoinedNames+maxOverflowNames {
		t.Errorf("%d names remembered, want %d", got, maxJoinedNames+maxOverflowNames)
	}
	if got := j.join("LATEST", "host-0", 0); got != "LATEST" {
		t.Errorf("with no room at all joined to %q, want the name alone", got)
	}
	j.mu.Lock() // what is known, and that there is no room, takes no lock to see
	defer j.mu.Unlock()
	for _, name := range []string{"GET", "PUT"} {
		if n := testing.AllocsPerRun(100, func() { j.join(name, "never seen", 0) }); n != 0 {
			t.Errorf("%s allocates %v times once the cache is full", name, n)
		}
	}
}

func TestJoinedNamesCutAddresses(t *testing.T) {
	var j joinedNames
	for _, tt := range []struct{ test, name, address, want string }{
		{"just fits", "GET", strings.Repeat("a", 256), "GET " + strings.Repeat("a", 256)},
		{"one too many", "GET", strings.Repeat("a", 257), "GET " + strings.Repeat("a", 256)},
		{"two-byte rune on the edge", "GET", strings.Repeat("a", 255) + "éb", "GET " + strings.Repeat("a", 255)},
		{"four-byte rune on the edge", "GET", strings.Repeat("a", 253) + "😀b", "GET " + strings.Repeat("a", 253)},
		{"rune that fits", "GET", strings.Repeat("a", 252) + "😀b", "GET " + strings.Repeat("a", 252) + "😀"},
		{"10 KB", "GET", strings.Repeat("é", 5000), "GET " + strings.Repeat("é", 128)},
		{"control characters stay", "GET", "a\r\nb\x00", "GET a\r\nb\x00"},
		{"name too long to be joined", strings.Repeat("G", 257), "a", strings.Repeat("G", 257)},
	} {
		t.Run(tt.test, func(t *testing.T) {
			got := j.join(tt.name, tt.address, 0)
			if got != tt.want {
				t.Errorf("joined to %q, want %q", got, tt.want)
			}
			if !utf8.ValidString(got) {
				t.Errorf("%q is cut within a rune", got)
			}
		})
	}
	// Bytes that are no runes at all are cut, too.
	if got := engine.TruncateName(strings.Repeat("\x80", 1000)); len(got) > engine.MaxNameBytes || len(got) < engine.MaxNameBytes-utf8.UTFMax {
		t.Errorf("cut to %d bytes", len(got))
	}
}

func TestJoinedNamesConcurrently(t *testing.T) {
	r := New(nil, Outcomes{}, nil)
	var spans [maxJoinedNames + 200]Span
	for i := range spans {
		spans[i] = Span{Name: "HTTP GET", SpanKind: engine.SpanKindClient}
		spans[i].Attributes.SetString("http.request.method", "GET")
		spans[i].Attributes.SetString("server.address", fmt.Sprintf("host-%d", i))
	}
	var wg sync.WaitGroup
	var joined [len(spans)]atomic.Bool
	for g := range 4 {
		wg.Go(func() {
			for i := range spans {
				i = (i + g*300) % len(spans)
				got := r.Operation(&spans[i])
				if got != fmt.Sprintf("HTTP GET host-%d", i) && got != "HTTP GET _OTHER" {
					t.Errorf("span %d: operation %q", i, got)
				}
				if got != "HTTP GET _OTHER" {
					joined[i].Store(true)
				}
			}
		})
	}
	wg.Wait()
	for i := range spans {
		got := r.Operation(&spans[i])
		if own := got != "HTTP GET _OTHER"; own != joined[i].Load() {
			t.Errorf("span %d: operation %q, though others had another answer", i, got)
		}
	}
	if got := len(r.addresses.load()); got != maxJoinedNames+1 {
		t.Errorf("%d names remembered, want %d", got, maxJoinedNames+1)
	}
}

// An address gets its port once it was called at more than one, unless the port is that of HTTP itself.
func TestPorts(t *testing.T) {
	type call struct {
		name, address string
		port          any
		want          string
	}
	for test, calls := range map[string][]call{
		"one port": {
			{"HTTP GET", "a.example", 8080, "HTTP GET a.example"},
			{"HTTP GET", "a.example", 8080, "HTTP GET a.example"},
			{"HTTP PUT", "a.example", 8080, "HTTP PUT a.example"},
			{"HTTP GET", "b.example", 9090, "HTTP GET b.example"},
		},
		"several ports": {
			{"HTTP GET", "0.0.0.0", 8081, "HTTP GET 0.0.0.0"},
			{"HTTP PUT", "0.0.0.0", 8081, "HTTP PUT 0.0.0.0"},
			{"HTTP GET", "0.0.0.0", 8082, "HTTP GET 0.0.0.0:8082"},
			{"HTTP GET", "0.0.0.0", 8081, "HTTP GET 0.0.0.0:8081"},
			{"HTTP PUT", "0.0.0.0", 8081, "HTTP PUT 0.0.0.0:8081"},
			{"HTTP PUT", "0.0.0.0", 8083, "HTTP PUT 0.0.0.0:8083"},
			{"HTTP GET", "b.example", 8083, "HTTP GET b.example"},
		},
		"the scheme's own": {
			{"GET", "a.example", 443, "GET a.example"},
			{"GET", "a.example", 80, "GET a.example"},
			{"GET", "a.example", nil, "GET a.example"},
			{"GET", "a.example", 8443, "GET a.example:8443"},
			{"GET", "a.example", 443, "GET a.example"},
			{"GET", "a.example", "8443", "GET a.example:8443"},
		},
		"IPv6": {
			{"GET", "::1", 8081, "GET ::1"},
			{"GET", "::1", 8082, "GET [::1]:8082"},
			{"GET", "[::2]", 8081, "GET [::2]"},
			{"GET", "[::2]", 8082, "GET [::2]:8082"},
		},
		"addresses that have a port, or are none": {
			{"GET", "a:1", 1, "GET a:1"},
			{"GET", "a:1", 2, "GET a:1"},
			{"GET", "[::1]:1", 1, "GET [::1]:1"},
			{"GET", "[::1]:1", 2, "GET [::1]:1"},
			{"GET", "http://[::1]/", 1, "GET http://[::1]/"},
			{"GET", "http://[::1]/", 2, "GET http://[::1]/"},
		},
		"no ports": {
			{"GET", "a", -1, "GET a"},
			{"GET", "a", 65536, "GET a"},
			{"GET", "a", "x", "GET a"},
			{"GET", "a", 0, "GET a"},
		},
	} {
		t.Run(test, func(t *testing.T) {
			r := New(nil, Outcomes{}, nil)
			for i, c := range calls {
				attrs := attributes{"http.request.method": strings.TrimPrefix(c.name, "HTTP "), "server.address": c.address}
				if c.port != nil {
					attrs["server.port"] = c.port
				}
				s := spanWith(client, StatusUnset, "", attrs)
				s.Name = c.name
				if got := r.Operation(s); got != c.want {
					t.Errorf("call %d: %q, want %q", i, got, c.want)
				}
			}
		})
	}
}

// An address that has more ports than are told apart, such as one whose ports are random, does not
// take the place of others.
func TestPortsAreBounded(t *testing.T) {
	var j joinedNames
	seen := make(map[string]bool)
	for port := range uint16(60000) {
		seen[j.join("GET", "a", 1000+port%5000)] = true
	}
	if len(seen) != maxPorts+1 {
		t.Errorf("%d names, want %d", len(seen), maxPorts+1)
	}
	if got := j.join("GET", "b", 7); got != "GET b" {
		t.Errorf("another address became %q", got)
	}
	j.mu.Lock() // what is known takes no lock to see
	defer j.mu.Unlock()
	if n := testing.AllocsPerRun(100, func() { j.join("GET", "a", 1001); j.join("GET", "a", 5999) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
