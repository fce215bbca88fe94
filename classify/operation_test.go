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
		{"a method that is not well known", client, "HTTP", attributes{"http.request.method": "_OTHER", "server.address": "a"}, "HTTP a"},

		{"server with a route", server, "GET", attributes{"http.request.method": "GET", "http.route": "/users/{id}", "url.path": "/users/7"}, "GET /users/{id}"},
		{"server with a route, old names", server, "HTTP GET", attributes{"http.method": "GET", "http.route": "/users/{id}"}, "HTTP GET /users/{id}"},
		{"server with a route that has the method", server, "GET", attributes{"http.request.method": "GET", "http.route": "GET /users/{id}"}, "GET /users/{id}"},
		{"server with an empty route", server, "GET", attributes{"http.request.method": "GET", "http.route": ""}, "GET"},
		{"server whose name says more than its route", server, "list users", attributes{"http.request.method": "GET", "http.route": "/users"}, "list users"},
		{"route of a client", client, "GET", attributes{"http.request.method": "GET", "http.route": "/users"}, "GET"},
		{"route of another method", server, "GET", attributes{"http.request.method": "PUT", "http.route": "/users"}, "GET"},

		{"path that no router knew", server, "GET /.env", attributes{"http.request.method": "GET", "url.path": "/.env", "http.response.status_code": 404}, "GET"},
		{"path that no router knew, old names", server, "/.env", attributes{"http.method": "GET", "http.target": "/.env?a=b", "http.status_code": 404}, "GET"},
		{"path that no router knew, named after HTTP", server, "GET /wp-admin", attributes{"http.request.method": "GET", "http.response.status_code": 405}, "GET"},
		{"pattern that answered 404", server, "GET /users/{id}", attributes{"http.request.method": "GET", "url.path": "/users/7", "http.response.status_code": 404}, "GET /users/{id}"},
		{"pattern that answered 404, without the path", server, "GET /users/:id", attributes{"http.request.method": "GET", "http.response.status_code": 404}, "GET /users/:id"},
		{"route that answered 404", server, "GET /users", attributes{"http.request.method": "GET", "http.route": "/users", "url.path": "/users", "http.response.status_code": 404}, "GET /users"},
		{"path that was answered", server, "GET /hints", attributes{"http.request.method": "GET", "url.path": "/hints", "http.response.status_code": 200}, "GET /hints"},
		{"path that failed", server, "GET /hints", attributes{"http.request.method": "GET", "url.path": "/hints", "http.response.status_code": 500}, "GET /hints"},
		{"name that is no path", server, "proxy", attributes{"http.request.method": "GET", "url.path": "/x", "http.response.status_code": 404}, "proxy"},
		{"name that ends in another path", server, "GET /api", attributes{"http.request.method": "GET", "url.path": "/api/x", "http.response.status_code": 404}, "GET /api"},
		{"path of a client", client, "GET /.env", attributes{"http.request.method": "GET", "http.response.status_code": 404}, "GET /.env"},
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
