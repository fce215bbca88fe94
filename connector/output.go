package gomonitorconnector

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/spanmetrics"
)

// alertsOutput is the notifier that emits alerts as logs.
type alertsOutput struct{ next consumer.Logs }

// Notify emits alerts. A permanent error of the pipeline is not retried.
func (o *alertsOutput) Notify(ctx context.Context, alerts []alert.Alert) error {
	err := o.next.ConsumeLogs(ctx, alertLogs(alerts))
	if consumererror.IsPermanent(err) {
		return alert.Final(err)
	}
	return err
}

// summariesOutput is the sink that emits summaries as logs.
type summariesOutput struct{ next consumer.Logs }

// Consume emits the summaries of a period.
func (o *summariesOutput) Consume(ctx context.Context, p engine.Period) error {
	logs := summaryLogs(&p)
	if logs.LogRecordCount() == 0 {
		return nil
	}
	return o.next.ConsumeLogs(ctx, logs)
}

// metricsOutput is the sink that emits metrics. add makes the metrics of each period when it is
// closed, so that none is missing in the sums, and they wait here for Consume. If the delivery
// drops a period because the sink was too slow, the next one takes its metrics along. add is
// for one goroutine at a time; Consume may run at the same time.
type metricsOutput struct {
	next    consumer.Metrics
	metrics *periodMetrics

	mu      sync.Mutex
	waiting []pmetric.Metrics // oldest first
}

// maxWaiting is the number of periods whose metrics can wait.
const maxWaiting = 64

func newMetricsOutput(m *periodMetrics, next consumer.Metrics) *metricsOutput {
	return &metricsOutput{next: next, metrics: m}
}

// add makes the metrics of a closed period and leaves them for Consume.
func (o *metricsOutput) add(p *engine.Period, alerts []alert.Alert) {
	metrics := o.metrics.add(p, alerts)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == maxWaiting {
		o.waiting = o.waiting[1:]
	}
	o.waiting = append(o.waiting, metrics)
}

// restore takes in the alerts that have fired since before the process started.
func (o *metricsOutput) restore(firing []alert.Alert) {
	for i := range firing {
		a := &firing[i]
		o.metrics.firing[firingKey{spanmetrics.CleanKey(a.Key()), a.Objective}] = true
	}
}

// Consume emits all metrics that wait, oldest first.
func (o *metricsOutput) Consume(ctx context.Context, _ engine.Period) error {
	for {
		metrics, ok := o.take()
		if !ok {
			return nil
		}
		if metrics.DataPointCount() == 0 {
			continue
		}
		if err := o.next.ConsumeMetrics(ctx, metrics); err != nil {
			return err
		}
	}
}

// take removes the oldest metrics that wait. ok is false if there are none.
func (o *metricsOutput) take() (metrics pmetric.Metrics, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return metrics, false
	}
	metrics = o.waiting[0]
	o.waiting = o.waiting[1:]
	return metrics, true
}
