package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// fakeDB is a target that can be down, refuse things and hang.
type fakeDB struct {
	mu       sync.Mutex
	down     error // what every attempt gets
	refuse   map[string]bool
	hang     bool
	attempts []time.Time
	written  []string // monitors of periods, ids of alerts
	trims    []time.Time
	more     int // number of batches that have one after them
	// trimTakes is how long a batch takes.
	trimTakes time.Duration
}

var errRefused = errors.New("refused")

func (f *fakeDB) write(ctx context.Context, it *item) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts = append(f.attempts, time.Now())
	if f.hang {
		f.mu.Unlock()
		defer f.mu.Lock()
		<-ctx.Done()
		return ctx.Err()
	}
	if f.down != nil {
		return f.down
	}
	if it.period != nil {
		if f.refuse[it.period.Monitor] {
			return errRefused
		}
		f.written = append(f.written, it.period.Monitor)
	}
	for _, a := range it.alerts {
		f.written = append(f.written, a.ID)
	}
	return nil
}

func (f *fakeDB) isFinal(err error) bool { return errors.Is(err, errRefused) }

func (f *fakeDB) trim(_ context.Context, before time.Time, _ int) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trims = append(f.trims, before)
	f.more--
	f.mu.Unlock()
	time.Sleep(f.trimTakes)
	f.mu.Lock()
	return f.more >= 0, f.down
}

// trimmed returns the ages of the batches that were deleted, or are being so.
func (f *fakeDB) trimmed() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.trims)
}

// fail begins an outage.
func (f *fakeDB) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

// up ends the outage.
func (f *fakeDB) up() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = nil
}

// seen returns the times of the attempts and what was written.
func (f *fakeDB) seen() (attempts []time.Time, written []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.attempts), slices.Clone(f.written)
}

// fakeStore returns a store over a fake, without a database to close or to read.
func fakeStore(f *fakeDB, c Config) *Store {
	c = c.withDefaults()
	s := &Store{queue: newQueue(c.Buffer, c.BufferSummaries), done: make(chan struct{}), db: &database{}}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	w := &writer{queue: s.queue, db: f, timeout: c.Timeout, retention: c.Retention}
	go func() {
		defer close(s.done)
		w.run(ctx)
	}()
	return s
}

// named returns a period that can be told from others, with n summaries.
func named(name string, n int) engine.Period {
	return engine.Period{Monitor: name, Summaries: make([]engine.Summary, n)}
}

// accepted returns the number of periods that a store accounts for.
func (s Stats) accepted() uint64 { return s.Written + s.Waiting + s.Dropped }

// A database that is down for ten minutes costs no period, neither of 1m nor of 1s, and
// what comes afterwards is in order.
func TestDownForTenMinutes(t *testing.T) {
	for _, length := range []time.Duration{time.Minute, time.Second} {
		t.Run(length.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeDB{down: errors.New("connection refused")}
				s := fakeStore(f, Config{})
				var want []string
				for begin := time.Now(); time.Since(begin) < 10*time.Minute; time.Sleep(length) {
					want = append(want, fmt.Sprint(len(want)))
					if err := s.Consume(t.Context(), named(want[len(want)-1], 100)); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if got := s.Stats(); got.LastError == nil || got.Waiting != uint64(len(want)) {
					t.Errorf("while it is down: got %+v", got)
				}
				if attempts, _ := f.seen(); len(attempts) < 30 || len(attempts) > 200 {
					t.Errorf("%d attempts in ten minutes", len(attempts))
				}
				f.up()
				time.Sleep(lastRetry)
				synctest.Wait()
				_, written := f.seen()
				checkDiff(t, want, written)
				checkDiff(t, Stats{Written: uint64(len(want))}, s.Stats().counts())
				mustClose(t, s)
			})
		})
	}
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.closeFake(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

// closeFake is Close for a store without a database.
func (s *Store) closeFake(ctx context.Context) error {
	return s.close(ctx, func() error { return nil })
}

// The delays between attempts double, up to a bound, and no two stores have the same.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{down: errors.New("down")}
		s := fakeStore(f, Config{})
		if err := s.Consume(t.Context(), named("x", 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		attempts, _ := f.seen()
		want := firstRetry
		for i := 1; i < len(attempts); i++ {
			if d := attempts[i].Sub(attempts[i-1]); d < want/2 || d > want {
				t.Errorf("delay %d: got %s, want %s to %s", i, d, want/2, want)
			}
			want = min(2*want, lastRetry)
		}
		f.up()
		mustClose(t, s)
	})
}

