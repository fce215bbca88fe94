package alert

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestText(t *testing.T) {
	availability, availabilityResolved := incident(t, Availability)
	latency, latencyResolved := incident(t, Latency)
	tests := []struct {
		name  string
		alert Alert
		want  string
	}{
		{"availability firing", availability, `
ALERT     GET /users/{id}  availability: 70.1 % succeed (target 95 %)
  monitor http, service shop, server spans
  bad since 2026-03-01 02:57:00 +01:00, 3 periods running:
  02:57:00-02:58:00  120 calls, 70 % succeed: 503 unavailable x5, 500 x1
  02:58:00-02:59:00   98 calls, 71.4 % succeed: 503 unavailable x5, 500 x1
  02:59:00-03:00:00    3 calls, 33.3 % succeed: 503 unavailable x5, 500 x1
  calls: trace 11111111111111111111111111111111 span 1111111111111111 (503, 1.2s)
         trace 11111111111111111111111111111111 span 1111111111111111 (503, 1.2s)
         trace 11111111111111111111111111111111 span 1111111111111111 (503, 1.2s)
  id 3b4b8eea20d13e90d0ba8211990ab19e
`},
		{"availability resolved", availabilityResolved, `
RESOLVED  GET /users/{id}  availability: 99.5 % succeed (target 95 %)
  monitor http, service shop, server spans
  bad from 2026-03-01 02:57:00 +01:00 to 03:00:00 (3m, at worst 33.3 %, at last 33.3 %), good for 3 periods since:
  03:00:00-03:01:00   12 calls, 100 % succeed
  03:01:00-03:02:00  100 calls, 99 % succeed: 503 unavailable x5, 500 x1
  03:02:00-03:03:00  110 calls, 100 % succeed
  id 3b4b8eea20d13e90d0ba8211990ab19e
`},
		{"latency firing", latency, `
ALERT     GET /users/{id}  latency: 62.6 % of successful calls within 500ms (target 80 %)
  monitor http, service shop, server spans
  bad since 2026-03-01 02:57:00 +01:00, 3 periods running:
  02:57:00-02:58:00  120 successful calls, 50 % within 500ms, p50 120ms, p99 2.35s
  02:58:00-02:59:00   98 successful calls, 78.6 % within 500ms, p50 120ms, p99 2.35s
  02:59:00-03:00:00    1 successful call, 0 % within 500ms, p50 120ms, p99 2.35s
  calls: trace 22222222222222222222222222222222 span 2222222222222222 (200, 3s)
         trace 22222222222222222222222222222222 span 2222222222222222 (200, 3s)
         trace 22222222222222222222222222222222 span 2222222222222222 (200, 3s)
  id 74462568e68f9f5c9d04faedc19691a7
`},
		{"latency resolved", latencyResolved, `
RESOLVED  GET /users/{id}  latency: 100 % of successful calls within 500ms (target 80 %)
  monitor http, service shop, server spans
  bad from 2026-03-01 02:57:00 +01:00 to 03:00:00 (3m, at worst 0 %, at last 0 %), good for 3 periods since:
  03:00:00-03:01:00   12 successful calls, 100 % within 500ms, p50 120ms, p99 2.35s
  03:01:00-03:02:00   99 successful calls, 100 % within 500ms, p50 120ms, p99 2.35s
  03:02:00-03:03:00  110 successful calls, 100 % within 500ms, p50 120ms, p99 2.35s
  id 74462568e68f9f5c9d04faedc19691a7
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want[1:], Text(&tt.alert)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

// lines returns the lines of an alert's text that contain part.
func lines(a *Alert, part string) []string {
	var found []string
	for line := range strings.Lines(Text(a)) {
		if strings.Contains(line, part) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func TestTextOfNewKinds(t *testing.T) {
	causes := []engine.CauseCount{cause("INSERT orders", "23505", 92), cause("SELECT users", "", 5), cause("POST /pay", "503", 2), cause("GET /", "", 1)}
	for i := range causes {
		causes[i].Share = float64(causes[i].Count) / 100
	}
	for _, k := range kinds {
		firing, resolved := incident(t, k)
		t.Run(k.String(), func(t *testing.T) {
			checkGolden(t, k.String()+"_firing", Text(&firing))
			checkGolden(t, k.String()+"_resolved", Text(&resolved))
			firing.Repeat, firing.DecidedAt = true, firing.DecidedAt.Add(30*time.Minute)
			firing.Evidence = firing.Evidence[2:]
			firing.Actual = firing.LastActual
			if k != Traffic && k != Stuck {
				firing.Causes, firing.CausedBy = causes, "0123456789abcdef"
			}
			checkGolden(t, k.String()+"_repeat", Text(&firing))
		})
	}
}

func TestTextOfNoCallInFlight(t *testing.T) {
	a := Alert{State: Resolved, Objective: Stuck, Evidence: []engine.Summary{summaryOf(0, expecting(newKinds[Stuck]), calls{})}}
	if diff := cmp.Diff([]string{"02:57:00-02:58:00  0 calls in flight"}, lines(&a, "02:57:00-")); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

// checkGolden fails the test unless a text is what stands in its golden file.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "text", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

// The largest alert fits on a screen.
func TestTextIsShort(t *testing.T) {
	a, _ := incident(t, Availability)
	a.CausedBy = "0123456789abcdef"
	for i := range 9 {
		a.Evidence = append(a.Evidence, a.Evidence[0])
		a.Causes = append(a.Causes, cause(fmt.Sprint(i), "", 1))
		a.Causes[i].Share = 0.1
	}
	if n := strings.Count(Text(&a), "\n"); n != 16 {
		t.Errorf("%d lines, want 16:\n%s", n, Text(&a))
	}
	if got := lines(&a, "also: "); len(got) != 1 {
		t.Errorf("further causes = %v, want one beside the alert", got)
	}
	a.CausedBy = ""
	if got, want := lines(&a, "also: "), []string{"also: 10 % caused by 1", "also: 10 % caused by 2"}; !slices.Equal(got, want) {
		t.Errorf("further causes = %q, want %q", got, want)
	}
	a.Causes[0].Share = 0.09
	if got := lines(&a, "also: "); len(got) != 0 {
		t.Errorf("further causes = %q, though none stands out", got)
	}
	a.State = Resolved
	if got := lines(&a, "caused"); len(got) != 0 {
		t.Errorf("causes = %q of an alert that is resolved", got)
	}
}

// The way to an operation is no operation, and what stands for it no code.
func TestTextOfTheNetwork(t *testing.T) {
	a, _ := incident(t, Latency)
	a.Causes = []engine.CauseCount{cause("GET /stock", engine.NetworkCode, 7), cause("GET /price", engine.NetworkCode, 2), cause("GET /tax", "200", 1)}
	for i := range a.Causes {
		a.Causes[i].Service, a.Causes[i].Share = "shelf", float64(a.Causes[i].Count)/10
	}
	want := []string{"also: 20 % caused by the network to shelf (GET /price)", "also: 10 % caused by GET /tax of shelf [200]"}
	if diff := cmp.Diff(want, lines(&a, "also: ")); diff != "" {
		t.Errorf("further causes (-want +got):\n%s", diff)
	}
	if strings.Contains(Text(&a), engine.NetworkCode) || !strings.Contains(Text(&a), "70 % of slow calls caused by the network to shelf (GET /stock)\n") {
		t.Errorf("got\n%s", Text(&a))
	}
}

func TestTextShowsFewOfManyPeriods(t *testing.T) {
	for _, tt := range []struct {
		periods int
		want    []string
	}{
		{1, []string{"02:57"}},
		{5, []string{"02:57", "02:58", "02:59", "03:00", "03:01"}},
		{6, []string{"02:57", "(2 more)", "03:00", "03:01", "03:02"}},
		{1000, []string{"02:57", "(996 more)", "19:34", "19:35", "19:36"}},
	} {
		a := Alert{State: Firing, Objective: Availability}
		for i := range tt.periods {
			s := summaryOf(i, plain(), calls{failure: 1})
			s.FailureExemplars = []engine.Exemplar{exemplar(byte(i), true, "", 0)}
			a.Evidence = append(a.Evidence, s)
		}
		all := strings.Split(strings.TrimSuffix(Text(&a), "\n"), "\n")
		if len(all) > 16 {
			t.Errorf("%d periods take %d lines, want at most 16", tt.periods, len(all))
		}
		for i, want := range tt.want {
			if got := strings.TrimSpace(all[3+i]); !strings.HasPrefix(got, want) {
				t.Errorf("%d periods, line %d = %q, want %q", tt.periods, i, got, want)
			}
		}
		if got, want := len(all), 4+len(tt.want)+min(5, tt.periods); got != want {
			t.Errorf("%d periods take %d lines, want %d", tt.periods, got, want)
		}
	}
}

func TestTextRoundsNoMissAway(t *testing.T) {
	s := summaryOf(0, plain(), calls{success: 9496, within: 7596, failure: 504})
	for k, want := range map[ObjectiveKind]string{
		Availability: "02:57:00-02:58:00  10000 calls, 94.96 % succeed: 503 unavailable x504",
		Latency:      "02:57:00-02:58:00  9496 successful calls, 79.99 % within 500ms, p50 0s, p99 0s",
	} {
		a := Alert{Objective: k, State: Firing, Evidence: []engine.Summary{s}}
		if diff := cmp.Diff([]string{want}, lines(&a, "02:57:00-")); diff != "" {
			t.Errorf("line (-want +got):\n%s", diff)
		}
	}
}

func TestTextTimes(t *testing.T) {
	utc := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct {
		name         string
		starts, ends time.Time
		want         string
	}{
		{"the same day", utc("2026-03-01T02:00:00Z"), utc("2026-03-01T03:20:34Z"),
			"bad from 2026-03-01 02:00:00 +00:00 to 03:20:34 (1h20m34s, at worst 33.3 %, at last 50 %), good for 0 periods since:"},
		{"whole hours", utc("2026-03-01T02:00:00Z"), utc("2026-03-01T04:00:00Z"),
			"bad from 2026-03-01 02:00:00 +00:00 to 04:00:00 (2h, at worst 33.3 %, at last 50 %), good for 0 periods since:"},
		{"across midnight", utc("2026-03-01T23:59:00Z"), utc("2026-03-02T00:01:00Z"),
			"bad from 2026-03-01 23:59:00 +00:00 to 2026-03-02 00:01:00 +00:00 (2m, at worst 33.3 %, at last 50 %), good for 0 periods since:"},
		{"across a change of the zone", utc("2026-03-29T01:30:00+01:00"), utc("2026-03-29T03:30:00+02:00"),
			"bad from 2026-03-29 01:30:00 +01:00 to 2026-03-29 03:30:00 +02:00 (1h, at worst 33.3 %, at last 50 %), good for 0 periods since:"},
		{"short periods", utc("2026-03-01T02:00:00.5Z"), utc("2026-03-01T02:00:00.75Z"),
			"bad from 2026-03-01 02:00:00.500 +00:00 to 02:00:00.750 (250ms, at worst 33.3 %, at last 50 %), good for 0 periods since:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := Alert{State: Resolved, StartsAt: tt.starts, EndsAt: tt.ends, Target: 0.95, WorstActual: 1.0 / 3, LastActual: 0.5}
			if diff := cmp.Diff([]string{tt.want}, lines(&a, "bad from")); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTextWhose(t *testing.T) {
	for _, tt := range []struct {
		alert Alert
		want  string
	}{
		{Alert{Monitor: "http", Service: "shop", SpanKind: engine.SpanKindClient}, "monitor http, service shop, client spans"},
		{Alert{Monitor: "http", SpanKind: engine.SpanKindClient}, "monitor http, client spans"},
		{Alert{Monitor: "http"}, "monitor http"},
	} {
		if diff := cmp.Diff([]string{tt.want}, lines(&tt.alert, "monitor ")); diff != "" {
			t.Errorf("line (-want +got):\n%s", diff)
		}
	}
}

func TestTextCalls(t *testing.T) {
	const ids = "calls: trace 11111111111111111111111111111111 span 1111111111111111 "
	firing := func(k ObjectiveKind, e engine.Exemplar) Alert {
		return Alert{State: Firing, Objective: k, Evidence: []engine.Summary{{FailureExemplars: []engine.Exemplar{e}}, {SlowExemplars: []engine.Exemplar{e}}}}
	}
	resolved := firing(Availability, exemplar(0x11, true, "503", time.Second))
	resolved.State = Resolved
	for _, tt := range []struct {
		name  string
		alert Alert
		want  []string
	}{
		{"sampled", firing(Availability, exemplar(0x11, true, "503", 1234*time.Millisecond)), []string{ids + "(503, 1.23s)"}},
		{"not sampled", firing(Latency, exemplar(0x11, false, "503", time.Second)), []string{ids + "(503, 1s, not sampled)"}},
		{"without a code", firing(BurnRate, exemplar(0x11, true, "", 999*time.Nanosecond)), []string{ids + "(999ns)"}},
		{"what is not about single calls", firing(Traffic, exemplar(0x11, true, "", 0)), nil},
		{"of an alert that is resolved", resolved, nil},
		{"none", Alert{State: Firing}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(&tt.alert, "trace ")); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCodesText(t *testing.T) {
	for _, tt := range []struct {
		name     string
		failures []engine.CodeCount
		want     string
	}{
		{"none", nil, ""},
		{"one", []engine.CodeCount{{Code: "500", Count: 3}}, "500 x3"},
		{"with a name", []engine.CodeCount{{Code: "503", Name: "unavailable", Count: 12}, {Code: "500", Count: 3}}, "503 unavailable x12, 500 x3"},
		{"named as its code", []engine.CodeCount{{Code: "503", Name: "503", Count: 1}}, "503 x1"},
		{"no code", []engine.CodeCount{{Count: 2}}, "no code x2"},
		{"three", []engine.CodeCount{{Code: "a", Count: 3}, {Code: "b", Count: 2}, {Code: "c", Count: 1}}, "a x3, b x2, c x1"},
		{"more", []engine.CodeCount{{Code: "a", Count: 9}, {Code: "b", Count: 8}, {Code: "c", Count: 7}, {Code: "d", Count: 6}, {Code: "e", Count: 5}}, "a x9, b x8, c x7, others x11"},
		{"hostile", []engine.CodeCount{{Code: "\x1b[2J", Name: "\r\n", Count: 1}}, `\x1b[2J \x0d\x0a x1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := CodesText(tt.failures); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// spoiltBy returns an alert in which everything that may come from outside is name.
func spoiltBy(t testing.TB, k ObjectiveKind, name string) (firing, resolved Alert) {
	t.Helper()
	firing, resolved = incident(t, k)
	for _, a := range []*Alert{&firing, &resolved} {
		a.ID, a.Monitor, a.Service, a.Operation, a.WorstExemplar.Code, a.CausedBy = name, name, name, name, name, name
		a.Causes = []engine.CauseCount{cause(name, name, 3), cause("x"+name, name, 2), cause(name, "", 1)}
		for i := range a.Causes {
			a.Causes[i].Service, a.Causes[i].Share = name, 0.3
		}
		for i := range a.Evidence {
			s := &a.Evidence[i]
			s.Monitor, s.Service, s.Operation = name, name, name
			s.Failures = []engine.CodeCount{{Code: name, Name: "not " + name, Count: 2}, {Code: "x" + name, Count: 1}}
			s.FailureExemplars = []engine.Exemplar{exemplar(1, true, name, time.Second)}
			s.SlowExemplars = s.FailureExemplars
		}
	}
	return firing, resolved
}

func TestTextIsInert(t *testing.T) {
	for _, k := range kinds {
		plainFiring, plainResolved := spoiltBy(t, k, "plain")
		for _, name := range hostile {
			firing, resolved := spoiltBy(t, k, name)
			repeat, plainRepeat := firing, plainFiring
			repeat.Repeat, plainRepeat.Repeat = true, true
			for _, tt := range []struct{ got, plain Alert }{{firing, plainFiring}, {resolved, plainResolved}, {repeat, plainRepeat}} {
				text := Text(&tt.got)
				checkInert(t, text)
				if got, want := strings.Count(text, "\n"), strings.Count(Text(&tt.plain), "\n"); got != want {
					t.Errorf("%d lines, want %d, with the name %.50q", got, want, name)
				}
			}
		}
	}
}

// Of periods that were judged together only the newest are there: the text tells of all.
func TestTextCountsAllPeriods(t *testing.T) {
	j := NewJudge()
	o := expecting(engine.Objective{MinCalls: 8, AlertAfter: 1})
	var alerts []Alert
	for i := range 8 {
		_, alerts = judged(j, summaryOf(i, o, calls{failure: 1}))
	}
	if len(alerts) != 1 {
		t.Fatalf("alerts = %v", about(alerts))
	}
	text := Text(&alerts[0])
	for _, want := range []string{"bad since 2026-03-01 02:57:00 +01:00, 8 periods running:\n", "\n  (4 more)\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got := len(lines(&alerts[0], "succeed:")); got != 4 {
		t.Errorf("%d periods are shown, want 4:\n%s", got, text)
	}
}

// The own time stands beside the latency where it says more.
func TestTextOfOwnTimes(t *testing.T) {
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		own  engine.OwnTime
		want string
	}{
		"not known":        {engine.OwnTime{}, "p50 200ms, p99 2s"},
		"about the same":   {engine.OwnTime{Count: 9, P50: 199 * ms, P99: 1990 * ms}, "p50 200ms, p99 2s"},
		"it waits":         {engine.OwnTime{Count: 9, P50: 12 * ms, P99: 31 * ms}, "p50 200ms, p99 2s (own time p50 12ms, p99 31ms)"},
		"sometimes it has": {engine.OwnTime{Count: 9, P50: 199 * ms, P99: 300 * ms}, "p50 200ms, p99 2s (own time p50 199ms, p99 300ms)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := engine.Summary{Count: 9, Success: 9, WithinTarget: 3, Latency: engine.Latency{P50: 200 * ms, P99: 2 * time.Second}, OwnTime: tt.own}
			s.Objective = engine.DefaultObjective()
			if got := evidenceLine(Latency, &s, 1); !strings.HasSuffix(got, ", "+tt.want) {
				t.Errorf("%q does not end in %q", got, tt.want)
			}
		})
	}
}
