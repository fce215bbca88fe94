package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Recorded calls are counted and judged at the speed of the processor, and delivered as
// live ones are.
func Example() {
	windows, err := engine.NewWindows(engine.Config{Objective: engine.Objective{AlertAfter: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	judge := alert.NewJudge()
	errs := delivery.NewErrorHandler(func(err error) { fmt.Println("error:", err) })
	dispatcher := delivery.New(delivery.Options{
		Notifiers: []alert.Notifier{alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
			fmt.Println(alerts[0].State, alerts[0].Operation, "at", alerts[0].DecidedAt.Format(time.Kitchen))
			return nil
		})},
		Sinks:   []engine.Sink{engine.SinkFunc(func(context.Context, engine.Period) error { return errors.New("full") })},
		OnError: errs.HandleOnce,
	})

	start := time.Date(2026, 3, 1, 15, 0, 0, 0, time.UTC)
	for range 2 {
		for range 10 {
			windows.Add(engine.Report{Operation: "GET /users/{id}", Code: "500", Duration: 20 * time.Millisecond})
		}
		period := windows.Close(engine.Period{Start: start, End: start.Add(time.Minute)}, judge.Needs)
		start = period.End
		dispatcher.Send(&period, judge.Judge(&period))
		if err := dispatcher.Flush(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	if err := errors.Join(dispatcher.Close(context.Background()), errs.Close(context.Background())); err != nil {
		fmt.Println(err)
	}
	periods, notifications := dispatcher.Undelivered()
	fmt.Println("undelivered:", periods, "periods,", notifications, "notifications")

	// Unordered output:
	// error: sink 0 (engine.SinkFunc): full
	// firing GET /users/{id} at 3:02PM
	// undelivered: 2 periods, 0 notifications
}
