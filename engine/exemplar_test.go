package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// call returns an exemplar with an id of its own.
func call(id byte, code string, d time.Duration, sampled bool) Exemplar {
	return Exemplar{
		Trace:    TraceRef{TraceID: [16]byte{0: 1, 15: id}, SpanID: [8]byte{7: id}, Sampled: sampled},
		Code:     code,
		Duration: d,
		End:      time.Date(2026, 1, 2, 3, 4, 5, int(id), time.UTC),
	}
}

// codesOf returns the codes of exemplars in alphabetical order.
func codesOf(list []Exemplar) []string {
	var codes []string
	for _, e := range list {
		codes = append(codes, e.Code)
	}
	slices.Sort(codes)
	return codes
}

func TestFailedCallsSpreadOverTheCodes(t *testing.T) {
	var x exemplars
	for i := range 100 {
		x.addFailed(call(byte(i), "500", ms, true))
	}
	for i, code := range []string{"501", "502", "503"} {
		x.addFailed(call(byte(100+i), code, ms, false))
	}
	if got, want := codesOf(x.failed), []string{"500", "500", "501", "502", "503"}; !slices.Equal(got, want) {
		t.Fatalf("the failed calls have the codes %v, want %v", got, want)
	}
	for range 10 {
		x.addFailed(call(200, "501", ms, true))
	}
	if got, want := codesOf(x.failed), []string{"500", "500", "501", "502", "503"}; !slices.Equal(got, want) {
		t.Errorf("after more of 501 the codes are %v, want them as before: %v", got, want)
	}
	x.addFailed(call(201, "504", ms, false))
	if got, want := codesOf(x.failed), []string{"500", "501", "502", "503", "504"}; !slices.Equal(got, want) {
		t.Errorf("the failed calls have the codes %v, want %v", got, want)
	}
	x.addFailed(call(202, "505", ms, false))
	if got, want := codesOf(x.failed), []string{"500", "501", "502", "503", "504"}; !slices.Equal(got, want) {
		t.Errorf("a sixth code took the place of one of five: %v", got)
	}
	for i := range 10 {
		x.addFailed(call(byte(210+i), fmt.Sprint(505+i), ms, true))
	}
	if got, want := codesOf(x.failed), []string{"500", "501", "505", "506", "507"}; !slices.Equal(got, want) {
		t.Errorf("after more codes of calls that can be looked up they are %v, want %v: the sampled ones", got, want)
	}
}

// Whatever comes in whatever order: there are as many codes as can be, and a call that can be
// looked up if there was one.
func TestFailedCallsLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x exemplars
		offered, sampled := map[string]bool{}, false
		for i := range rapid.IntRange(0, 30).Draw(t, "calls") {
			e := call(byte(i), rapid.SampledFrom([]string{"", "500", "501", "502", "503", "504", "505"}).Draw(t, "code"), ms, rapid.Bool().Draw(t, "sampled"))
			before := slices.Clone(x.failed)
			x.addFailed(e)
			offered[e.Code], sampled = true, sampled || e.Trace.Sampled
			if len(before) == maxExemplars && worstSpread(x.failed) > worstSpread(before) {
				t.Fatalf("%v spread worse than %v", codesOf(x.failed), codesOf(before))
			}
		}
		if got, want := len(slices.Compact(codesOf(x.failed))), min(len(offered), maxExemplars); got != want {
			t.Fatalf("%d codes of %d: %v", got, len(offered), codesOf(x.failed))
		}
		if sampled && !slices.ContainsFunc(x.failed, func(e Exemplar) bool { return e.Trace.Sampled }) {
			t.Fatalf("none can be looked up: %v", x.failed)
		}
	})
}

// worstSpread returns how often the most frequent code is there.
func worstSpread(list []Exemplar) int {
	counts, most := map[string]int{}, 0
	for _, e := range list {
		counts[e.Code]++
		most = max(most, counts[e.Code])
	}
	return most
}

