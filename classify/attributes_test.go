package classify

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

// kindsOf are the kinds of spans for which the attributes matter that are no codes.
var kindsOf = map[string][]engine.SpanKind{
	"http.response.header.content-type": {server, client},
	"http.request.method":               {server, client}, "http.method": {server, client},
	"rpc.method": {server, client}, "rpc.service": {server, client},
	"http.route": {server}, "url.path": {server}, "http.target": {server},
	"messaging.operation.type": {client, consumer}, "messaging.operation": {client, consumer},
	"server.address": {client}, "net.peer.name": {client}, "server.port": {client}, "net.peer.port": {client},
	"db.system.name": {client}, "db.system": {client}, "db.operation.name": {client}, "db.operation": {client},
	"db.query.text": {client}, "db.statement": {client},
}

// Every attribute is found by its key, which its shape tells from all others.
func TestKeys(t *testing.T) {
	for m, key := range keys {
		if got := meaningOf(key); int(got) != m {
			t.Errorf("%q means %d, want %d", key, got, m)
		}
		if m == none {
			continue
		}
		for kind := range engine.SpanKindConsumer + 1 {
			s := Span{SpanKind: kind}
			if got, want := s.Wants(key), m <= lastCode || slices.Contains(kindsOf[key], kind); got != want {
				t.Errorf("%s of a span of kind %s is wanted: %t, want %t", key, kind, got, want)
			}
		}
		if got, want := MayMatter(key), m <= lastQuick; got != want {
			t.Errorf("%s may matter: %t, want %t", key, got, want)
		}
		alike := key[:len(key)-1] + "X"
		longer := key + strings.Repeat("x", 32)
		for _, other := range []string{alike, longer, strings.ToUpper(key), key[:1]} {
			if got := meaningOf(other); got != none {
				t.Errorf("%q means %d", other, got)
			}
			var a Attributes
			a.SetString(other, "500")
			a.SetInt(other, 500)
			if a != (Attributes{}) {
				t.Errorf("%q sets %+v", other, a)
			}
		}
	}
	s := Span{SpanKind: engine.SpanKindClient}
	for _, key := range []string{"", "url.path", "url.scheme", "network.protocol.version", "user_agent.original", "http.route", "\xff"} {
		if s.Wants(key) {
			t.Errorf("%q is wanted", key)
		}
	}
}

// Numbers are no methods and no addresses.
func TestSetIntOfATextIsIgnored(t *testing.T) {
	var a Attributes
	for _, key := range []string{"http.request.method", "http.method", "server.address", "net.peer.name"} {
		a.SetInt(key, 200)
	}
	if a != (Attributes{}) {
		t.Errorf("%+v", a)
	}
}

// What the attributes say does not depend on their order.
func TestOrderOfAttributes(t *testing.T) {
	set := map[string]func(*Attributes, string){
		"text":   func(a *Attributes, key string) { a.SetString(key, key) },
		"500":    func(a *Attributes, key string) { a.SetString(key, "500") },
		"200":    func(a *Attributes, key string) { a.SetInt(key, 200) },
		"gRPC 3": func(a *Attributes, key string) { a.SetString(key, "3") },
		"huge":   func(a *Attributes, key string) { a.SetInt(key, math.MaxInt64) },
	}
	for one, first := range set {
		for two, second := range set {
			for _, a := range keys {
				for _, b := range keys {
					if a == b {
						continue
					}
					var ab, ba Attributes
					first(&ab, a)
					second(&ab, b)
					second(&ba, b)
					first(&ba, a)
					if ab != ba {
						t.Fatalf("%s=%s, %s=%s: %+v one way, %+v the other", a, one, b, two, ab, ba)
					}
				}
			}
		}
	}
}
