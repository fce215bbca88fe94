package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
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
	_ engine.Sink     = (*Store)(nil)
	_ alert.Notifier  = (*Store)(nil)
	_ delivery.Buffer = (*Store)(nil)
)

// Open connects to the database, brings its tables up to date, and starts the writer. The
// database must be up: Open waits for it until ctx or [Config.Timeout] ends. Tables that are
// newer than this version of the package are an error.
func Open(ctx context.Context, c Config) (*Store, error) { return open(ctx, c, schemas) }

// open is Open with the versions of the schema.
func open(ctx context.Context, c Config, files fs.FS) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	c = c.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	db, err := openDatabase(ctx, c, files)
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

var _ alert.Recorder = (*Store)(nil)

// RecordsAlerts says that the store is an [alert.Recorder]: it also keeps what is silenced.
func (s *Store) RecordsAlerts() {}

// Notify takes alerts to be written and returns without waiting for that. Each alert becomes
// a row: that it fires, that it still fires (a repeat), that it is resolved.
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
	return nil // these alerts were taken; Stats counts what was dropped to make room
}

// put leaves an item for the writer.
func (s *Store) put(it item) error {
	dropped, err := s.queue.put(it)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if dropped > 0 {
		return fmt.Errorf("store: the buffer is full: %d of the oldest entries dropped: %w", dropped, s.Stats().reason())
	}
	return nil
}

// Stats are a store's counters. Everything that was taken is written, waiting or dropped.
type Stats struct {
	// Written is the number of periods that are in the database. Waiting is the number of
	// those in the buffer. Dropped is the number of those that are lost: the buffer was full,
	// the database refused them, or the store was closed.
	Written, Waiting, Dropped uint64
	// AlertsWritten, AlertsWaiting and AlertsDropped are the same for alerts.
	AlertsWritten, AlertsWaiting, AlertsDropped uint64
	// LastSuccess is when something was written last; zero if nothing was yet.
	LastSuccess time.Time
	// FailingSince is since when every attempt to write has failed; zero if the last one
	// succeeded, or what it wrote was refused for good.
	FailingSince time.Time
	// LastError is the error of the last attempt to write, nil if it succeeded.
	LastError error
	// RetentionError is the error of the last attempt to delete what is too old, nil if it
	// succeeded.
	RetentionError error
}

// reason returns why the buffer is full.
func (s Stats) reason() error {
	if s.LastError != nil {
		return s.LastError
	}
	return errors.New("the database is too slow")
}

// Stats returns the counters as they are now.
func (s *Store) Stats() Stats { return s.queue.snapshot() }

// Health says how the store is doing. While the database can't be written, its error says since
// when, and what waits and is lost. It waits for nothing.
func (s *Store) Health() delivery.Health {
	stats := s.Stats()
	h := delivery.Health{
		Waiting: stats.Waiting + stats.AlertsWaiting, Dropped: stats.Dropped + stats.AlertsDropped,
		LastSuccess: stats.LastSuccess, FailingSince: stats.FailingSince,
	}
	if stats.RetentionError != nil {
		h.Err = fmt.Errorf("store: what is too old can't be deleted: %w", stats.RetentionError)
	}
	if !stats.FailingSince.IsZero() {
		h.Err = fmt.Errorf("store: nothing could be written since %s; %d periods and %d alerts wait, %d and %d are lost: %w",
			alert.Moment(stats.FailingSince), stats.Waiting, stats.AlertsWaiting, stats.Dropped, stats.AlertsDropped, stats.LastError)
	}
	return h
}

// Flush waits until everything that was taken before is written or dropped. If ctx ends
// first it returns ctx's error, joined with [Stats.LastError].
func (s *Store) Flush(ctx context.Context) error {
	err := s.queue.flush(ctx)
	if err != nil {
		return fmt.Errorf("store: flush: %w", errors.Join(err, s.Stats().LastError))
	}
	return nil
}

// Close takes nothing more, writes what is left, and closes the database. If ctx ends first
// the rest is dropped, and the error says how much that was. Further calls wait for the
// first one and return its error.
func (s *Store) Close(ctx context.Context) error { return s.close(ctx, s.db.close) }

// close is Close with the function that closes the database.
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
