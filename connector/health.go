package gomonitorconnector

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
)

// health tells the Collector how the component is: that it goes on, though some of what it
// gives out does not arrive. It belongs to the goroutine of [analysis].
type health struct {
	host      component.Host
	receivers func() []delivery.ReceiverStatus
	failing   string // the names of those that the Collector was told of
}

// update tells the Collector if other receivers fail than before.
func (h *health) update() {
	var names string
	var errs []error
	for _, r := range h.receivers() {
		if r.FailingSince.IsZero() {
			continue
		}
		names += r.Name + "\n"
		errs = append(errs, fmt.Errorf("%s (%s) has failed since %s: %s", r.Name, r.Type, alert.Moment(r.FailingSince), r.LastError))
	}
	if names == h.failing {
		return
	}
	h.failing = names
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if len(errs) > 0 {
		event = componentstatus.NewRecoverableErrorEvent(errors.Join(errs...))
	}
	componentstatus.ReportStatus(h.host, event)
}
