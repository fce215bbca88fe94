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
