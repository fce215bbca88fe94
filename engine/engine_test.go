package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorder keeps what an engine's hooks were called with.
type recorder struct {
	mu       sync.Mutex
	periods  []Period
	troubles []string
	// hold, if it is not nil, keeps the engine's goroutine in the Closed hook until it is closed.
	hold   chan struct{}
	needed map[OperationKey]bool // what the Closed hook returns
}

func (r *recorder) hooks() Hooks {
	return Hooks{
		Closed: func(p *Period) map[OperationKey]bool {
			r.mu.Lock()
			r.periods = append(r.periods, *p)
			hold, needed := r.hold, r.needed
			r.mu.Unlock()
			if hold != nil {
				<-hold
			}
			return needed
		},
		OnError: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.troubles = append(r.troubles, err.Error())
		},
	}
}

// holdOn makes the next Closed hook wait, and returns what lets it go.
func (r *recorder) holdOn() (release func()) {
	hold := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = hold
	return func() {
		r.mu.Lock()
		r.hold = nil
		r.mu.Unlock()
		close(hold)
	}
}

// take returns the periods and troubles since the last call.
func (r *recorder) take() ([]Period, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	periods, troubles := r.periods, r.troubles
	r.periods, r.troubles = nil, nil
	return periods, troubles
}

// takePeriod returns the one period since the last call, in which there was no trouble.
func (r *recorder) takePeriod(t *testing.T) Period {
	t.Helper()
	periods, troubles := r.take()
	if len(periods) != 1 || len(troubles) != 0 {
		t.Fatalf("%d periods %v with the troubles %q, want one period and none", len(periods), periods, troubles)
	}
	return periods[0]
}

// start starts an engine that is shut down when the test ends.
func start(t testing.TB, c Config) (*Engine, *recorder) {
	t.Helper()
	return startAt(t, c, newClock())
}

func startAt(t testing.TB, c Config, now clock) (*Engine, *recorder) {
	t.Helper()
	r := new(recorder)
	e, err := newEngine(c, r.hooks(), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, e) })
	return e, r
}

func shutdown(t testing.TB, e *Engine) {
	t.Helper()
	if err := e.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func flush(t testing.TB, e *Engine) {
	t.Helper()
	if err := e.Flush(context.Background()); err != nil {
		t.Errorf("Flush: %v", err)
	}
}

// wait lets fake time pass, and then everybody finish.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// report makes n reports, of which none may be refused.
func report(t testing.TB, e *Engine, n int, r Report) {
	t.Helper()
	for i := range n {
		if !e.Report(r) {
			t.Fatalf("report %d of %d was refused", i+1, n)
		}
	}
}

// millennium is when the fake time of synctest begins; it is a multiple of every period.
var millennium = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// counted returns the number of reports that a period's summaries count.
func counted(t testing.TB, p *Period) uint64 {
	t.Helper()
	var n uint64
	for i := range p.Summaries {
		s := &p.Summaries[i]
		if s.Count != s.Success+s.Failure+s.Cancelled {
			t.Errorf("success %d + failure %d + cancelled %d is not the count %d", s.Success, s.Failure, s.Cancelled, s.Count)
		}
		n += s.Count + s.Ignored
	}
	if p.Received != n+p.Dropped {
		t.Errorf("received %d is not counted %d + dropped %d", p.Received, n, p.Dropped)
	}
	return n
}

// Several producers report while Shutdown runs: what Report took is in exactly one
// period, what it refused is counted as dropped, in each of 400 rounds.
func TestEngineAccountsForEveryReport(t *testing.T) {
	const rounds, producers = 400, 4
	var duringRounds, fullRounds, closedRounds int
	for round := range rounds {
		var mu sync.Mutex
		var periods []Period
		e, err := New(Config{Period: minPeriod, QueueSize: 64 << (round % 3 * 3), MaxOperations: 6}, Hooks{Closed: func(p *Period) map[OperationKey]bool {
			mu.Lock()
			defer mu.Unlock()
			periods = append(periods, *p)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		names := [...]string{"a", "b", "c"}
		var accepted, rejected, atWork atomic.Uint64
		var isShut atomic.Bool
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() {
				// Each goes on for a while after the shutdown, so that some reports come too late for sure.
				for i, after := 0, 0; after < 10; i++ {
					if isShut.Load() {
						after++
					}
					r := Report{Operation: names[i%len(names)], SpanKind: SpanKind(p), Outcome: Outcome(i % 5), Duration: time.Duration(i)}
					report := e.Report
					if i%7 == 0 {
						report = func(r Report) bool { return e.ReportWithin(r, TraceRef{TraceID: [16]byte{1}}) }
					}
					if report(r) {
						accepted.Add(1)
					} else {
						rejected.Add(1)
					}
					if i%16 == 15 {
						runtime.Gosched() // on few processors, a round would take long otherwise
					}
					if i == 0 {
						atWork.Add(1)
					}
				}
			})
		}
		for atWork.Load() < producers {
			runtime.Gosched()
		}
		for range round % 4 {
			flush(t, e)
		}
		shutdown(t, e)
		isShut.Store(true)
		mu.Lock()
		delivered := slices.Clone(periods)
		mu.Unlock()
		wg.Wait()

		if len(periods) != len(delivered) {
			t.Fatalf("round %d: a period was closed after Shutdown had returned", round)
		}
		var inPeriods, dropped uint64
		for i := range periods {
			inPeriods += counted(t, &periods[i])
			dropped += periods[i].Dropped
			if last := i == len(periods)-1; last && !periods[i].Partial {
				t.Errorf("round %d: the last period is not partial", round)
			}
		}
		s := e.Stats()
		if inPeriods != accepted.Load() || s.Counted != accepted.Load() {
			t.Errorf("round %d: %d reports were taken, the periods count %d, Stats %d", round, accepted.Load(), inPeriods, s.Counted)
		}
		if s.Dropped() != rejected.Load() || dropped > rejected.Load() {
			t.Errorf("round %d: %d reports were refused, Stats says %+v, the periods %d", round, rejected.Load(), s, dropped)
		}
		if made := accepted.Load() + rejected.Load(); s.Received() != made {
			t.Errorf("round %d: %d reports were made, %d received", round, made, s.Received())
		}
		if s.Counted == 0 || s.DroppedShutdown == 0 {
			t.Errorf("round %d shows nothing: %+v", round, s)
		}
		if t.Failed() {
			return
		}
		if s.DroppedShutdown > producers*10 {
			duringRounds++
		}
		if s.DroppedQueueFull > 0 {
			fullRounds++
		}
		if len(periods) > 1 {
			closedRounds++
		}
	}
	t.Logf("reports were refused before Shutdown returned in %d rounds, the queue was full in %d, periods ended by the clock in %d", duringRounds, fullRounds, closedRounds)
}

func TestEngineClosesPeriodsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(37 * time.Second)
		e, r := start(t, Config{Name: "m"})
		report(t, e, 3, Report{Operation: "a"})
		wait(23*time.Second - 1)
		if periods, _ := r.take(); len(periods) != 0 {
			t.Fatalf("%v was closed before its time", periods)
		}
		wait(1)
		p := r.takePeriod(t)
		checkPeriod(t, p, Period{Start: millennium.Add(37 * time.Second), End: millennium.Add(time.Minute), Partial: true})
		if got := summaryOf(t, p, "a"); got.Count != 3 || !got.Partial || got.Monitor != "m" || p.Monitor != "m" {
			t.Errorf("got %+v", got)
		}

		// What is reported up to a boundary is in the period that ends there, without anybody asking for it.
		report(t, e, 2, Report{Operation: "a"})
		wait(time.Minute)
		p = r.takePeriod(t)
		checkPeriod(t, p, Period{Start: millennium.Add(time.Minute), End: millennium.Add(2 * time.Minute)})
		if got := summaryOf(t, p, "a"); got.Count != 2 || got.Start != p.Start || got.End != p.End {
			t.Errorf("got %+v", got)
		}

		// Empty periods close, too.
		for minute := range 3 {
			wait(time.Minute)
			p = r.takePeriod(t)
			checkPeriod(t, p, Period{Start: millennium.Add(time.Duration(2+minute) * time.Minute), End: millennium.Add(time.Duration(3+minute) * time.Minute)})
			if p.Summaries == nil || len(p.Summaries) != 0 || p.Received != 0 {
				t.Errorf("an empty period is %+v", p)
			}
		}

		// The last period is cut short by Shutdown.
		report(t, e, 1, Report{Operation: "a"})
		wait(10 * time.Second)
		shutdown(t, e)
		p = r.takePeriod(t)
		checkPeriod(t, p, Period{Start: millennium.Add(5 * time.Minute), End: millennium.Add(5*time.Minute + 10*time.Second), Partial: true})
		if got := summaryOf(t, p, "a"); got.Count != 1 {
			t.Errorf("got %+v", got)
		}
		wait(time.Hour)
		if periods, _ := r.take(); len(periods) != 0 {
			t.Errorf("%v was closed after the shutdown", periods)
		}
	})
}

