package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/engine"
)

// analysis is one instance of the analysis tier.
type analysis struct {
	*process
	addresses
}

// startAnalysis starts an instance at its addresses, again if it did run there before.
func startAnalysis(t testing.TB, a addresses) *analysis {
	t.Helper()
	config, err := filepath.Abs("../../deploy/analysis.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, t.TempDir(), a.env(), mustBinary(t), "--config", config, "--config", fast)
	p.says("is ready.")
	return &analysis{p, a}
}

// tier is the first tier of a test.
type tier struct {
	*process
	addresses
	dir string // of its config
}

// startTier starts a first tier over instances, with additions to its environment.
func startTier(t testing.TB, instances []*analysis, more ...string) *tier {
	t.Helper()
	text, err := os.ReadFile("../../deploy/first-tier.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f := &tier{addresses: newAddresses(t), dir: t.TempDir()}
	config := filepath.Join(f.dir, "first-tier.yaml")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f.over(t, instances)
	f.process = start(t, f.dir, append(f.env(), more...), mustBinary(t), "--config", config, "--config", filepath.Join(f.dir, "resolver.yaml"))
	f.says("is ready.")
	return f
}

// over writes down which instances there are.
func (f *tier) over(t testing.TB, instances []*analysis) {
	t.Helper()
	var hosts []string
	for _, a := range instances {
		hosts = append(hosts, a.grpc)
	}
	text := fmt.Sprintf("exporters: {gomonitor: {endpoints: [%s]}}", strings.Join(hosts, ", "))
	if err := os.WriteFile(filepath.Join(f.dir, "resolver.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// accepted returns how many spans an instance was handed.
func (a *analysis) accepted() (total int, err error) {
	resp, err := http.Get("http://" + a.own + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "otelcol_receiver_accepted_spans") {
			v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, err
			}
			total += int(v)
		}
	}
	return total, lines.Err()
}

// idle waits until an instance got no span for three seconds: nothing waits for it any more.
func (a *analysis) idle(t *testing.T) {
	t.Helper()
	last, since := -1, time.Now()
	eventually(t, "an instance is idle", func() error {
		got, err := a.accepted()
		if err != nil {
			return err
		}
		if got != last {
			last, since = got, time.Now()
		}
		return past(since.Add(3 * time.Second))
	})
}

// Calls of a round: every operation of every service, one of which fails, and each call of
// an operation in a trace with one of another.
const (
	servicesOfRound   = 60 // so many that each instance is sure to have some
	operationsOfRound = 3
	callsOfRound      = 3
	failuresOfRound   = 1
)

func serviceOfRound(i int) string { return fmt.Sprintf("shop-%02d", i) }

// operationOfRound returns a name that is the only one in all services.
func operationOfRound(service, i int) string { return fmt.Sprintf("GET /%02d/%d", service, i) }

// round returns the calls of one round.
func round() []call {
	var calls []call
	for s := range servicesOfRound {
		for o := range operationsOfRound {
			calls = append(calls, call{serviceOfRound(s), operationOfRound(s, o), callsOfRound - failuresOfRound, failuresOfRound})
		}
	}
	return calls
}

// tracesOfRound returns the spans of a round. The spans of a service are in one list, as an
// SDK sends them, and each trace goes through all its operations, each time in another order.
func tracesOfRound() ptrace.Traces {
	all, td := spans(round()...).ResourceSpans(), ptrace.NewTraces()
	for first := 0; first < all.Len(); first += operationsOfRound {
		service := td.ResourceSpans().AppendEmpty()
		all.At(first).Resource().CopyTo(service.Resource())
		to := service.ScopeSpans().AppendEmpty().Spans()
		for trace := range callsOfRound {
			id := all.At(first).ScopeSpans().At(0).Spans().At(trace).TraceID()
			for i := range operationsOfRound {
				s := all.At(first + (trace+i)%operationsOfRound).ScopeSpans().At(0).Spans().At(trace)
				s.SetTraceID(id)
				s.CopyTo(to.AppendEmpty())
			}
		}
	}
	return td
}

// found is what the databases of instances have: summaries by operation and place of the instance.
type found map[string]map[int][]engine.Summary

// find reads the databases of instances, which have ended.
func find(t *testing.T, instances []*analysis) found {
	t.Helper()
	f := found{}
	for i, a := range instances {
		read(t, a.database, func(s *store.Store) (any, error) {
			keys, err := s.Operations(t.Context())
			if err != nil {
				return nil, err
			}
			for _, k := range keys {
				list, err := s.History(t.Context(), k.Name, time.Time{}, time.Time{})
				if err != nil {
					return nil, err
				}
				if f[k.Name] == nil {
					f[k.Name] = map[int][]engine.Summary{}
				}
				f[k.Name][i] = list
			}
			return nil, nil
		})
	}
	return f
}

// count adds up the calls of summaries, those among them that came too late for their periods: they
// waited for an instance that was away.
func count(list []engine.Summary) (n int) {
	for _, s := range list {
		n += int(s.Count + s.Late)
	}
	return n
}

// stopAll ends both tiers, the first one first.
func stopAll(t *testing.T, f *tier, instances []*analysis) {
	t.Helper()
	if err := f.stop(); err != nil {
		t.Errorf("the first tier ended with %v", err)
	}
	for _, a := range instances {
		if err := a.stop(); err != nil {
			t.Errorf("an instance ended with %v", err)
		}
	}
}

func startInstances(t testing.TB, n int) []*analysis {
	t.Helper()
	var instances []*analysis
	for range n {
		instances = append(instances, startAnalysis(t, newAddresses(t)))
	}
	return instances
}

// Three instances judge what one would: every call is counted, every operation is judged by
// exactly one of them, and each of them has work. All operations of a service are judged by
// the same one, which so sees what caused what, unless the service is to be spread.
func TestScaleOut(t *testing.T) {
	for name, tt := range map[string]struct {
		spread []string // the setting of the first tier
		whole  func(service string) bool
	}{
		"by service":   {nil, func(string) bool { return true }},
		"by operation": {[]string{"GO_MONITOR_SPLIT=['*']"}, func(string) bool { return false }},
		"mixed":        {[]string{"GO_MONITOR_SPLIT=[shop-00, shop-01]"}, func(s string) bool { return s > "shop-01" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instances := startInstances(t, 3)
			f := startTier(t, instances, tt.spread...)
			r := byGRPC(t, f.grpc)
			const rounds = 30
			for range rounds {
				if err := r(t.Context(), tracesOfRound()); err != nil {
					t.Fatal(err)
				}
			}
			stopAll(t, f, instances)
			all := find(t, instances)
			work, spread := map[int]int{}, 0
			for s := range servicesOfRound {
				of := map[int]bool{}
				for o := range operationsOfRound {
					operation := operationOfRound(s, o)
					by := all[operation]
					if len(by) != 1 {
						t.Errorf("%s is judged by %d instances", operation, len(by))
					}
					for i, list := range by {
						if got := count(list); got != rounds*callsOfRound {
							t.Errorf("%s: %d calls, want %d", operation, got, rounds*callsOfRound)
						}
						of[i], work[i] = true, work[i]+1
					}
				}
				if len(of) > 1 {
					spread++
					if tt.whole(serviceOfRound(s)) {
						t.Errorf("%s is judged by %d instances, which can't see what caused what", serviceOfRound(s), len(of))
					}
				}
			}
			if len(work) != len(instances) {
				t.Errorf("operations by instance: %v", work)
			}
			if tt.spread != nil && spread == 0 {
				t.Error("no service is judged by more than one instance")
			}
		})
	}
}

// rounds are reports of rounds, ten a second.
type rounds struct {
	t        *testing.T
	reported chan struct{} // gets a token for each
	stop     func() (times []time.Time)
}

// keepRounds reports rounds until it is stopped; stop returns when each was. What a first tier
// that is being started again doesn't take is reported again.
func keepRounds(t *testing.T, r reporter) *rounds {
	const perSecond, most = 10, 1000
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan []time.Time, 1)
	reported := make(chan struct{}, most)
	go func() {
		var times []time.Time
		defer func() { done <- times }()
		defer close(reported)
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for len(times) < most {
			at, td := time.Now(), tracesOfRound()
			for try := 0; ; try++ {
				err := r(context.Background(), td)
				if err == nil {
					break
				}
				if try == 2*perSecond {
					t.Errorf("report: %v", err)
					return
				}
				<-tick.C
			}
			times = append(times, at)
			reported <- struct{}{}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	stop := sync.OnceValue(func() []time.Time {
		cancel()
		return <-done
	})
	t.Cleanup(func() { stop() })
	return &rounds{t, reported, stop}
}

// wait waits until so many more rounds were reported.
func (r *rounds) wait(n int) {
	r.t.Helper()
	for range len(r.reported) {
		<-r.reported
	}
	for range n {
		if _, ok := <-r.reported; !ok {
			r.t.Fatal("no more rounds are reported")
		}
	}
}

// An instance that is killed loses the periods that it had open, and nothing else: what is
// reported while it is away waits for it. The others lose nothing.
func TestScaleOutKilled(t *testing.T) {
	t.Parallel()
	instances := startInstances(t, 3)
	f := startTier(t, instances)
	load := keepRounds(t, byGRPC(t, f.grpc))
	load.wait(30)

	killed := instances[1]
	at := time.Now()
	killed.kill()
	load.wait(20)
	instances[1] = startAnalysis(t, killed.addresses)
	load.wait(30)
	times := load.stop()
	instances[1].idle(t)
	stopAll(t, f, instances)

	// What it had taken when it was killed, and had not written: a period is written when
	// it and its grace are over, and the store needs its time.
	const open = time.Second + 500*time.Millisecond + 1500*time.Millisecond
	mayBeLost := 0
	for _, x := range times {
		if x.After(at.Add(-open)) && x.Before(at) {
			mayBeLost++
		}
	}
	all, lost, of := find(t, instances), 0, 0
	for s := range servicesOfRound {
		for o := range operationsOfRound {
			operation := operationOfRound(s, o)
			by := all[operation]
			if len(by) != 1 {
				t.Errorf("%s is judged by %d instances", operation, len(by))
			}
			for i, list := range by {
				missing := len(times)*callsOfRound - count(list)
				switch {
				case i != 1 && missing != 0:
					t.Errorf("%s: %d calls of %d are missing", operation, missing, len(times)*callsOfRound)
				case i == 1 && (missing < 0 || missing > mayBeLost*callsOfRound):
					t.Errorf("%s: %d calls of %d are missing, at most %d may be", operation, missing, len(times)*callsOfRound, mayBeLost*callsOfRound)
				case i == 1:
					lost, of = lost+missing, of+len(times)*callsOfRound
				}
			}
		}
	}
	late := uint64(0)
	for _, by := range all {
		for _, s := range by[1] {
			late += s.Late
		}
	}
	t.Logf("%d calls came late; the instance that was killed lost %d of %d calls, those of %.1f s", late, lost, of, float64(len(times))*float64(lost)/float64(max(of, 1))/10)
	if lost == 0 {
		t.Error("nothing was lost: it was not killed in time")
	}
}

// past returns an error until a time has come.
func past(at time.Time) error {
	if d := time.Until(at); d > 0 {
		return fmt.Errorf("%s are left", d)
	}
	return nil
}

// One more instance takes its share once the first tier is told, by SIGHUP, to read its
// config again. No call is lost or counted twice.
func TestScaleOutAdded(t *testing.T) {
	t.Parallel()
	instances := startInstances(t, 3)
	f := startTier(t, instances)
	load := keepRounds(t, byGRPC(t, f.grpc))
	load.wait(20)

	instances = append(instances, startAnalysis(t, newAddresses(t)))
	f.over(t, instances)
	if err := f.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first tier is ready again", func() error {
		if n := strings.Count(f.out.String(), "is ready."); n != 2 {
			return fmt.Errorf("it was ready %d times", n)
		}
		return nil
	})
	changed := time.Now()
	load.wait(40)
	times := load.stop()
	stopAll(t, f, instances)

	all, work := find(t, instances), map[int]int{}
	for s := range servicesOfRound {
		for o := range operationsOfRound {
			operation := operationOfRound(s, o)
			total, now := 0, []int{}
			for i, list := range all[operation] {
				total += count(list)
				if slices.ContainsFunc(list, func(s engine.Summary) bool { return s.Start.After(changed.Add(time.Second)) }) {
					now = append(now, i)
				}
			}
			if want := len(times) * callsOfRound; total != want {
				t.Errorf("%s: %d calls, want %d", operation, total, want)
			}
			if len(now) != 1 {
				t.Errorf("%s is judged by instances %v after the change", operation, now)
				continue
			}
			work[now[0]]++
		}
	}
	if len(work) != len(instances) {
		t.Errorf("operations by instance: %v", work)
	}
}
