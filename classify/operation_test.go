package classify

import (
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestOperation(t *testing.T) {
	for _, tt := range []struct {
		test  string
		kind  engine.SpanKind
		name  string
		attrs attributes
		want  string
	}{
		{"named after its method", client, "GET", attributes{"http.request.method": "GET", "server.address": "a.example"}, "GET a.example"},
		{"named HTTP METHOD", client, "HTTP GET", attributes{"http.request.method": "GET", "server.address": "a.example"}, "HTTP GET a.example"},
		{"old names", client, "GET", attributes{"http.method": "GET", "net.peer.name": "old"}, "GET old"},
		{"new names before old ones", client, "GET", attributes{"http.request.method": "GET", "http.method": "PUT", "server.address": "new", "net.peer.name": "old"}, "GET new"},
		{"empty new names", client, "GET", attributes{"http.request.method": "", "http.method": "GET", "server.address": "", "net.peer.name": "old"}, "GET old"},
		{"no address", client, "GET", attributes{"http.request.method": "GET"}, "GET"},
		{"an address that is a number", client, "GET", attributes{"http.request.method": "GET", "server.address": 7}, "GET"},
		{"another method", client, "GET", attributes{"http.request.method": "PUT", "server.address": "a"}, "GET"},
		{"no method", client, "GET", attributes{"db.system": "redis", "server.address": "a"}, "GET"},
		{"a name that says more", client, "GET /users/{id}", attributes{"http.request.method": "GET", "server.address": "a"}, "GET /users/{id}"},
		{"server", server, "GET", attributes{"http.request.method": "GET", "server.address": "a"}, "GET"},
		{"producer", producer, "GET", attributes{"http.request.method": "GET", "server.address": "a"}, "GET"},
	} {
		t.Run(tt.test, func(t *testing.T) {
			r := New(nil, Outcomes{}, nil)
			s := spanWith(tt.kind, StatusUnset, "", tt.attrs)
			s.Name = tt.name
			for range 2 { // the second time it is remembered
				if got := r.Operation(s); got != tt.want {
					t.Errorf("operation %q, want %q", got, tt.want)
				}
			}
		})
	}
}
