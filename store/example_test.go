package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"

	"github.com/blurooo/go-monitor/store"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "store")
	check(err)
	s, err := store.Open(ctx, store.Config{DSN: filepath.Join(dir, "quality.db")})
	check(err)
	m, err := monitor.New(monitor.Config{Name: "shop", Sinks: []engine.Sink{s}, Notifiers: []alert.Notifier{s}})
	check(err)

	m.Report(monitor.Report{Operation: "render", Code: "500", Duration: 30 * time.Millisecond})

	check(m.Shutdown(ctx)) // first the monitor, which hands over its last period
	check(s.Flush(ctx))
	summaries, err := s.History(ctx, "render", time.Time{}, time.Time{})
	check(err)
	for _, summary := range summaries {
		fmt.Println(summary.Operation, summary.Count, "call,", summary.Failures[0].Count, "with code", summary.Failures[0].Code)
	}
	check(s.Close(ctx)) // then the store, which writes what it has
	check(os.RemoveAll(dir))
	// Output: render 1 call, 1 with code 500
}

// check ends the program if there is an error.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