func TestEngineStartsOnABoundary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := start(t, Config{Period: 10 * ms})
		for i := range time.Duration(100) {
			wait(10 * ms)
			checkPeriod(t, r.takePeriod(t), Period{Start: millennium.Add(i * 10 * ms), End: millennium.Add((i + 1) * 10 * ms)})
		}
	})
}

// A period whose time has come is whole, even if the engine is shut down before it
// gets to close it.
func TestEngineShutdownAtABoundary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := skewed()
		e, r := startAt(t, Config{}, c.now)
		report(t, e, 1, Report{Operation: "a"})
		wait(59 * time.Second)
		c.skip(time.Second, time.Second)
		shutdown(t, e)
		periods, troubles := r.take()
		if len(periods) != 2 || len(troubles) != 0 {
			t.Fatalf("got %v with the troubles %q, want two periods", periods, troubles)
		}
		checkPeriod(t, periods[0], Period{Start: millennium, End: millennium.Add(time.Minute)})
		checkPeriod(t, periods[1], Period{Start: millennium.Add(time.Minute), End: millennium.Add(time.Minute), Partial: true})
		if got := summaryOf(t, periods[0], "a"); got.Count != 1 || got.Partial {
			t.Errorf("got %+v", got)
		}
	})
}

func TestEngineFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{})
		for round := range uint64(50) {
			report(t, e, 10, Report{Operation: "a"})
			flush(t, e)
			if s := e.Stats(); s != (Stats{Counted: 10 * (round + 1)}) {
				t.Fatalf("after Flush the stats are %+v, want %d counted", s, 10*(round+1))
			}
		}
		if periods, _ := r.take(); len(periods) != 0 {
			t.Errorf("Flush has closed %v", periods)
		}
		wait(time.Minute)
		if got := summaryOf(t, r.takePeriod(t), "a").Count; got != 500 {
			t.Errorf("the period counts %d reports, want 500", got)
		}
		flush(t, e) // with nothing to count
	})
}

