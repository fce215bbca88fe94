package monitor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// What a monitor with the defaults says of a day of trouble, and of a route that goes away.
func TestADayOfTrouble(t *testing.T) {
	for name, tt := range map[string]struct {
		rhythm      string // F: ten calls fail in a minute, S: none does, a space: nobody calls
		most        int    // notifications in a day
		first, last string
	}{
		"two minutes of every three at 0 %":   {"FFS", 1, "in 8 of 11 periods:", "in 8 of 11 periods:"},
		"three bad and three good":            {"FFFSSS", 31, "3 periods running:", ", flapping, 234 times since 00:04:00"},
		"one of two":                          {"FS", 0, "", ""},
		"one blip an hour":                    {"FF" + strings.Repeat("S", 58), 0, "", ""},
		"a route that was renamed in trouble": {"FFF" + strings.Repeat(" ", 1437), 2, "3 periods running:", "availability: no calls since "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				c := r.record(Config{Objective: engine.DefaultObjective()})
				m := start(t, c)
				nextMinute()
				for i := range 24 * 60 {
					switch tt.rhythm[i%len(tt.rhythm)] {
					case 'F':
						reportMany(m, 10, Report{Operation: "GET /a", Code: "500"})
					case 'S':
						reportMany(m, 10, Report{Operation: "GET /a", Code: "200", Duration: time.Millisecond})
					}
					nextMinute()
				}
				var texts []string
				for _, a := range r.alerts {
					texts = append(texts, alert.Text(&a))
				}
				if len(texts) > tt.most || len(texts) == 0 != (tt.most == 0) {
					t.Fatalf("%d notifications in a day, want at most %d: %v", len(texts), tt.most, texts)
				}
				if tt.most > 0 && (!strings.Contains(texts[0], tt.first) || !strings.Contains(texts[len(texts)-1], tt.last)) {
					t.Errorf("first\n%s\nlast\n%s\nwant %q and %q", texts[0], texts[len(texts)-1], tt.first, tt.last)
				}
			})
		})
	}
}
