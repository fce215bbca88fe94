package main

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRun plays all scenes in short periods: the run ends by itself, without an error, and
// leaves nothing behind.
func TestRun(t *testing.T) {
	if err := run(context.Background(), options{addr: "127.0.0.1:0", period: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
}