// A report that was made before Flush is counted even if somebody else's, which came
// to the queue before it, is still being written.
func TestEngineFlushWaitsForWriters(t *testing.T) {
	e, _ := start(t, Config{QueueSize: 16})
	w := e.queue.startWriting(t)
	report(t, e, 1, Report{Operation: "a"})
	go func() {
		for range 1000 {
			runtime.Gosched()
		}
		w.finish()
	}()
	flush(t, e)
	if n := e.Stats().Counted; n != 2 {
		t.Errorf("after Flush %d reports are counted, want 2", n)
	}
}

// Flush and Shutdown give up when their context ends; the work goes on all the same.
func TestEngineHonoursContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{})
		release := r.holdOn()
		wait(time.Minute) // the engine's goroutine is now kept in a hook
		report(t, e, 1, Report{Operation: "a"})

		ended, cancel := context.WithCancel(context.Background())
		cancel()
		for name, f := range map[string]func(context.Context) error{"Flush": e.Flush, "Shutdown": e.Shutdown} {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			began := time.Now()
			if err := f(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%s: %v after %s, want the deadline's error after 1s", name, err, time.Since(began))
			}
			cancel()
			if err := f(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a context that has ended: %v", name, err)
			}
		}
		// A Flush that waits is ended by the Shutdown that comes first.
		waiting := make(chan error)
		go func() { waiting <- e.Flush(context.Background()) }()
		synctest.Wait()

		release()
		if err := <-waiting; err != nil {
			t.Errorf("Flush during Shutdown: %v", err)
		}
		shutdown(t, e)
		periods, _ := r.take()
		if n := len(periods); n != 2 || summaryOf(t, periods[1], "a").Count != 1 {
			t.Errorf("got %v", periods)
		}
	})
}

func TestEngineShutdownIsIdempotent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{})
		report(t, e, 5, Report{Operation: "a"})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { shutdown(t, e) })
			wg.Go(func() { flush(t, e) })
		}
		wg.Wait()
		if got := summaryOf(t, r.takePeriod(t), "a").Count; got != 5 {
			t.Errorf("the last period counts %d reports, want 5", got)
		}

		// Afterwards everything still answers, at once, whatever the context.
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		for range 20 {
			if err := e.Shutdown(ended); err != nil {
				t.Fatalf("Shutdown after Shutdown: %v", err)
			}
			if err := e.Flush(ended); err != nil {
				t.Fatalf("Flush after Shutdown: %v", err)
			}
		}
		for i := range uint64(3) {
			if e.Report(Report{Operation: "a"}) || e.ReportWithin(Report{}, TraceRef{TraceID: [16]byte{1}}) {
				t.Error("a report was taken after Shutdown")
			}
			if s := e.Stats(); s != (Stats{Counted: 5, DroppedShutdown: 2 * (i + 1)}) || s.Dropped() != 2*(i+1) || s.Received() != 5+2*(i+1) {
				t.Errorf("the stats are %+v after %d reports that came too late", s, 2*(i+1))
			}
		}
		if err := e.SetObjective("a", Objective{AlertAfter: 1}); err != nil {
			t.Errorf("SetObjective after Shutdown: %v", err)
		}
		if periods, troubles := r.take(); len(periods) != 0 || len(troubles) != 0 {
			t.Errorf("got %v and %q after the shutdown", periods, troubles)
		}
	})
}

func TestEngineReportsThatComeDuringShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{})
		report(t, e, 3, Report{Operation: "a"})
		e.queue.seal() // as Shutdown does, some time before it closes the last period
		e.Report(Report{Operation: "a"})
		shutdown(t, e)
		periods, troubles := r.take()
		if len(periods) != 1 || periods[0].Received != 4 || periods[0].Dropped != 1 {
			t.Errorf("got %+v, want 4 received and 1 dropped", periods)
		}
		if want := []string{"1 of 4 reports dropped between 00:00:00 and 00:00:00: they came after the shutdown began"}; !slices.Equal(troubles, want) {
			t.Errorf("troubles %q, want %q", troubles, want)
		}
	})
}

// While the engine can't count, the queue takes what it is made for and no more.
func TestEngineOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{QueueSize: 16})
		for minute := range 3 {
			release := r.holdOn()
			wait(time.Minute) // the engine's goroutine is now kept in a hook
			r.take()
			var taken int
			for i := range 100 {
				if i%2 == 1 && e.ReportWithin(Report{Operation: "a"}, TraceRef{TraceID: [16]byte{1}}) ||
					i%2 == 0 && e.Report(Report{Operation: "a"}) {
					taken++
				}
			}
			if taken != 16 {
				t.Errorf("%d reports were taken, want 16", taken)
			}
			release()
			wait(time.Minute)
			periods, troubles := r.take()
			if len(periods) != 1 {
				t.Fatalf("got %v, want one period", periods)
			}
			p := periods[0]
			if counted(t, &p) != 16 || p.Dropped != 84 || p.Received != 100 {
				t.Errorf("received %d, dropped %d, want 100 and 84", p.Received, p.Dropped)
			}
			want := fmt.Sprintf("84 of 100 reports dropped between 00:0%d:00 and 00:0%d:00: the queue was full", 2*minute+1, 2*minute+2)
			if !slices.Equal(troubles, []string{want}) {
				t.Errorf("troubles %q, want %q", troubles, want)
			}
		}
		// What was said is not said again.
		wait(time.Minute)
		if p := r.takePeriod(t); p.Dropped != 0 || p.Received != 0 {
			t.Errorf("an empty period has %d reports and dropped %d", p.Received, p.Dropped)
		}
		if s := e.Stats(); s != (Stats{Counted: 48, DroppedQueueFull: 252}) {
			t.Errorf("the stats are %+v", s)
		}
	})
}

