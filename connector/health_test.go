package gomonitorconnector

import (
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/blurooo/go-monitor/v2/delivery"
)

// reportingHost keeps what a component says of itself.
type reportingHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *reportingHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// The Collector is told when a receiver begins to fail, and when it is well again.
func TestHealth(t *testing.T) {
	host := &reportingHost{Host: componenttest.NewNopHost()}
	var now []delivery.ReceiverStatus
	h := &health{host: host, receivers: func() []delivery.ReceiverStatus { return now }}
	step := func(want string, receivers ...delivery.ReceiverStatus) {
		t.Helper()
		now, host.events = receivers, nil
		h.update()
		got := ""
		for _, e := range host.events {
			got += e.Status().String()
			if e.Err() != nil {
				got += " " + e.Err().Error()
			}
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	well := delivery.ReceiverStatus{Name: "sink 0", Type: "*store.Store", LastSuccess: time.Now()}
	ill := delivery.ReceiverStatus{
		Name: "sink 0", Type: "*store.Store", LastError: "disk full", FailingSince: time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC),
	}
	const said = "StatusRecoverableError sink 0 (*store.Store) has failed since 2026-03-01 14:02:00 +00:00: disk full"
	step("", well)
	step(said, ill)
	step("", ill)
	step("StatusOK", well)
	step(said, ill)
}
