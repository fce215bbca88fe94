package alert

import (
	"strings"
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestMatcher(t *testing.T) {
	tests := []struct {
		match, operation string
		kind             engine.SpanKind
		want             bool
	}{
		{"GET /users", "GET /users", engine.SpanKindServer, true},
		{"GET /users", "GET /users/7", engine.SpanKindServer, false},
		{"GET /users*", "GET /users/7", engine.SpanKindServer, true},
		{"GET /users*", "GET /users", engine.SpanKindServer, true},
		{"*users*", "GET /users/7", engine.SpanKindServer, true},
		{"*/7", "GET /users/7", engine.SpanKindServer, true},
		{"*/7", "GET /users/77", engine.SpanKindServer, false},
		{"GET /*/orders/*", "GET /users/7/orders/9", engine.SpanKindServer, true},
		{"GET /*/orders/*", "GET /orders/9", engine.SpanKindServer, false},
		{"*", "anything", engine.SpanKindUnspecified, true},
		{"*", "", engine.SpanKindUnspecified, true},
		{"ab*ba", "aba", engine.SpanKindServer, false},
		{"client: GET *", "GET /x", engine.SpanKindClient, true},
		{"client: GET *", "GET /x", engine.SpanKindServer, false},
		{"note: GET *", "note: GET /x", engine.SpanKindServer, true},
		{"note: GET *", "GET /x", engine.SpanKindServer, false},
		{strings.Repeat("x", 5000), engine.TruncateName(strings.Repeat("x", 5000)), engine.SpanKindServer, true},
		{"get /users", "GET /users", engine.SpanKindServer, true},
	}
	for _, tt := range tests {
		m := newMatcher(tt.match)
		if got := m.fits(&Alert{Operation: tt.operation, SpanKind: tt.kind}); got != tt.want {
			t.Errorf("%.40q fits %.40q of a %s: %t", tt.match, tt.operation, tt.kind, got)
		}
	}
}
