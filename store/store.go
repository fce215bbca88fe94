package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// ErrClosed is what a store answers after Close.
var ErrClosed = errors.New("store is closed")

// Store keeps periods and alerts in a database. One goroutine of its own writes them. Its
// methods are safe for concurrent use; it must not be copied.
type Store struct {
	db     *database
	queue  *queue
	cancel context.CancelFunc // ends the writer at once
	done   chan struct{}      // closed when the writer has ended

	closing  sync.Once
	closeErr error
}

var (
	_ engine.Sink    = (*Store)(nil)
	_ alert.Notifier = (*Store)(nil)
)

// Open connects to the database, brings its tables up to date, and starts the writer. The
// database must be up: Open does not wait for it longer than ctx or [Config.Timeout].
// It returns an error, too, if the tables are newer than this version of the package.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	c = c.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	db, err := openDatabase(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("store: open %q: %w", redacted(c.DSN), err)
	}
	s := &Store{db: db, queue: newQueue(c.Buffer, c.BufferSummaries), done: make(chan struct{})}
	writing, stop := context.WithCancel(context.Background())
	s.cancel = stop
	w := &writer{queue: s.queue, db: db, timeout: c.Timeout, retention: c.Retention}
	go func() {
		defer close(s.done)
		w.run(writing)
	}()
	return s, nil
}

// Consume takes a period to be written and returns without waiting for that; p must not
// change any more. It returns an error if older ones had to be dropped for want of room,
// and [ErrClosed] after Close.
func (s *Store) Consume(_ context.Context, p engine.Period) error {
	p.Summaries = withoutHistograms(p.Summaries)
	return s.put(item{period: &p})
}

// withoutHistograms returns the summaries without what is not stored and would take memory
// while they wait.
func withoutHistograms(summaries []engine.Summary) []engine.Summary {
	has := func(s engine.Summary) bool {
		return s.Histogram != nil || s.FailureHistogram != nil || s.CancelledHistogram != nil
	}
	if !slices.ContainsFunc(summaries, has) {
		return summaries
	}
	summaries = slices.Clone(summaries) // they are shared with other sinks
	for i := range summaries {
		s := &summaries[i]
		s.Histogram, s.FailureHistogram, s.CancelledHistogram = nil, nil, nil
	}
	return summaries
}

// Notify takes alerts to be written, as Consume does periods. They are written one row for
// each: that an alert fires, that it still does, that it is resolved.
func (s *Store) Notify(_ context.Context, alerts []alert.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	alerts = slices.Clone(alerts)
	for i := range alerts {
		alerts[i].Evidence = withoutHistograms(alerts[i].Evidence)
	}
	err := s.put(item{alerts: alerts})
	if errors.Is(err, ErrClosed) {
		return alert.Final(err)
	}
	return nil // the alerts are taken, whatever was dropped for them; Stats tells
}

// put leaves an item for the writer.
func (s *Store) put(it item) error {
	dropped, err := s.queue.put(it)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if dropped > 0 {
		return fmt.Errorf("store: the buffer is full, %d dropped: %w", dropped, s.Stats().reason())
	}
	return nil
}

// Stats are a store's counters. What was ever taken is written, dropped or waiting.
type Stats struct {
	// Written is the number of periods that are in the database, Waiting that of those
	// which are not yet, and Dropped that of those which never will be: the buffer was full,
	// the database refused what they hold, or the store was closed.
	Written, Waiting, Dropped uint64
	// AlertsWritten, AlertsWaiting and AlertsDropped are the same for alerts.
	AlertsWritten, AlertsWaiting, AlertsDropped uint64
	// LastError is why the last attempt to write failed, nil if it did not.
	LastError error
}

// reason returns why there is no room.
func (s Stats) reason() error {
	if s.LastError != nil {
		return s.LastError
	}
	return errors.New("the database is too slow")
}

// Stats returns the counters as they are now.
func (s *Store) Stats() Stats { return s.queue.snapshot() }

// Flush waits until everything that was taken before is written, or dropped. It returns
// ctx's error if that ends first, with the reason.
func (s *Store) Flush(ctx context.Context) error {
	err := s.queue.flush(ctx)
	if err != nil {
		return fmt.Errorf("store: flush: %w", errors.Join(err, s.Stats().LastError))
	}
	return nil
}

// Close takes nothing more, writes what is left, and closes the database. If ctx ends first
// the rest is dropped, and the error says how much that was. Further calls wait for the
// first and return what it did.
func (s *Store) Close(ctx context.Context) error { return s.close(ctx, s.db.close) }

// close is Close with what closes the database.
func (s *Store) close(ctx context.Context, closeDB func() error) error {
	s.closing.Do(func() {
		s.queue.close()
		var ended error
		select {
		case <-s.done:
		case <-ctx.Done():
			ended = ctx.Err()
			s.cancel()
			<-s.done // the attempt under way ends with its context
		}
		s.cancel()
		reason := s.Stats().LastError
		if err := s.queue.abandon(); err != nil {
			s.closeErr = fmt.Errorf("store: %w: %w", err, errors.Join(ended, reason))
		}
		if err := closeDB(); err != nil {
			s.closeErr = errors.Join(s.closeErr, fmt.Errorf("store: close: %w", err))
		}
	})
	return s.closeErr
}
