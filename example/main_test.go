package main

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRun plays the whole story in short periods: it must end by itself, without
// an error, and leave nothing behind.
func TestRun(t *testing.T) {
	if err := run(context.Background(), options{addr: "127.0.0.1:0", period: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
}