// Bursts that fit into the queue are never refused: whenever a quarter of it has
// filled, the engine wakes up and empties it, without a Flush or the end of a period.
func TestEngineWakesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{QueueSize: 64, Period: time.Hour})
		random := rand.New(rand.NewPCG(1, 2))
		total := 0
		for range 2000 {
			// Up to a quarter may still be there, since it woke nobody.
			burst := random.IntN(64 - 15 + 1)
			report(t, e, burst, Report{Operation: "a"})
			total += burst
			synctest.Wait()
			if waiting := total - int(e.Stats().Counted); waiting > 15 {
				t.Fatalf("%d reports wait, and nobody counts them", waiting)
			}
		}
		shutdown(t, e)
		if got := summaryOf(t, r.takePeriod(t), "a").Count; got != uint64(total) {
			t.Errorf("%d reports were counted, want %d", got, total)
		}
	})
}

func TestEngineReportFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{QueueSize: 16})
		release := r.holdOn() // so that nobody counts
		wait(time.Minute)
		for range 16 {
			if !e.ReportFields("a", "503", 5*ms, SpanKindServer, OutcomeFailure, "shop") {
				t.Error("refused")
			}
		}
		if e.ReportFields("a", "503", 5*ms, SpanKindServer, OutcomeFailure, "shop") {
			t.Error("a report too many was taken")
		}
		release()
		wait(time.Minute)
		periods, _ := r.take()
		if len(periods) != 2 || periods[1].Received != 17 || periods[1].Dropped != 1 {
			t.Fatalf("got %+v, want 17 reports of which 1 was dropped", periods)
		}
		s := summaryOf(t, periods[1], "a")
		if s.Service != "shop" || s.SpanKind != SpanKindServer || s.Failure != 16 || s.FailureLatency.Mean != 5*ms || s.Failures[0].Code != "503" {
			t.Errorf("got %+v", s)
		}
		shutdown(t, e)
		if e.ReportFields("a", "", 0, SpanKindServer, OutcomeSuccess, "shop") || e.Stats().DroppedShutdown != 1 {
			t.Errorf("after Shutdown the stats are %+v", e.Stats())
		}
	})
}

// The engine comes again by itself when a producer that was slow to write its slot
// has hidden what came after it.
func TestEngineComesAgainWhenBehind(t *testing.T) {
	windows := newWindows(t, Config{})
	e := &Engine{windows: windows, now: newClock()}
	e.queue.initSize(64)
	w := e.queue.startWriting(t)
	for range 20 {
		e.Report(Report{Operation: "a"})
	}
	<-e.queue.wake
	e.count()
	if e.counted.Load() != 0 || len(e.queue.wake) != 1 {
		t.Fatalf("counted %d reports, %d tokens, want none and one", e.counted.Load(), len(e.queue.wake))
	}
	<-e.queue.wake
	w.finish()
	e.count()
	if e.counted.Load() != 21 || len(e.queue.wake) != 0 {
		t.Errorf("counted %d reports, %d tokens, want 21 and none", e.counted.Load(), len(e.queue.wake))
	}
}

// skewedClock is the clock of the test's bubble with both of its hands set apart.
type skewedClock struct {
	base       clock
	mu         sync.Mutex
	wall, mono time.Duration
}

func skewed() *skewedClock { return &skewedClock{base: newClock()} }

func (c *skewedClock) now() (time.Time, time.Duration) {
	wall, mono := c.base()
	c.mu.Lock()
	defer c.mu.Unlock()
	return wall.Add(c.wall), mono + c.mono
}

func (c *skewedClock) skip(wall, mono time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall += wall
	c.mono += mono
}

func TestClockOfTheProcess(t *testing.T) {
	// The calendar would take a monotonic reading for the time by the wall clock.
	if wall, _ := newClock()(); wall != wall.Round(0) {
		t.Errorf("it is %v, want that without a monotonic reading", wall)
	}
	synctest.Test(t, func(t *testing.T) {
		now := newClock()
		wall, mono := now()
		if !wall.Equal(time.Now()) {
			t.Errorf("it is %v, want %v", wall, time.Now())
		}
		time.Sleep(5 * time.Second)
		laterWall, laterMono := now()
		if laterWall.Sub(wall) != 5*time.Second || laterMono-mono != 5*time.Second {
			t.Errorf("5s later the wall clock is %s ahead, the monotonic one %s", laterWall.Sub(wall), laterMono-mono)
		}
	})
}

func TestEngineStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := skewed()
		e, r := startAt(t, Config{Slice: -1}, c.now) // it wakes up once a period
		report(t, e, 7, Report{Operation: "a"})
		wait(30 * time.Second)
		c.skip(3*time.Minute+10*time.Second, 3*time.Minute+10*time.Second) // what a stopped process sees
		wait(30 * time.Second)
		periods, troubles := r.take()
		if len(periods) != 1 {
			t.Fatalf("got %v, want one period", periods)
		}
		checkPeriod(t, periods[0], Period{Start: millennium, End: millennium.Add(4 * time.Minute), Missed: 3})
		if got := summaryOf(t, periods[0], "a").Count; got != 7 {
			t.Errorf("%d reports, want 7", got)
		}
		want := []string{"process stood still: 3 period ends passed unseen, their time is part of the period that began at 2000-01-01T00:00:00Z"}
		if !slices.Equal(troubles, want) {
			t.Errorf("troubles %q, want %q", troubles, want)
		}
		wait(50 * time.Second) // to the next boundary
		checkPeriod(t, r.takePeriod(t), Period{Start: millennium.Add(4 * time.Minute), End: millennium.Add(5 * time.Minute)})
	})
}

func TestEngineWallClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := skewed()
		e, r := startAt(t, Config{}, c.now)
		report(t, e, 1, Report{Operation: "a"})
		wait(30 * time.Second)
		c.skip(time.Hour+15*time.Second, 0)
		wait(30 * time.Second)
		periods, troubles := r.take()
		if len(periods) != 1 {
			t.Fatalf("got %v, want one period", periods)
		}
		checkPeriod(t, periods[0], Period{Start: millennium, End: millennium.Add(time.Minute)})
		if want := []string{"wall clock is 1h0m15s ahead: no periods for the time between"}; !slices.Equal(troubles, want) {
			t.Errorf("troubles %q, want %q", troubles, want)
		}
		wait(45 * time.Second)
		checkPeriod(t, r.takePeriod(t), Period{Start: millennium.Add(61*time.Minute + 15*time.Second), End: millennium.Add(62 * time.Minute), Partial: true})
		wait(time.Minute)
		checkPeriod(t, r.takePeriod(t), Period{Start: millennium.Add(62 * time.Minute), End: millennium.Add(63 * time.Minute)})
	})
}

func TestEngineWallClockBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := skewed()
		_, r := startAt(t, Config{}, c.now)
		wait(30 * time.Second)
		c.skip(-time.Hour, 0)
		wait(30 * time.Second)
		periods, troubles := r.take()
		if len(periods) != 1 {
			t.Fatalf("got %v, want one period", periods)
		}
		checkPeriod(t, periods[0], Period{Start: millennium, End: millennium.Add(time.Minute)})
		if want := []string{"wall clock was set back: periods stay 1h0m0s ahead of it"}; !slices.Equal(troubles, want) {
			t.Errorf("troubles %q, want %q", troubles, want)
		}
		for i := range time.Duration(10) {
			wait(66 * time.Second)
			checkPeriod(t, r.takePeriod(t), Period{Start: millennium.Add((i + 1) * time.Minute), End: millennium.Add((i + 2) * time.Minute)})
		}
	})
}

func TestEngineSetObjective(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{Objective: Objective{SuccessRatio: 0.9}})
		for minute := 1; minute <= 3; minute++ {
			report(t, e, 2, Report{Operation: "a", Duration: 50 * ms})
			if err := e.SetObjective("a", Objective{LatencyTarget: 100 * ms / time.Duration(minute), AlertAfter: minute}); err != nil {
				t.Fatal(err)
			}
			flush(t, e)
			report(t, e, 1, Report{Operation: "a", Duration: 50 * ms})
			wait(time.Minute)
			s := summaryOf(t, r.takePeriod(t), "a")
			want := Objective{SuccessRatio: 0.9}.Inherit(DefaultObjective()) // what it began with
			if minute > 1 {
				want.LatencyTarget, want.AlertAfter = 100*ms/time.Duration(minute-1), minute-1
			}
			if s.Objective != want {
				t.Errorf("minute %d: the objective is %+v, want %+v", minute, s.Objective, want)
			}
		}
		checkError(t, e.SetObjective("a", Objective{SuccessRatio: 99}), "success_ratio: must be above 0 and at most 1, got 99")
	})
}

func TestEngineSetObjectiveFromAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{Period: 10 * ms})
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				name := fmt.Sprintf("op %d", i%8)
				for n := 1; n <= 100; n++ {
					if err := e.SetObjective(name, Objective{AlertAfter: n, LatencyTarget: time.Duration(200-n) * ms}); err != nil {
						t.Error(err)
					}
					e.Report(Report{Operation: name})
					if n%10 == 0 {
						time.Sleep(10 * ms)
					}
				}
			})
		}
		wg.Wait()
		wait(20 * ms)
		r.take()
		for i := range 8 {
			report(t, e, 1, Report{Operation: fmt.Sprintf("op %d", i)})
		}
		wait(10 * ms)
		p := r.takePeriod(t)
		for _, s := range p.Summaries {
			if s.Objective.AlertAfter != 100 || s.Objective.LatencyTarget != 100*ms {
				t.Errorf("%q is judged by %+v, want what was set last", s.Operation, s.Objective)
			}
		}
		if len(p.Summaries) != 8 {
			t.Errorf("%d operations, want 8", len(p.Summaries))
		}
	})
}

// newDoor returns an engine that counts nothing, to see what it puts on its queue. Calls of
// 100ms and more are slow.
func newDoor() *Engine {
	e := &Engine{details: newDetailBudget(), causes: newCauses(50 * ms)}
	e.queue.initSize(16)
	e.slow.Store(int64(100 * ms))
	e.sampling.decide(0)
	return e
}

// takeOne returns the report on the queue, and what is beside it; nil if there is none.
func (e *Engine) takeOne(t *testing.T) (r *Report, d *detail) {
	t.Helper()
	n := e.queue.drain(each(func(slot *slot, more *detail) {
		one := e.queue.reportOf(slot, more)
		r = &one
		if slot.how.isDetailed() {
			kept := *more
			d = &kept
		}
	}))
	if n > 1 {
		t.Errorf("%d reports, want one at most", n)
	}
	return r, d
}

