package store

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// awaitTimeout is how long tests wait for what must happen.
const awaitTimeout = 30 * time.Second

// awaitStats waits until the counters of a store are as wanted. It looks at each change.
func awaitStats(t *testing.T, s *Store, what string, wanted func(Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), awaitTimeout)
	defer cancel()
	for {
		s.queue.mu.Lock()
		changed := s.queue.changed
		s.queue.mu.Unlock()
		if wanted(s.Stats()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s: got %+v", awaitTimeout, what, s.Stats())
		}
	}
}

// awaitServer calls check until it returns no error. That is for a server, which is a process
// of its own and announces nothing.
func awaitServer(what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), awaitTimeout)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", awaitTimeout, what, err)
		}
	}
}

// counts returns the counters without times.
func (s Stats) counts() Stats {
	s.LastSuccess, s.FailingSince = time.Time{}, time.Time{}
	return s
}