// Of the calls that are stuck those stay that can be looked up, and of these the oldest.
func TestStuckCalls(t *testing.T) {
	w := newWindows(t, Config{Objective: Objective{StuckAfter: time.Minute}})
	for i := range 20 {
		age := time.Duration(50+i) * time.Second
		w.countInFlight(InFlight{Operation: "a", SpanKind: SpanKindServer, Started: noon.Add(-(age)), Trace: call(byte(i), "", 0, i%4 == 0).Trace}, noon)
	}
	w.countInFlight(InFlight{Operation: "a", SpanKind: SpanKindServer, Started: noon.Add(-(time.Hour))}, noon) // it can't be looked up at all
	end := noon.Add(time.Minute)
	s := summaryOf(t, w.Close(Period{Start: noon, End: end}, nil), "a")
	if s.InFlight != 21 || s.Stuck != 10 {
		t.Errorf("%d in flight, %d stuck, want 21 and 10", s.InFlight, s.Stuck)
	}
	var ages []time.Duration
	for _, c := range s.StuckExemplars {
		ages = append(ages, c.Duration/time.Second)
		if !c.End.Equal(end) || c.Code != "" {
			t.Errorf("%+v, want no code, and the end of the period", c)
		}
	}
	if want := []time.Duration{66, 62, 69, 68, 67}; !slices.Equal(ages, want) {
		t.Errorf("stuck for %v s, want %v: the sampled ones first", ages, want)
	}
	if s := summaryOf(t, w.Close(Period{}, nil), "a"); s.StuckExemplars != nil {
		t.Errorf("the next period has %+v", s.StuckExemplars)
	}
}

func TestFailedCallsPreferSampledOnes(t *testing.T) {
	var x exemplars
	for i := range 10 {
		x.addFailed(call(byte(i), "500", ms, false))
	}
	for i := range 3 {
		x.addFailed(call(byte(100+i), "500", ms, true))
	}
	failed, _, _ := x.take()
	var sampled []bool
	for _, e := range failed {
		sampled = append(sampled, e.Trace.Sampled)
	}
	if want := []bool{true, true, true, false, false}; !slices.Equal(sampled, want) {
		t.Errorf("sampled: %v, want %v", sampled, want)
	}
}