// Only of calls that can become exemplars the trace is worth its room.
func TestEngineReportSpan(t *testing.T) {
	for _, tt := range []struct {
		outcome   Outcome
		code      string
		d         time.Duration
		want      Outcome
		isTraced  bool
		unwatched bool
	}{
		{outcome: OutcomeSuccess, d: 100 * ms, want: OutcomeSuccess},
		{outcome: OutcomeSuccess, d: 100*ms + 1, want: OutcomeSuccess, isTraced: true},
		{outcome: OutcomeFailure, want: OutcomeFailure, isTraced: true},
		{code: "500", want: OutcomeFailure, isTraced: true},
		{code: "200", want: OutcomeSuccess},
		{code: "404", want: OutcomeSuccess},
		{outcome: OutcomeCancelled, d: time.Second / 10, want: OutcomeCancelled},
		{outcome: OutcomeCancelled, d: time.Hour, want: OutcomeCancelled, isTraced: true},
		{outcome: OutcomeIgnored, d: time.Hour, want: OutcomeIgnored},
		{outcome: OutcomeFailure, d: time.Hour, unwatched: true},
	} {
		e := newDoor()
		e.config.Codes = map[string]CodeFeature{"404": {Success: true}}
		s := Span{
			Service: "shop", Operation: "GET", SpanKind: SpanKindServer, Code: tt.code, Outcome: tt.outcome, Duration: tt.d,
			End: endTime, Link: span(1, 2, 1), Sampled: true, Unwatched: tt.unwatched,
		}
		if !e.ReportSpan(&s) {
			t.Errorf("%+v: refused", tt)
		}
		r, d := e.takeOne(t)
		if tt.unwatched {
			if r != nil {
				t.Errorf("an unwatched span is reported as %+v", r)
			}
			continue
		}
		if want := (Report{Service: "shop", Operation: "GET", SpanKind: SpanKindServer, Code: tt.code, Outcome: tt.want, Duration: tt.d}); r == nil || *r != want {
			t.Errorf("%+v: got %+v, want %+v", tt, r, want)
		}
		if (d != nil) != tt.isTraced {
			t.Errorf("%+v: with its trace: %t", tt, d != nil)
		}
		if want := (TraceRef{TraceID: s.Link.Trace, SpanID: s.Link.Span, Sampled: true}); d != nil && (d.trace != want || d.end != endTime) {
			t.Errorf("%+v: got %+v", tt, d)
		}
	}
}

// A call is explained by its children, of which only those need not be reported in full that
// explain nothing.
func TestEngineExplainsSpans(t *testing.T) {
	e := newDoor()
	e.config.Service = "own"
	report := func(s Span) *Cause {
		t.Helper()
		s.Operation, s.End = cmp.Or(s.Operation, "GET"), endTime
		e.ReportSpan(&s)
		if _, d := e.takeOne(t); d != nil {
			return d.cause
		}
		return nil
	}
	check := func(what string, got *Cause, want string) {
		t.Helper()
		if want == "" && got != nil || want != "" && (got == nil || got.Operation != want || got.Service != "own") {
			t.Errorf("%s is explained by %v, want %q", what, got, want)
		}
	}
	// A failure, through a span that is not watched.
	check("a failure without children", report(Span{Operation: "SELECT", Outcome: OutcomeFailure, Link: span(1, 3, 2)}), "")
	if !e.WantsUnwatched() {
		t.Error("a span between a failure and its parent is not wanted")
	}
	report(Span{Unwatched: true, Link: span(1, 2, 1)})
	check("a failure", report(Span{Outcome: OutcomeFailure, Link: span(1, 1, 0)}), "SELECT")
	if e.WantsUnwatched() {
		t.Error("an unwatched span is wanted though nobody waits")
	}
	// A retry excuses what failed before.
	report(Span{Operation: "SELECT", Outcome: OutcomeFailure, Link: span(2, 2, 1)})
	if e.ReportSuccess(e.ServiceRef(""), SpanKindClient, "SELECT", "", ms, 0) {
		t.Error("while a call waits for its causes, a success is not asked for its trace")
	}
	report(Span{Operation: "SELECT", Outcome: OutcomeSuccess, Link: span(2, 3, 1)})
	check("a failure after a retry", report(Span{Outcome: OutcomeFailure, Link: span(2, 1, 0)}), "")
	// A call is slow because its child was.
	report(Span{Operation: "UPDATE", Outcome: OutcomeSuccess, Duration: 80 * ms, Link: span(3, 2, 1)})
	check("a slow call", report(Span{Outcome: OutcomeSuccess, Duration: 120 * ms, Link: span(3, 1, 0)}), "UPDATE")
	// Quick children are not looked at.
	report(Span{Operation: "UPDATE", Outcome: OutcomeSuccess, Duration: 50 * ms, Link: span(4, 2, 1)})
	check("a call whose child was quick", report(Span{Outcome: OutcomeSuccess, Duration: 101 * ms, Link: span(4, 1, 0)}), "")
}

