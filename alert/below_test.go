package alert

import (
	"strings"
	"testing"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestLineBelow(t *testing.T) {
	root, _ := incident(t, Availability)
	other := root.Clone()
	other.ID, other.Operation = "other", "SELECT"
	a := root.Clone()
	a.ID, a.Operation, a.Service, a.CausedBy = "a", "GET /\x1b", root.Service+"-x", root.ID
	a.Causes = []engine.CauseCount{{Cause: engine.Cause{Operation: root.Operation, Service: root.Service}, Share: 1}}
	resolved := a.Clone()
	resolved.State = Resolved
	stranger := a.Clone()
	stranger.CausedBy, stranger.Service = "elsewhere", root.Service
	said := Printable(a.Headline())
	for _, tt := range []struct {
		name  string
		a     Alert
		above []Alert
		want  string
	}{
		{"below its cause", a, []Alert{root}, "ALERT     GET /\\x1b (" + a.Service + ")  availability: " + a.Measured()},
		{"below several", a, []Alert{other, root}, "ALERT     GET /\\x1b (" + a.Service + ")  availability: " + a.Measured() + ", caused by " + root.Operation},
		{"below another", stranger, []Alert{root}, "ALERT     GET /\\x1b  availability: " + Printable(stranger.Headline())},
		{"below nothing", a, nil, "ALERT     GET /\\x1b (" + a.Service + ")  availability: " + said},
		{"resolved", resolved, []Alert{root}, "RESOLVED  GET /\\x1b (" + a.Service + ")  availability: " + said},
	} {
		got := LineBelow(&tt.a, tt.above)
		if want := strings.ReplaceAll(tt.want, `\x1b`, Printable("\x1b")); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, want)
		}
	}
}
