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
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	s, err := store.Open(ctx, store.Config{DSN: filepath.Join(dir, "quality.db")})
	if err != nil {
		log.Fatal(err)
	}
	m, err := monitor.New(monitor.Config{Name: "shop", Sinks: []engine.Sink{s}, Notifiers: []alert.Notifier{s}})
	if err != nil {
		log.Fatal(err)
	}

	m.Report(monitor.Report{Operation: "render", Code: "500", Duration: 30 * time.Millisecond})
	if err := m.Shutdown(ctx); err != nil { // first the monitor, which hands over its last period
		log.Fatal(err)
	}
	if err := s.Flush(ctx); err != nil {
		log.Fatal(err)
	}
	summaries, err := s.History(ctx, "render", time.Time{}, time.Time{})
	if err != nil {
		log.Fatal(err)
	}
	for _, summary := range summaries {
		fmt.Println(summary.Operation, summary.Count, "call,", summary.Failures[0].Count, "with code", summary.Failures[0].Code)
	}
	if err := s.Close(ctx); err != nil { // then the store, which writes what it has
		log.Fatal(err)
	}
	// Output: render 1 call, 1 with code 500
}