// The most telling call comes first, and of calls that tell as much those that came first stay.
func TestFailedCallsInTheirOrder(t *testing.T) {
	var x exemplars
	for i, d := range []time.Duration{3, 5, 1, 4, 2} {
		x.addFailed(call(byte(i), "500", d*ms, i == 2 || i == 4))
	}
	x.addFailed(call(9, "500", time.Hour, false))
	failed, _, _ := x.take()
	var got []time.Duration
	for _, e := range failed {
		got = append(got, e.Duration/ms)
	}
	if want := []time.Duration{2, 1, 5, 4, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A code may be of any length and a piece of something large.
func TestSlowCallsHoldOnToNothing(t *testing.T) {
	var x exemplars
	page := strings.Repeat("é", 1<<20)
	check := func() {
		t.Helper()
		for _, e := range x.slow {
			at := uintptr(unsafe.Pointer(unsafe.StringData(e.Code))) - uintptr(unsafe.Pointer(unsafe.StringData(page)))
			if len(e.Code) > MaxNameBytes || at < uintptr(len(page)) {
				t.Errorf("a code of %d bytes is a piece of the page: %t", len(e.Code), at < uintptr(len(page)))
			}
		}
	}
	for i := range maxExemplars {
		x.addSlow(call(byte(i), page[2*i:], time.Duration(i)*ms, true))
	}
	check()
	for i := range maxExemplars {
		x.addSlow(call(byte(i), page[2*i:2*i+8], time.Duration(i)*time.Hour, true))
	}
	check()
}

// A newcomer of a rare code takes the place of a call that can't be looked up
// before that of one that can.
func TestFailedCallsGiveUpUnsampledOnesFirst(t *testing.T) {
	var x exemplars
	for i := range 5 {
		x.addFailed(call(byte(i), "500", ms, i != 3))
	}
	x.addFailed(call(9, "503", ms, false))
	for _, e := range x.failed {
		if e.Code == "500" && !e.Trace.Sampled {
			t.Error("a sampled call had to go while an unsampled one of its code stayed")
		}
	}
}

func TestSlowCallsAreTheSlowest(t *testing.T) {
	var x exemplars
	for i := range 50 {
		x.addSlow(call(byte(i), "", time.Duration((i*37)%50)*ms, false))
	}
	_, slow, _ := x.take()
	var got []time.Duration
	for _, e := range slow {
		got = append(got, e.Duration)
	}
	if want := []time.Duration{49 * ms, 48 * ms, 47 * ms, 46 * ms, 45 * ms}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSlowCallsPreferSampledOnes(t *testing.T) {
	var x exemplars
	for i := range 20 {
		x.addSlow(call(byte(i), "", time.Duration(i)*time.Hour, false))
	}
	x.addSlow(call(100, "", 3*ms, true))
	x.addSlow(call(101, "", 5*ms, true))
	for i := range 20 {
		x.addSlow(call(byte(i), "", time.Duration(i)*time.Hour, false))
	}
	_, slow, _ := x.take()
	var got []time.Duration
	for _, e := range slow {
		got = append(got, e.Duration)
	}
	if want := []time.Duration{5 * ms, 3 * ms, 19 * time.Hour, 19 * time.Hour, 18 * time.Hour}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTakeEmptiesAndCopies(t *testing.T) {
	var x exemplars
	x.addFailed(call(1, "500", ms, true))
	x.addSlow(call(2, "", ms, true))
	failed, slow, _ := x.take()
	if len(failed) != 1 || len(slow) != 1 {
		t.Fatalf("got %d failed and %d slow calls, want 1 and 1", len(failed), len(slow))
	}
	x.addFailed(call(3, "501", ms, true))
	x.addSlow(call(4, "", ms, true))
	if failed[0] != call(1, "500", ms, true) || slow[0] != call(2, "", ms, true) {
		t.Error("what was taken changes with what comes after")
	}
	x.take()
	if failed, slow, _ := x.take(); failed != nil || slow != nil {
		t.Errorf("taken twice, it gives %v and %v, want nothing", failed, slow)
	}
}

func TestExemplarJSON(t *testing.T) {
	e := call(0xab, "503", 1500*time.Microsecond, true)
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"trace_id":"010000000000000000000000000000ab","span_id":"00000000000000ab","sampled":true,` +
		`"code":"503","duration_ns":1500000,"end":"2026-01-02T03:04:05.000000171Z"}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
	var back Exemplar
	if err := json.Unmarshal(data, &back); err != nil || back != e {
		t.Errorf("came back as %+v, %v", back, err)
	}
}

func TestExemplarJSONRefusesBadIDs(t *testing.T) {
	const good = "010000000000000000000000000000ab"
	tests := []struct{ trace, span, want string }{
		{"xyz", "00000000000000ab", `trace_id: want 32 hexadecimal digits, got "xyz"`},
		{"", "00000000000000ab", `trace_id: want 32 hexadecimal digits, got ""`},
		{good + "00", "00000000000000ab", `trace_id: want 32 hexadecimal digits, got "010000000000000000000000000000ab00"`},
		{good, "ab", `span_id: want 16 hexadecimal digits, got "ab"`},
	}
	for _, tt := range tests {
		var e Exemplar
		err := json.Unmarshal(fmt.Appendf(nil, `{"trace_id":%q,"span_id":%q}`, tt.trace, tt.span), &e)
		checkError(t, err, tt.want)
	}
	var e Exemplar
	if err := json.Unmarshal([]byte(`{"duration_ns":"long"}`), &e); err == nil {
		t.Error("a duration that is text was taken")
	}
}
