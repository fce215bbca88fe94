package monitor_test

import (
	"context"
	"log"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/state"
)

// A restart goes on where the last process was: the alert that fires keeps its id, and nobody hears of it
// twice.
func Example_state() {
	m, err := monitor.New(monitor.Config{State: state.File("/var/lib/shop/monitor.state")})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = m.Shutdown(context.Background()) }()
}
