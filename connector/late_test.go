package gomonitorconnector

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Calls that failed an hour ago and come now raise no alert about now, however many come.
func TestCallsOfAnHourAgoRaiseNoAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &Config{Logs: LogsConfig{Summaries: true}}, toBoth)
		for range 6 {
			untilMinute(30)
			p.send(t, callsAt(time.Now().Add(-time.Hour), "GET /a", 500, 10))
		}
		p.shutdown(t)
		if got := p.events("gomonitor.alert." + alert.Firing.String()); len(got) != 0 {
			t.Errorf("%d alerts, the first: %s", len(got), got[0].Body().Str())
		}
		if got := p.events("gomonitor.error"); len(got) == 0 {
			t.Error("nothing says that calls came late")
		}
	})
}
