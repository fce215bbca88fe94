package alertmanager_test

import (
	"context"
	"errors"
	"log"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
)

// Alerts go to both Alertmanagers of a cluster.
func Example() {
	am, err := alertmanager.New(alertmanager.Config{URLs: []string{"http://am-0:9093", "http://am-1:9093"}})
	if err != nil {
		log.Fatal(err)
	}
	m, err := monitor.New(monitor.Config{Name: "http", Notifiers: []alert.Notifier{am}})
	if err != nil {
		log.Fatal(err)
	}
	// ... and when the program ends:
	ctx := context.Background()
	if err := errors.Join(m.Shutdown(ctx), am.Close(ctx)); err != nil {
		log.Print(err)
	}
	// Output:
}