// The quick way is for calls that succeeded fast while nobody needs to know more of them.
func TestEngineReportSuccess(t *testing.T) {
	const quick = 50 * ms
	for name, tt := range map[string]struct {
		prepare func(*Engine)
		service string
		d       time.Duration
		want    bool
	}{
		"a known service":   {service: "shop", d: quick, want: true},
		"no service":        {want: true},
		"one too many":      {service: "fourth", prepare: func(e *Engine) { e.ServiceRef("first"); e.ServiceRef("second"); e.ServiceRef("third") }},
		"maybe slow":        {service: "shop", d: quick + 1},
		"a call that waits": {service: "shop", prepare: func(e *Engine) { e.causes.end(span(1, 2, 1), query, OutcomeFailure, ms, endTime) }},
		"traces are needed": {service: "shop", prepare: func(e *Engine) { e.sampling.decided.Store(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			e := newDoor()
			if tt.prepare != nil {
				tt.prepare(e)
			}
			got := e.ReportSuccess(e.ServiceRef(tt.service), SpanKindServer, "GET", "200", tt.d, 0)
			r, d := e.takeOne(t)
			if got != tt.want || (r != nil) != tt.want {
				t.Fatalf("got %t and %+v, want %t", got, r, tt.want)
			}
			if want := (Report{Service: tt.service, Operation: "GET", SpanKind: SpanKindServer, Code: "200", Outcome: OutcomeSuccess, Duration: tt.d}); tt.want && (*r != want || d != nil) {
				t.Errorf("got %+v, want %+v", *r, want)
			}
		})
	}
}

// The shortest target there is, or ever was, decides.
func TestEngineKnowsWhatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := start(t, Config{Operations: map[string]Objective{"fast": {LatencyTarget: 100 * ms}}})
		for _, tt := range []struct{ target, want time.Duration }{{0, 100 * ms}, {time.Second, 100 * ms}, {50 * ms, 50 * ms}, {70 * ms, 50 * ms}} {
			if err := e.SetObjective("other", Objective{LatencyTarget: tt.target}); err != nil {
				t.Fatal(err)
			}
			if slow, quick := e.slow.Load(), e.causes.quick.Load(); slow != int64(tt.want) || quick != int64(tt.want/2) {
				t.Errorf("after a target of %s %s is slow and %s quick, want %s", tt.target, time.Duration(slow), time.Duration(quick), tt.want)
			}
		}
	})
}

// What is reported of a call that can be looked up finds its way to the summary.
func TestEngineExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{})
		failed, slow := call(1, "", 0, true).Trace, call(2, "", 0, false).Trace
		wait(10 * time.Second)
		if !e.ReportWithin(Report{Operation: "a", Code: "500", Duration: 5 * ms}, failed) ||
			!e.ReportWithin(Report{Operation: "a", Code: "200", Duration: time.Second, End: noon}, slow) {
			t.Error("refused")
		}
		report(t, e, 1, Report{Operation: "a", Code: "200", Duration: time.Second})
		report(t, e, 1, Report{Operation: "a", Code: "503", Duration: ms})
		flush(t, e)
		wait(50 * time.Second)
		s := summaryOf(t, r.takePeriod(t), "a")
		// A report without an end ended when it was counted.
		if want := []Exemplar{{failed, "500", 5 * ms, millennium.Add(10 * time.Second).Local(), nil}}; !slices.EqualFunc(s.FailureExemplars, want, sameExemplar) {
			t.Errorf("failed calls %v, want %v", s.FailureExemplars, want)
		}
		if want := []Exemplar{{slow, "200", time.Second, noon, nil}}; !slices.EqualFunc(s.SlowExemplars, want, sameExemplar) {
			t.Errorf("slow calls %v, want %v", s.SlowExemplars, want)
		}
		if s.Success != 2 || s.Failure != 2 {
			t.Errorf("%d successes and %d failures, want 2 and 2", s.Success, s.Failure)
		}
	})
}

// A report without a trace must not get that of the report whose slot it has in the queue.
func TestEngineExemplarsAreTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := start(t, Config{QueueSize: 16})
		for i := range byte(16) {
			e.ReportWithin(Report{Operation: "a", Code: "500", Duration: time.Minute}, call(i, "", 0, true).Trace)
		}
		wait(time.Minute)
		if s := summaryOf(t, r.takePeriod(t), "a"); len(s.FailureExemplars) != 5 {
			t.Errorf("%d failed calls, want 5", len(s.FailureExemplars))
		}
		report(t, e, 8, Report{Operation: "a", Code: "500", Duration: time.Minute})
		report(t, e, 8, Report{Operation: "a", Code: "200", Duration: time.Minute})
		wait(time.Minute)
		if s := summaryOf(t, r.takePeriod(t), "a"); s.FailureExemplars != nil || s.SlowExemplars != nil {
			t.Errorf("got %v and %v of reports without a trace", s.FailureExemplars, s.SlowExemplars)
		}
	})
}

func sameExemplar(a, b Exemplar) bool {
	return a.Trace == b.Trace && a.Code == b.Code && a.Duration == b.Duration && a.End.Equal(b.End)
}

// What the Closed hook says is needed keeps its place when the next period ends.
func TestEngineKeepsWhatIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		r.needed = map[OperationKey]bool{{Name: "firing"}: true}
		e, err := New(Config{IdlePeriods: 1}, r.hooks())
		if err != nil {
			t.Fatal(err)
		}
		report(t, e, 1, Report{Operation: "firing"})
		report(t, e, 1, Report{Operation: "fine"})
		wait(2 * time.Minute)
		periods, _ := r.take()
		if len(periods) != 2 || !slices.Equal(periods[1].Evicted, []OperationKey{{Name: "fine"}}) {
			t.Errorf("got %+v", periods)
		}
		r.mu.Lock()
		r.needed = nil
		r.mu.Unlock()
		wait(2 * time.Minute)
		periods, _ = r.take()
		if len(periods) != 2 || len(periods[0].Evicted) != 0 || !slices.Equal(periods[1].Evicted, []OperationKey{{Name: "firing"}}) {
			t.Errorf("got %+v, want the place to be given up in the period after the one that said so", periods)
		}
		shutdown(t, e)
	})
}

// An engine works without a hook: nobody is told, nothing panics.
func TestEngineWithoutHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Config{QueueSize: 16, IdlePeriods: 1}, Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			e.Report(Report{Operation: "a"})
		}
		wait(3 * time.Minute)
		e.queue.seal()
		e.Report(Report{Operation: "a"})
		shutdown(t, e)
		if s := e.Stats(); s.Received() != 101 || s.DroppedShutdown != 1 {
			t.Errorf("the stats are %+v", s)
		}
	})
}