// A full buffer gives up its oldest periods, and counts them; alerts stay as long as there
// is a period to give up.
func TestFullBuffer(t *testing.T) {
	tests := map[string]struct {
		config  Config
		periods int // summaries in each
		want    []string
		dropped uint64
	}{
		"periods":   {Config{Buffer: 4}, 1, []string{"first", "alert", "4", "5"}, 4},
		"summaries": {Config{BufferSummaries: 35}, 10, []string{"first", "alert", "4", "5"}, 4},
		"too big":   {Config{BufferSummaries: 5}, 10, []string{"first", "5"}, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeDB{down: errors.New("disk full")}
				s := fakeStore(f, test.config)
				if err := s.Consume(t.Context(), named("first", test.periods)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // it is being written, and can't be given up
				if err := s.Notify(t.Context(), []alert.Alert{{ID: "alert", Evidence: make([]engine.Summary, 1)}}); err != nil {
					t.Fatal(err)
				}
				var errs []error
				for i := range 6 {
					errs = append(errs, s.Consume(t.Context(), named(fmt.Sprint(i), test.periods)))
				}
				if err := errors.Join(errs...); err == nil || !strings.Contains(err.Error(), "dropped: disk full") {
					t.Errorf("got %v, want what was dropped and why", err)
				}
				if got := s.Stats(); got.accepted() != 7 {
					t.Errorf("got %+v, want 7 periods in all", got)
				}
				f.up()
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				_, written := f.seen()
				checkDiff(t, test.want, written)
				if got := s.Stats(); got.Dropped != test.dropped || got.accepted() != 7 {
					t.Errorf("got %+v, want %d dropped of 7", got, test.dropped)
				}
				mustClose(t, s)
			})
		})
	}
}

// What is refused is in nobody's way.
func TestRefusedIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{refuse: map[string]bool{"bad": true}}
		s := fakeStore(f, Config{})
		for _, name := range []string{"a", "bad", "b"} {
			if err := s.Consume(t.Context(), named(name, 1)); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, s)
		checkDiff(t, []string{"a", "b"}, f.written)
		if got := s.Stats(); got.Written != 2 || got.Dropped != 1 {
			t.Errorf("got %+v, want two written and one dropped", got)
		}
	})
}

// Close gives up at its deadline, whatever the database does, and says what was left.
func TestCloseDeadline(t *testing.T) {
	for name, f := range map[string]*fakeDB{"down": {down: errors.New("connection refused")}, "hangs": {hang: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := fakeStore(f, Config{})
				for i := range 3 {
					if err := s.Consume(t.Context(), named(fmt.Sprint(i), 1)); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Notify(t.Context(), make([]alert.Alert, 2)); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				begin := time.Now()
				err := s.closeFake(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 periods and 2 alerts left unwritten") {
					t.Errorf("got %v", err)
				}
				if name == "down" && !strings.Contains(err.Error(), "connection refused") {
					t.Errorf("%v does not say why", err)
				}
				if d := time.Since(begin); d != 5*time.Second {
					t.Errorf("it took %s", d)
				}
				if got := s.Stats(); got.Dropped != 3 || got.AlertsDropped != 2 || got.Waiting != 0 {
					t.Errorf("got %+v", got)
				}
			})
		})
	}
}

// Close does not sit out a long delay.
func TestCloseTriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{down: errors.New("down")}
		s := fakeStore(f, Config{})
		if err := s.Consume(t.Context(), named("x", 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		f.up()
		begin := time.Now()
		mustClose(t, s)
		if d := time.Since(begin); d > firstRetry {
			t.Errorf("it took %s", d)
		}
		checkDiff(t, []string{"x"}, f.written)
	})
}

func TestFlushDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{down: errors.New("connection refused")}
		s := fakeStore(f, Config{})
		if err := s.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Consume(t.Context(), named("x", 1)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Flush(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("got %v", err)
		}
		f.up()
		mustClose(t, s)
	})
}

// What is old is deleted once a minute at most, in batches, also while periods come all the
// time, and never if it is kept forever.
func TestTrimTimes(t *testing.T) {
	tests := map[string]struct {
		config   Config
		more     int
		low, top int
	}{
		"idle":    {Config{}, 0, 9, 10},
		"batches": {Config{}, 5, 14, 15},
		"bounded": {Config{}, 1_000_000, 9 * trimBatches, 10 * trimBatches},
		"forever": {Config{Retention: -1}, 0, 0, 0},
	}
	for name, test := range tests {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/busy=%t", name, busy), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &fakeDB{more: test.more}
					s := fakeStore(f, test.config)
					for range 600 {
						if busy {
							if err := s.Consume(t.Context(), named("x", 1)); err != nil {
								t.Fatal(err)
							}
						}
						time.Sleep(time.Second)
					}
					mustClose(t, s)
					if n := len(f.trims); n < test.low || n > test.top {
						t.Errorf("%d batches in ten minutes, want %d to %d", n, test.low, test.top)
					}
				})
			})
		}
	}
}

// What comes while old rows are deleted is written after the batch under way.
func TestTrimGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const batch = time.Second
		f := &fakeDB{more: 1_000_000, trimTakes: batch}
		s := fakeStore(f, Config{})
		defer mustClose(t, s)
		for len(f.trimmed()) == 0 {
			time.Sleep(batch / 4)
		}
		begin := time.Now()
		if err := s.Consume(t.Context(), named("x", 1)); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > batch {
			t.Errorf("it waited for %s, and a batch takes %s", d, batch)
		}
	})
}

// While nothing can be written, the store says so and since when, and what is old is still
// deleted, so that a full disk heals.
func TestWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		s := fakeStore(f, Config{})
		consume := func(name string) {
			t.Helper()
			if err := s.Consume(t.Context(), named(name, 1)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		consume("1")
		wrote := time.Now()
		if h := s.Health(); h.Err != nil || h.LastSuccess != wrote || h.FailingSince != (time.Time{}) {
			t.Errorf("when all is well: got %+v", h)
		}
		time.Sleep(time.Minute)
		f.fail(errors.New("disk full"))
		consume("2")
		since := time.Now()
		time.Sleep(2 * trimEvery)
		consume("3")
		want := "store: nothing could be written since " + alert.Moment(since) + "; 2 periods and 0 alerts wait, 0 and 0 are lost: disk full"
		if h := s.Health(); h.Err == nil || h.Err.Error() != want || h.FailingSince != since || h.LastSuccess != wrote || h.Waiting != 2 {
			t.Errorf("while it fails: got %+v\nwant %s", h, want)
		}
		if n := len(f.trimmed()); n < 2 {
			t.Errorf("old rows were deleted %d times, want 2 or more", n)
		}
		f.up()
		time.Sleep(lastRetry)
		synctest.Wait()
		if h := s.Health(); h.Err != nil || h.Waiting != 0 {
			t.Errorf("when it is well again: got %+v", h)
		}
		mustClose(t, s)
	})
}

// What is old is what is older than Retention; an attempt that hangs is one of many.
func TestRetentionAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		s := fakeStore(f, Config{Retention: time.Hour})
		time.Sleep(2 * trimEvery)
		synctest.Wait()
		if age := time.Since(f.trimmed()[0]); age < time.Hour || age > time.Hour+2*trimEvery {
			t.Errorf("rows older than %s were deleted, want %s", age, time.Hour)
		}
		mustClose(t, s)

		hung := &fakeDB{hang: true}
		s = fakeStore(hung, Config{Timeout: time.Second})
		if err := s.Consume(t.Context(), named("x", 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if attempts, _ := hung.seen(); len(attempts) < 3 {
			t.Errorf("%d attempts in 10 s", len(attempts))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_ = s.closeFake(ended) // it has something left, and says so
	})
}
