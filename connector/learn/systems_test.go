package learn

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/connector/replay"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// madeUp is one fault in a made-up system.
type madeUp struct {
	seed     uint64
	services int
	style    recordingtest.Style
	rate     float64
	healthy  time.Duration // the length of the recording that is learned from
	failing  float64       // what one operation fails though all is well
	slower   float64       // the fault's recording than the healthy one
	busier   float64       // likewise
	fault    recordingtest.FaultKind
	share    float64
}

// finding is what became of it.
type finding struct {
	madeUp
	service string // with the fault
	hit     int    // the calls that the fault hit in a minute
	alerted bool
	after   time.Duration
	early   []string // the alerts before it
	right   bool
	first   string // what the first alert after it says
}

const (
	beforeFault = 90 * time.Second
	afterFault  = 75 * time.Second
	// fewHits is the number of calls below which a fault hardly shows.
	fewHits = 8
)

// spansOf returns the spans of traffic in the order of their ends.
func spansOf(t *testing.T, system *recordingtest.System, traffic recordingtest.Traffic, hit *int) iter.Seq[*engine.Span] {
	reader, err := gomonitorconnector.NewSpanReader(new(gomonitorconnector.Config))
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(*engine.Span) bool) {
		var waiting []engine.Span
		var batch []recordingtest.Span
		release := func(until int64) {
			waiting = reader.Read(waiting, recordingtest.Traces(batch...))
			batch = batch[:0]
			slices.SortFunc(waiting, func(a, b engine.Span) int {
				return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(b.Link.Span[7], a.Link.Span[7]))
			})
			n := 0
			for n < len(waiting) && waiting[n].End <= until {
				yield(&waiting[n])
				n++
			}
			waiting = append(waiting[:0], waiting[n:]...)
		}
		*hit = system.Play(traffic, func(spans []recordingtest.Span) {
			batch = append(batch, spans...)
			if len(batch) > 4000 {
				root := spans[0]
				for _, s := range spans {
					if s.ID == 1 {
						root = s
					}
				}
				release(recordingtest.Noon.Add(root.End - root.Took).UnixNano())
			}
		})
		release(1 << 62)
	}
}

