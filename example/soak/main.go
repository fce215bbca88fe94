// Command soak runs a monitor under hard conditions for as long as one likes, and checks at the
// end that it kept its promises. It prints a report in Markdown, and fails if anything was
// violated.
//
//	make soak DURATION=10m
//
// A program makes spans at a steady rate, with bursts; routes come and go; a database fails now
// and then, and the routes that need it; some calls never end; objectives change; the status is
// polled. Summaries and alerts go to an SQLite store, and alerts to a webhook receiver that fails
// and hangs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// config says how hard it gets.
type config struct {
	Duration time.Duration
	Period   time.Duration
	// Rate and Burst are spans a second. A burst lasts BurstFor, and comes every BurstEvery.
	Rate, Burst          int
	BurstFor, BurstEvery time.Duration
	Names                int // the number of routes at a time
	NewNames             int // of them new, a second
	FailEvery, FailFor   time.Duration
	Failing, Hanging     float64 // the share of the webhook's requests that fail, and that get no answer
	Database             string
}

func main() {
	c := config{Period: 5 * time.Second, BurstFor: 2 * time.Second, BurstEvery: 30 * time.Second, FailEvery: time.Minute, FailFor: 25 * time.Second}
	flag.DurationVar(&c.Duration, "duration", 10*time.Minute, "how long it lasts")
	flag.IntVar(&c.Rate, "rate", 10_000, "spans a second")
	flag.IntVar(&c.Burst, "burst", 100_000, "spans a second in a burst, of 2s every 30s")
	flag.IntVar(&c.Names, "names", 2000, "routes at a time")
	flag.IntVar(&c.NewNames, "new", 100, "new routes a second, in the place of old ones")
	flag.Float64Var(&c.Failing, "failing", 0.3, "share of the requests to the webhook that fail")
	flag.Float64Var(&c.Hanging, "hanging", 0.1, "share of the requests to the webhook that get no answer")
	flag.StringVar(&c.Database, "database", "", "SQLite `file`; a temporary one by default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	r, err := run(ctx, c)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	fmt.Print(r.markdown())
	if len(r.violations) > 0 {
		os.Exit(1)
	}
}