// An engine that was never started answers like one that was shut down.
func TestNoop(t *testing.T) {
	e := Noop()
	if e.Report(Report{Operation: "a"}) || e.ReportWithin(Report{Operation: "a"}, TraceRef{TraceID: [16]byte{1}}) {
		t.Error("a report was taken")
	}
	flush(t, e)
	shutdown(t, e)
	shutdown(t, e)
	if err := e.SetObjective("a", Objective{AlertAfter: 1}); err != nil {
		t.Error(err)
	}
	e.Begin([8]byte{1}, "span")
	e.End([8]byte{1})
	e.ReportSpan(&Span{Operation: "a", Code: "500"})
	e.ReportSpan(&Span{Operation: "a"})
	if s := e.Stats(); s != (Stats{DroppedShutdown: 4}) {
		t.Errorf("the stats are %+v", s)
	}
}

// Two engines know nothing of each other.
func TestEnginesAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Codes: map[string]CodeFeature{"404": {Success: true}}}
		one, oneSees := start(t, c)
		c.Name = "other"
		other, otherSees := start(t, c)
		c.Codes["404"] = CodeFeature{}
		if err := one.SetObjective("a", Objective{AlertAfter: 1}); err != nil {
			t.Fatal(err)
		}
		report(t, one, 2, Report{Operation: "a", Code: "404"})
		report(t, other, 3, Report{Operation: "a", Code: "404"})
		wait(time.Minute)
		a, b := summaryOf(t, oneSees.takePeriod(t), "a"), summaryOf(t, otherSees.takePeriod(t), "a")
		if a.Success != 2 || b.Success != 3 || a.Monitor != "monitor" || b.Monitor != "other" {
			t.Errorf("got %+v and %+v", a, b)
		}
		shutdown(t, one)
		report(t, other, 1, Report{Operation: "a"})
		wait(time.Minute)
		if s := summaryOf(t, otherSees.takePeriod(t), "a"); s.Objective.AlertAfter != 3 || s.Count != 1 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestReportAllocatesNothing(t *testing.T) {
	e, _ := start(t, Config{Period: time.Hour})
	tests := map[string]Report{
		"success":      {Operation: "GET /users/{id}", Service: "shop", SpanKind: SpanKindServer, Code: "200", Duration: ms},
		"failure":      {Operation: "GET /users/{id}", Service: "shop", SpanKind: SpanKindServer, Code: "503", Outcome: OutcomeFailure},
		"slow":         {Operation: "GET /users/{id}", Duration: time.Minute, End: noon},
		"nothing said": {},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			ref := TraceRef{TraceID: [16]byte{1}, Sampled: true}
			for range 1000 {
				e.Report(r)
				e.ReportWithin(r, ref)
			}
			flush(t, e)
			// What the engine's goroutine does with them is counted in.
			if n := testing.AllocsPerRun(2000, func() { e.Report(r) }); n != 0 {
				t.Errorf("Report allocates %v times", n)
			}
			if n := testing.AllocsPerRun(2000, func() { e.ReportFields(r.Operation, r.Code, r.Duration, r.SpanKind, r.Outcome, r.Service) }); n != 0 {
				t.Errorf("ReportFields allocates %v times", n)
			}
			if n := testing.AllocsPerRun(2000, func() { e.ReportWithin(r, ref) }); n != 0 {
				t.Errorf("ReportWithin allocates %v times", n)
			}
			span := Span{Service: r.Service, Operation: r.Operation, SpanKind: r.SpanKind, Code: r.Code, Outcome: r.Outcome, Duration: r.Duration, End: noon.UnixNano(), Link: span(1, 2, 1)}
			if n := testing.AllocsPerRun(2000, func() { e.ReportSpan(&span) }); n != 0 {
				t.Errorf("ReportSpan allocates %v times", n)
			}
			service := e.ServiceRef(r.Service)
			if n := testing.AllocsPerRun(2000, func() { e.ReportSuccess(service, r.SpanKind, r.Operation, r.Code, r.Duration, 0) }); n != 0 {
				t.Errorf("ReportSuccess allocates %v times", n)
			}
		})
	}
	t.Run("after Shutdown", func(t *testing.T) {
		shutdown(t, e)
		if n := testing.AllocsPerRun(100, func() { e.Report(tests["success"]) }); n != 0 {
			t.Errorf("a refused Report allocates %v times", n)
		}
	})
}

func BenchmarkReport(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		reports := make([]Report, n)
		for i := range reports {
			reports[i] = Report{Operation: fmt.Sprintf("GET /path/to/resource/%d", i), SpanKind: SpanKindServer, Duration: time.Duration(i) * time.Microsecond}
		}
		run := func(b *testing.B, loop func(e *Engine)) {
			e, _ := start(b, Config{MaxOperations: 10_000})
			b.ReportAllocs()
			loop(e)
			b.StopTimer()
			s := e.Stats()
			b.ReportMetric(float64(s.Dropped())/float64(b.N), "dropped/op")
		}
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			run(b, func(e *Engine) {
				i := 0
				for b.Loop() {
					e.Report(reports[i])
					if i++; i == n {
						i = 0
					}
				}
			})
		})
		b.Run(fmt.Sprintf("names=%d/parallel", n), func(b *testing.B) {
			run(b, func(e *Engine) {
				b.RunParallel(func(pb *testing.PB) {
					i := rand.IntN(n)
					for pb.Next() {
						e.Report(reports[i])
						if i++; i == n {
							i = 0
						}
					}
				})
			})
		})
	}
}