// learned returns what is learned from spans.
func learned(t *testing.T, s Settings, spans iter.Seq[*engine.Span]) *gomonitorconnector.Config {
	t.Helper()
	l, err := s.newLearner(new(gomonitorconnector.Config), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for span := range spans {
		n++
		l.add(span)
	}
	text, err := l.propose().write(recording.Stats{Spans: n})
	if err != nil {
		t.Fatal(err)
	}
	return loaded(t, text)
}

// try finds out what becomes of a fault.
func (m *madeUp) try(t *testing.T) finding {
	f := finding{madeUp: *m}
	system := recordingtest.NewSystem(m.seed, m.services, m.style, m.failing)
	var hit int
	traffic := recordingtest.Traffic{Seed: 2*m.seed + 1, Rate: m.rate, For: m.healthy, Bursts: 2 * time.Minute}
	c := learned(t, DefaultSettings(), spansOf(t, system, traffic, &hit))

	// A fault that shows.
	traffic = recordingtest.Traffic{Seed: 2*m.seed + 2, Rate: m.rate * m.busier, For: beforeFault + afterFault, Slower: m.slower, Bursts: 2 * time.Minute}
	traffic.Fault = recordingtest.Fault{Kind: m.fault, At: beforeFault, Share: m.share}
	services := system.Services()
	if m.fault == recordingtest.FaultDrop {
		traffic.Fault.Service = services[0]
		f.hit = fewHits
	} else if m.fault != "" {
		random := rand.New(rand.NewPCG(m.seed, 7))
		for range 20 {
			traffic.Fault.Service = services[1+random.IntN(len(services)-1)]
			if (m.fault == recordingtest.FaultSQL || m.fault == recordingtest.FaultDatabase) && !system.HasDatabase(traffic.Fault.Service) {
				continue
			}
			try := traffic
			try.Rate, try.For = min(traffic.Rate, 20), beforeFault+time.Minute
			f.hit = int(float64(system.Play(try, func([]recordingtest.Span) {})) * traffic.Rate / try.Rate)
			if f.hit >= fewHits {
				break
			}
		}
	}
	f.service = traffic.Fault.Service
	result, err := replay.Spans(c, spansOf(t, system, traffic, &hit))
	if err != nil {
		t.Fatal(err)
	}
	began := recordingtest.Noon.Add(beforeFault)
	first := true
	for _, e := range result.Episodes {
		what := fmt.Sprintf("%s %s of %s %s: %s (%s), cause %s", e.Objective, e.SpanKind, e.Service, e.Operation, e.FiredAt.Sub(began), e.Measured, e.Cause)
		if !e.FiredAt.After(began) {
			f.early = append(f.early, what)
			continue
		}
		if m.fault == "" {
			f.early = append(f.early, what)
		}
		if first {
			first = false
			f.after, f.first = e.FiredAt.Sub(began), what
			f.alerted = f.after <= inTime
			f.right = e.RootService == f.service
		}
	}
	return f
}

// someMadeUp returns faults of all kinds in systems of all kinds.
func someMadeUp(seed uint64, rates []float64, services []int, rounds int) (all []madeUp) {
	type kind struct {
		fault recordingtest.FaultKind
		share float64
	}
	kinds := []kind{
		{"", 0}, {recordingtest.FaultErrors, 1}, {recordingtest.FaultErrors, 0.2}, {recordingtest.FaultSQL, 1}, {recordingtest.FaultSQL, 0.2},
		{recordingtest.FaultCPU, 1}, {recordingtest.FaultDatabase, 1}, {recordingtest.FaultNetwork, 1},
		{recordingtest.FaultHang, 1}, {recordingtest.FaultCrash, 1}, {recordingtest.FaultDrop, 0.95},
	}
	for range rounds {
		for _, rate := range rates {
			for _, n := range services {
				for _, k := range kinds {
					seed++
					random := rand.New(rand.NewPCG(seed, 11))
					m := madeUp{seed: seed, services: n, rate: rate, fault: k.fault, share: k.share, style: recordingtest.Style(random.IntN(4))}
					m.healthy = []time.Duration{time.Minute, time.Minute, 10 * time.Minute}[random.IntN(3)]
					if rate > 10 {
						m.healthy = min(m.healthy, 2*time.Minute)
					}
					m.failing = []float64{0, 0.005, 0.05}[random.IntN(3)]
					m.slower = 1 + 0.5*random.Float64()
					m.busier = []float64{0.5, 1, 2}[random.IntN(3)]
					all = append(all, m)
				}
			}
		}
	}
	return all
}

// tally adds up findings.
type tally struct{ recordings, faults, alerted, right, falsely int }

func (y *tally) add(f *finding) {
	y.recordings++
	if len(f.early) > 0 {
		y.falsely++
	}
	if f.fault == "" || f.hit < fewHits {
		return
	}
	y.faults++
	if f.alerted {
		y.alerted++
		if f.right {
			y.right++
		}
	}
}

// tryAll tries all, on all processors.
func tryAll(t *testing.T, all []madeUp) []finding {
	findings := make([]finding, len(all))
	var group sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := range next {
				findings[i] = all[i].try(t)
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	group.Wait()
	return findings
}

func tableBy(findings []finding, title string, by func(*finding) string) string {
	var names []string
	tallies := make(map[string]*tally)
	for i := range findings {
		name := by(&findings[i])
		if tallies[name] == nil {
			names = append(names, name)
			tallies[name] = new(tally)
		}
		tallies[name].add(&findings[i])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | recordings | of them with a fault that shows | alerted within 60 s | right cause first | with false alerts |\n|---|---|---|---|---|---|\n", title)
	for _, name := range names {
		y := tallies[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d of %d | %d |\n", name, y.recordings, y.faults, y.alerted, y.right, y.alerted, y.falsely)
	}
	return b.String()
}

// systemsVariable asks for more made-up systems, busy ones among them: some minutes' worth.
const systemsVariable = "GO_MONITOR_SYSTEMS"

// TestLearnMadeUpSystems is the evaluation on made-up systems in docs/replay.md, of which it prints the tables with -v:
//
//	go test -run TestLearnMadeUpSystems -v ./learn
//
// With GO_MONITOR_SYSTEMS=more it takes twice as many of them, and busy ones.
func TestLearnMadeUpSystems(t *testing.T) {
	rates, services, rounds := []float64{0.2, 1, 20}, []int{3, 10, 40}, 1
	if underRace {
		rates, services = []float64{1}, []int{3, 10}
	}
	all := someMadeUp(0, rates, services, rounds)
	if os.Getenv(systemsVariable) != "" {
		all = append(all, someMadeUp(5000, rates, services, 2)...)
		all = append(all, someMadeUp(6000, []float64{500}, []int{3, 10}, 1)...)
	}
	findings := tryAll(t, all)
	byFault := func(f *finding) string {
		if f.fault == "" {
			return "none"
		}
		return fmt.Sprintf("%s, %.0f %%", f.fault, 100*f.share)
	}
	t.Log("\n" + tableBy(findings, "fault", byFault))
	t.Log("\n" + tableBy(findings, "requests", func(f *finding) string { return fmt.Sprintf("%g/s", f.rate) }))
	t.Log("\n" + tableBy(findings, "services", func(f *finding) string { return fmt.Sprint(f.services) }))
	t.Log("\n" + tableBy(findings, "learned from", func(f *finding) string { return alert.Exact(f.healthy) }))
	t.Log("\n" + tableBy(findings, "spans", func(f *finding) string { return f.style.String() }))

	var bad, quiet tally // the faults of which calls go wrong, and those that leave calls away
	for i := range findings {
		f := &findings[i]
		if wrong := f.wrong(); wrong != "" {
			t.Logf("%s of %s, %g/s, %d services, %s, learned from %s, %.2f times as slow, %.1f times as busy: %s", byFault(f), f.service, f.rate, f.services, f.style, alert.Exact(f.healthy), f.slower, f.busier, wrong)
		}
		if f.fault == recordingtest.FaultDrop {
			quiet.add(f)
		} else {
			bad.add(f)
		}
	}
	if n := bad.falsely + quiet.falsely; 100*n > len(findings) {
		t.Errorf("%d of %d recordings have false alerts, want one in a hundred at most", n, len(findings))
	}
	if 10*bad.alerted < 9*bad.faults {
		t.Errorf("%d of %d faults raised an alert in time, want nine of ten", bad.alerted, bad.faults)
	}
	if 10*bad.right < 9*bad.alerted || quiet.right < quiet.alerted {
		t.Errorf("%d of %d alerts name the right cause first, and %d of %d about traffic; want nine of ten", bad.right, bad.alerted, quiet.right, quiet.alerted)
	}
}

// wrong says what is wrong with a finding; empty if nothing is.
func (f *finding) wrong() string {
	switch {
	case len(f.early) > 0:
		return "false: " + strings.Join(f.early, "; ")
	case f.fault == "" || f.hit < fewHits || f.alerted && f.right:
		return ""
	case !f.alerted:
		return "no alert in time"
	}
	return "wrong cause: " + f.first
}
