package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// tracedSpan is one span of a trace that is told in text, one span a line, children
// indented below their parents and in the order in which they end:
//
//	GET fail=500 d=100 blames=SELECT/timeout
//	  step pass
//	    SELECT fail=timeout d=10
//
// After the name come: ok (healthy), pass (not watched), remote (its parent is remote),
// fail=CODE, gaveup (cancelled), d=MILLISECONDS (default 0: too short to slow anybody), later (it ends after everything
// else), after=DURATION (that passes before it ends), blames=NAME/CODE and slowed=NAME: what is expected.
// A line "---" starts another trace.
type tracedSpan struct {
	name, code, blames, slowed string
	ok, pass, remote, later    bool
	outcome                    Outcome
	d, after                   time.Duration
	link                       Link
	children                   []*tracedSpan
}

// parseTraces reads what tracedSpan describes.
func parseTraces(t testing.TB, text string) []*tracedSpan {
	t.Helper()
	var roots, above []*tracedSpan
	trace := byte(1)
	for i, line := range strings.Split(strings.Trim(text, "\n"), "\n") {
		words := strings.Fields(line)
		if words[0] == "---" {
			trace++
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, "\t"))) - 3 // the table's own indent
		s := &tracedSpan{name: words[0], outcome: OutcomeSuccess}
		s.link.Trace, s.link.Span = [16]byte{3: trace}, [8]byte{0: byte(i + 1)}
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			var err error
			switch key {
			case "ok":
				s.ok = true
			case "pass":
				s.pass = true
			case "remote":
				s.remote = true
			case "later":
				s.later = true
			case "fail":
				s.outcome, s.code = OutcomeFailure, value
			case "gaveup":
				s.outcome = OutcomeCancelled
			case "d":
				var n int
				n, err = strconv.Atoi(value)
				s.d = time.Duration(n) * ms
			case "after":
				s.after, err = time.ParseDuration(value)
			case "blames":
				s.blames = value
			case "slowed":
				s.slowed = value
			default:
				t.Fatalf("line %q: %q means nothing", line, w)
			}
			if err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
		}
		s.link.RemoteParent = s.remote
		above = append(above[:depth], s)
		if depth == 0 {
			roots = append(roots, s)
		} else {
			p := above[depth-1]
			s.link.Parent = p.link.Span
			p.children = append(p.children, s)
		}
	}
	return roots
}

// self returns the span as it is blamed.
func (s *tracedSpan) self() Cause {
	return Cause{Service: "shop", SpanKind: SpanKindClient, Operation: s.name, Code: s.code}
}

// end ends the span after its children, at the time that now holds, and checks what it blames.
// It returns the spans that end later.
func (s *tracedSpan) end(t *testing.T, c *causes, now *int64) (later []*tracedSpan) {
	t.Helper()
	for _, child := range s.children {
		if child.later {
			later = append(later, child)
		} else {
			later = append(later, child.end(t, c, now)...)
		}
	}
	*now += int64(s.after) + 1
	if self := s.self(); s.pass {
		c.pass(s.link)
	} else if s.ok {
		c.succeed(s.link, self)
	} else {
		failure, slow := c.end(s.link, self, s.outcome, s.d, *now)
		checkCause(t, s.name+" blames for its failure", failure, s.blames)
		if slow != nil {
			slow = &Cause{Operation: slow.Operation}
		}
		checkCause(t, s.name+" blames for its slowness", slow, s.slowed)
	}
	return later
}

// checkCause checks a cause against operation/code, "" for none.
func checkCause(t *testing.T, what string, c *Cause, want string) {
	t.Helper()
	got := ""
	if c != nil {
		got = c.Operation
		if c.Code != "" {
			got += "/" + c.Code
		}
	}
	if got != want {
		t.Errorf("%s %q, want %q", what, got, want)
	}
}

// end, succeed and pass take their arguments by value.

func (c *causes) end(l Link, self Cause, outcome Outcome, d time.Duration, end int64) (failure, slow *Cause) {
	return c.ended(&l, &self, outcome, d, end)
}
func (c *causes) succeed(l Link, self Cause) { c.succeeded(&l, &self) }
func (c *causes) pass(l Link)                { c.passed(&l) }

// waits returns the number of calls that c counts as waiting.
func (c *causes) waits() (n int64) {
	for i := range c.shards {
		n += c.shards[i].waiting
	}
	return n
}

// checkWaiting checks the number of calls that c counts as waiting, and that it is
// what its places say.
func checkWaiting(t rapid.TB, c *causes, want int64) {
	t.Helper()
	shards := int64(0)
	for i := range c.shards {
		s := &c.shards[i]
		sum := int64(0)
		for j := range s.sets {
			for k := range s.sets[j] {
				p := &s.sets[j][k]
				sum += p.counts()
				if p.isFree() && *p != (pending{}) {
					t.Errorf("a free place holds %+v", *p)
				}
				if (p.failed == nil) != (p.child == nil) || (p.slow == nil) != (p.took == 0) {
					t.Errorf("a place holds one half of something: %+v", *p)
				}
			}
		}
		if s.waiting != sum {
			t.Errorf("shard %d counts %d calls that wait, its places say %d", i, s.waiting, sum)
		}
		if sum > 0 {
			shards++
		}
	}
	if got := c.waiting.Load(); got != shards || c.isWaiting() != (shards > 0) {
		t.Errorf("calls are waiting: %t, in %d shards, want %d", c.isWaiting(), got, shards)
	}
	if got := c.waits(); got != want {
		t.Errorf("%d calls are waiting, want %d", got, want)
	}
}

func TestCausesOfTraces(t *testing.T) {
	tests := []struct{ name, traces string }{
		{"a call without children", `
			GET fail=500`},
		{"two levels down", `
			GET fail=500 blames=SELECT/timeout
				load fail=error blames=SELECT/timeout
					SELECT fail=timeout`},
		{"a span in between is not watched", `
			GET fail=500 blames=SELECT/timeout
				load pass
					SELECT fail=timeout`},
		{"spans in between are not watched", `
			GET fail=500 blames=SELECT/timeout
				a pass
					b pass
						c fail=x blames=SELECT/timeout
							d pass
								SELECT fail=timeout`},
		{"a watched span in between that is healthy has dealt with it", `
			GET fail=500
				load ok
					SELECT fail=timeout`},
		{"a slow one, too", `
			GET fail=500 d=100 slowed=load
				load d=90
					SELECT fail=timeout`},
		{"tried again with success, parent fails for another reason", `
			GET fail=500
				SELECT fail=timeout
				SELECT ok`},
		{"tried again with success, parent succeeds", `
			GET ok
				SELECT fail=timeout
				SELECT ok`},
		{"tried again, and slow all the while", `
			GET fail=500 d=100 slowed=SELECT
				SELECT fail=timeout d=80
				SELECT ok`},
		{"tried again with success, though slowly", `
			GET fail=500 d=100 slowed=SELECT
				SELECT fail=timeout
				SELECT d=90`},
		{"another operation that is slow excuses nobody", `
			GET fail=500 d=100 slowed=UPDATE blames=SELECT/timeout
				SELECT fail=timeout
				UPDATE d=90`},
		{"what is given up excuses nobody", `
			GET fail=500 d=100 slowed=SELECT blames=SELECT/timeout
				SELECT fail=timeout
				SELECT gaveup d=90`},
		{"what is given up below hides nothing", `
			GET fail=500 d=100 slowed=load blames=SELECT/timeout
				load gaveup d=90
					SELECT fail=timeout`},
		{"what is given up at once, neither", `
			GET fail=500 blames=SELECT/timeout
				load gaveup
					SELECT fail=timeout`},
		{"though that was tried again with success", `
			GET fail=500 d=100 slowed=load
				load gaveup d=90
					SELECT fail=timeout
					SELECT ok`},
		{"what failed below what was given up, tried again with success", `
			GET fail=500
				step gaveup
					load fail=error blames=SELECT/timeout
						SELECT fail=timeout
				load ok`},
		{"another failure after what was given up", `
			GET fail=500 d=100 slowed=load blames=UPDATE/23505
				load gaveup d=90
					SELECT fail=timeout
				UPDATE fail=23505`},
		{"what failed before what was given up is too old", `
			GET fail=500 d=100 slowed=load
				load gaveup d=90 after=3m
					SELECT fail=timeout`},
		{"what is given up blames nobody for itself", `
			GET ok
				load gaveup d=100 slowed=SELECT
					SELECT fail=timeout d=80`},
		{"tried again in vain", `
			GET fail=500 blames=SELECT/timeout
				SELECT fail=reset
				SELECT fail=timeout`},
		{"tried again with success at a level where the child only passes it on", `
			GET fail=500
				load fail=error blames=SELECT/timeout
					SELECT fail=timeout
				load ok`},
		{"another operation that succeeds excuses nobody", `
			GET fail=500 blames=SELECT/timeout
				SELECT fail=timeout
				UPDATE ok`},
		{"success first excuses nobody", `
			GET fail=500 blames=SELECT/timeout
				SELECT ok
				SELECT fail=timeout`},
		{"the child succeeds again, what it blamed did not fail again", `
			GET fail=500 blames=SELECT/timeout
				load fail=error blames=SELECT/timeout
					SELECT fail=timeout
				SELECT ok`},
		{"the last child that failed wins", `
			GET fail=500 blames=UPDATE/23505
				SELECT fail=timeout
				UPDATE fail=23505
				INSERT ok`},
		{"the last child wins, however deep the others are", `
			GET fail=500 blames=UPDATE/23505
				load fail=error blames=SELECT/timeout
					SELECT fail=timeout
				UPDATE fail=23505`},
		{"client and server span of one call", `
			page fail=500 blames=SELECT/timeout
				get fail=502 blames=SELECT/timeout
					GET remote fail=503 blames=SELECT/timeout
						SELECT fail=timeout`},
		{"the server's failure is the client's", `
			page fail=500 blames=GET/503
				get fail=502 blames=GET/503
					GET remote fail=503`},
		{"a client that is not watched", `
			page fail=500 blames=GET/503
				SELECT fail=timeout
				get pass
					GET remote fail=503`},
		{"a slow child", `
			GET d=100 slowed=SELECT
				SELECT d=51`},
		{"a child that takes half of the time", `
			GET d=100
				SELECT d=50`},
		{"many small children", `
			GET d=100
				SELECT d=25
				UPDATE d=25
				SELECT d=25
				INSERT d=25`},
		{"small children, each slower than the one before", `
			GET d=100
				SELECT d=30
				UPDATE d=40`},
		{"the slowest of several", `
			GET d=100 slowed=UPDATE
				SELECT d=20
				UPDATE d=60
				SELECT d=10`},
		{"a slow child of a slow child", `
			GET d=100 slowed=SELECT
				load d=90 slowed=SELECT
					SELECT d=80`},
		{"a slow child that was slow by itself", `
			GET d=100 slowed=load
				load d=90
					SELECT d=40`},
		{"a slow child of a span that is not watched", `
			GET d=100 slowed=SELECT
				load pass
					SELECT d=80`},
		{"a span that is not watched does not hide a slower one", `
			GET d=100 slowed=UPDATE
				UPDATE d=80
				load pass
					SELECT d=60`},
		{"slow and failed", `
			GET fail=500 d=100 blames=UPDATE/23505 slowed=SELECT
				SELECT d=80
				UPDATE fail=23505 d=1`},
		{"slow by a child that failed", `
			GET d=100 slowed=SELECT
				SELECT fail=timeout d=80`},
		{"a time that is no time", `
			GET d=-5
				SELECT d=-3`},
		{"asynchronous child", `
			GET fail=500
				mail fail=refused later`},
		{"asynchronous children beside another", `
			GET fail=500 d=100 blames=SELECT/timeout
				mail fail=refused d=100 later
				SELECT fail=timeout
				audit fail=full d=100 later`},
		{"just in time", `
			GET fail=500 d=100 after=1m59s blames=SELECT/timeout slowed=SELECT
				SELECT fail=timeout d=80`},
		{"too old", `
			GET fail=500 d=100 after=2m
				SELECT fail=timeout d=80`},
		{"a new child does not keep an old one alive", `
			GET fail=500 d=100 after=1m blames=UPDATE/23505
				SELECT fail=timeout d=80
				UPDATE fail=23505 d=1 after=2m`},
		{"a late child does", `
			GET fail=500 d=100 after=1m blames=UPDATE/23505 slowed=SELECT
				SELECT fail=timeout d=80
				UPDATE fail=23505 d=1 after=1m30s`},
		{"what is handed on can be too old, too", `
			GET fail=500 d=100 blames=UPDATE/23505
				load pass
					SELECT fail=timeout d=80
				UPDATE fail=23505 d=1 after=3m`},
		{"other traces", `
			GET fail=500 blames=SELECT/timeout
				SELECT fail=timeout
			---
			GET fail=500
				SELECT ok
			---
			GET fail=500 blames=UPDATE/23505
				UPDATE fail=23505`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, now := newCauses(everyCall), noon.UnixNano()
			var later []*tracedSpan
			for _, root := range parseTraces(t, tt.traces) {
				later = append(later, root.end(t, c, &now)...)
			}
			checkWaiting(t, c, 0)
			for _, s := range later {
				s.end(t, c, &now)
			}
			checkWaiting(t, c, min(1, int64(len(later)))) // they all have one parent
			if c.lost.Load() != 0 {
				t.Errorf("%d were lost", c.lost.Load())
			}
			c.expire(now + int64(maxCauseAge) + 1)
			checkWaiting(t, c, 0)
		})
	}
}

// span returns the link of a span in a trace.
func span(trace, span, parent uint64) Link {
	var l Link
	binary.BigEndian.PutUint64(l.Trace[8:], trace)
	binary.BigEndian.PutUint64(l.Span[:], span)
	binary.BigEndian.PutUint64(l.Parent[:], parent)
	return l
}

func remote(l Link) Link { l.RemoteParent = true; return l }

var (
	get     = Cause{Service: "shop", SpanKind: SpanKindServer, Operation: "GET /", Code: "500"}
	query   = Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "SELECT", Code: "timeout"}
	update  = Cause{Service: "shop", SpanKind: SpanKindClient, Operation: "UPDATE", Code: "23505"}
	endTime = noon.UnixNano()
)

// The shares of the causes are those of the calls, whatever else fails beside.
func TestCausesShares(t *testing.T) {
	c := newCauses(everyCall)
	got := map[Cause]int{}
	for i := range uint64(1000) {
		first, last := query, update
		if i%10 < 3 {
			first, last = last, first
		}
		c.end(span(i, 2, 1), first, OutcomeFailure, ms, endTime)
		c.end(span(i, 3, 1), last, OutcomeFailure, ms, endTime)
		failure, _ := c.end(span(i, 1, 0), get, OutcomeFailure, ms, endTime)
		got[*failure]++
	}
	if got[query] != 300 || got[update] != 700 {
		t.Errorf("the blame is shared %v, want 300 for %v and 700 for %v", got, query, update)
	}
	checkWaiting(t, c, 0)
}

// Ids are told apart by all of their bytes.
func TestCausesOtherSpans(t *testing.T) {
	c := newCauses(everyCall)
	l := span(1, 2, 3)
	c.end(l, query, OutcomeFailure, ms, endTime)
	parent := span(1, 3, 0)
	for i := range parent.Trace {
		other := parent
		other.Trace[i] ^= 0x40
		checkOther(t, other.span(), parent.span())
		if failure, slow := c.end(other, get, OutcomeFailure, ms, endTime); failure != nil || slow != nil {
			t.Errorf("a call of a trace that differs in byte %d blames %v and %v", i, failure, slow)
		}
	}
	for i := range parent.Span {
		other := parent
		other.Span[i] ^= 0x40
		checkOther(t, other.span(), parent.span())
		if failure, slow := c.end(other, get, OutcomeFailure, ms, endTime); failure != nil || slow != nil {
			t.Errorf("a call that differs in byte %d blames %v and %v", i, failure, slow)
		}
	}
	if failure, _ := c.end(parent, get, OutcomeFailure, ms, endTime); failure == nil || *failure != query {
		t.Errorf("the call blames %v, want %v", failure, query)
	}
}

// checkOther checks that two calls are told apart in one set.
func checkOther(t *testing.T, a, b spanID) {
	t.Helper()
	set := causeSet{3: {span: a, failed: &query}}
	if set.find(a) != &set[3] || set.find(b) != nil {
		t.Errorf("%x and %x are not told apart", a, b)
	}
}

// What is blamed once is not blamed twice.
func TestCausesTakeOut(t *testing.T) {
	c := newCauses(everyCall)
	c.end(span(1, 2, 1), query, OutcomeFailure, 10*ms, endTime)
	c.end(span(1, 1, 0), get, OutcomeFailure, 10*ms, endTime)
	if failure, slow := c.end(span(1, 1, 0), get, OutcomeFailure, 10*ms, endTime); failure != nil || slow != nil {
		t.Errorf("blamed again: %v and %v", failure, slow)
	}
}

// Reports made by hand have no trace; and a span that claims to be its own parent harms nobody.
func TestCausesWithoutATrace(t *testing.T) {
	c := newCauses(everyCall)
	for range 3 {
		if failure, slow := c.end(Link{}, get, OutcomeFailure, ms, endTime); failure != nil || slow != nil {
			t.Errorf("a call without a trace blames %v and %v", failure, slow)
		}
		c.succeed(Link{}, get)
		c.pass(Link{})
	}
	checkWaiting(t, c, 0)
	for range 3 {
		c.end(span(1, 1, 1), get, OutcomeFailure, ms, endTime)
		checkWaiting(t, c, 1)
	}
	c.pass(span(1, 1, 1))
	checkWaiting(t, c, 1)
	c.succeed(span(1, 1, 1), get)
	checkWaiting(t, c, 0)
	for _, end := range []int64{math.MinInt64, math.MaxInt64, 0} {
		for _, d := range []time.Duration{math.MinInt64, math.MaxInt64, 0} {
			c.end(span(2, 2, 1), query, OutcomeFailure, d, end)
			c.end(span(2, 1, 0), get, OutcomeFailure, d, end)
			c.end(span(2, 2, 1), query, OutcomeFailure, d, end)
		}
	}
	checkWaiting(t, c, 1)
	c.expire(endTime)
	checkWaiting(t, c, 0)
}

// A call whose parent lives elsewhere does not keep every healthy call busy.
func TestCausesRemoteParents(t *testing.T) {
	c := newCauses(everyCall)
	c.end(remote(span(1, 2, 1)), get, OutcomeFailure, ms, endTime)
	checkWaiting(t, c, 0)
	c.end(span(1, 3, 1), query, OutcomeFailure, ms, endTime) // so it lives here
	checkWaiting(t, c, 1)
	c.end(remote(span(1, 4, 1)), get, OutcomeFailure, ms, endTime)
	checkWaiting(t, c, 1)
	c.succeed(span(1, 5, 1), get)
	checkWaiting(t, c, 0)
	c.end(span(1, 6, 7), query, OutcomeFailure, ms, endTime)
	c.pass(remote(span(1, 7, 8)))
	checkWaiting(t, c, 0)
	if failure, _ := c.end(span(1, 8, 0), get, OutcomeFailure, ms, endTime); failure == nil || *failure != query {
		t.Errorf("the call blames %v, want %v", failure, query)
	}
}

// The way to a server is to blame only where a client waited for one elsewhere.
func TestCausesOnTheWay(t *testing.T) {
	for _, tt := range []struct {
		parent, child SpanKind
		service       string
		want          bool
	}{
		{SpanKindClient, SpanKindServer, "stock", true},
		{SpanKindClient, SpanKindServer, "shop", false},
		{SpanKindClient, SpanKindClient, "stock", false},
		{SpanKindServer, SpanKindServer, "stock", false},
		{SpanKindProducer, SpanKindConsumer, "stock", false},
	} {
		c := newCauses(everyCall)
		c.end(span(1, 2, 1), Cause{Service: tt.service, SpanKind: tt.child, Operation: "GET /stock"}, OutcomeSuccess, 10*ms, endTime)
		_, slow := c.end(span(1, 1, 0), Cause{Service: "shop", SpanKind: tt.parent, Operation: "get"}, OutcomeSuccess, time.Second, endTime)
		if got := slow != nil && slow.IsNetwork(); got != tt.want || slow != nil && !got {
			t.Errorf("a %s that waited for a %s of %s blames %v", tt.parent, tt.child, tt.service, slow)
		}
	}
}

// crowd returns n spans whose parents have their places all in one set.
func crowd(c *causes, n int) (links []Link) {
	var home *causeSet
	for i := uint64(1); len(links) < n; i++ {
		l := span(1, i+1_000_000, i)
		s, set := c.lock(l.parent())
		s.mu.Unlock()
		if home == nil {
			home = set
		}
		if set == home {
			links = append(links, l)
		}
	}
	return links
}

// blames returns which of the spans' parents blame their child, when they end at the given time.
func blames(c *causes, links []Link, end int64) (which []int) {
	for i, l := range links {
		l.Span, l.Parent = l.Parent, [8]byte{}
		if failure, _ := c.end(l, get, OutcomeFailure, ms, end); failure != nil {
			which = append(which, i)
		}
	}
	return which
}

func TestCausesGiveUpTheOldest(t *testing.T) {
	c := newCauses(everyCall)
	links := crowd(c, causeWays+2)
	for i, l := range links {
		end := endTime + int64(i)
		if i == 1 {
			end += 1000
		}
		c.end(l, query, OutcomeFailure, ms, end)
		checkWaiting(t, c, int64(min(i+1, causeWays)))
	}
	if got, want := blames(c, links, endTime), []int{1, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("of %d calls in one set those at %v know their cause, want %v", len(links), got, want)
	}
	if got := c.lost.Load(); got != 2 {
		t.Errorf("%d were lost, want 2", got)
	}
	checkWaiting(t, c, 0)
}

// A server that fails leaves behind a place with every call, that mostly nobody asks for. The
// calls inside it must not lose theirs by that.
func TestCausesGiveUpRemoteParentsFirst(t *testing.T) {
	c := newCauses(everyCall)
	links := crowd(c, 2*causeWays)
	for i, l := range links {
		l.RemoteParent = i%4 != 0
		c.end(l, query, OutcomeFailure, ms, endTime+int64(i))
	}
	if got, want := blames(c, links, endTime), []int{0, 4, 8, 11, 12, 13, 14, 15}; !slices.Equal(got, want) {
		t.Errorf("of %d calls in one set those at %v know their cause, want %v", len(links), got, want)
	}
	checkWaiting(t, c, 0)
}

// Whatever the time, a free place goes first.
func TestCausesUseFreePlacesFirst(t *testing.T) {
	for _, end := range []int64{-1000, 0, endTime} {
		c := newCauses(everyCall)
		links := crowd(c, causeWays)
		for i, l := range links {
			l.RemoteParent = i%2 == 0
			c.end(l, query, OutcomeFailure, ms, end-int64(i))
		}
		if got := blames(c, links, end); len(got) != causeWays || c.lost.Load() != 0 {
			t.Errorf("at %d: of %d calls in one set those at %v know their cause", end, causeWays, got)
		}
	}
}

// The calls of one large trace, all under way at once, have as much room as those of many.
func TestCausesOfALargeTrace(t *testing.T) {
	c := newCauses(everyCall)
	var links []Link
	for i := range uint64(1000) {
		links = append(links, span(1, 10_000+i, i+1))
		c.end(links[i], query, OutcomeFailure, ms, endTime)
	}
	if got := len(blames(c, links, endTime)); got < 990 {
		t.Errorf("%d of %d calls know their cause, want nearly all", got, len(links))
	}
	checkWaiting(t, c, 0)
}

// What is too old is not lost when it has to go.
func TestCausesOldPlacesAreFree(t *testing.T) {
	c := newCauses(everyCall)
	links := crowd(c, 2*causeWays)
	for i, l := range links {
		c.end(l, query, OutcomeFailure, ms, endTime+int64(i/causeWays)*int64(time.Hour))
		checkWaiting(t, c, int64(min(i+1, causeWays)))
	}
	if got := c.lost.Load(); got != 0 {
		t.Errorf("%d were lost, want 0", got)
	}
}

func TestCausesExpire(t *testing.T) {
	c := newCauses(everyCall)
	year := int64(365 * 24 * time.Hour)
	for i, end := range []int64{endTime, endTime + int64(time.Minute), endTime + year} {
		for j := range uint64(100) {
			c.end(span(1000*uint64(i)+j, 2, 1), query, OutcomeFailure, ms, end)
		}
	}
	checkWaiting(t, c, 300)
	c.expire(endTime) // a call from next year would stay for a year
	checkWaiting(t, c, 200)
	c.expire(endTime + int64(maxCauseAge))
	checkWaiting(t, c, 200)
	c.expire(endTime + int64(maxCauseAge) + 1)
	checkWaiting(t, c, 100)
	c.expire(endTime + int64(time.Minute+maxCauseAge) + 1)
	checkWaiting(t, c, 0)
}

// causesModel is what Causes does, without its bounds.
type causesModel map[spanID]pending

func (m causesModel) take(l Link) pending {
	p := m[l.span()]
	delete(m, l.span())
	return p
}

func (m causesModel) leave(l Link, failed, child, slow *Cause, took time.Duration, end int64) {
	if l.Parent == [8]byte{} || failed == nil && took <= 0 {
		return
	}
	p, ok := m[l.parent()]
	if gap := p.end - end; !ok || gap > int64(maxCauseAge) || gap < -int64(maxCauseAge) {
		p = pending{end: end}
	}
	if failed != nil {
		p.failed, p.child = failed, child
	}
	if took > p.took {
		p.slow, p.took = slow, took
	}
	if !l.RemoteParent {
		p.local = true
	}
	p.end = max(p.end, end)
	m[l.parent()] = p
}

func (m causesModel) ended(l Link, self *Cause, outcome Outcome, d time.Duration, end int64) (failure, slow *Cause) {
	failed, left := outcome == OutcomeFailure, m.take(l)
	rootFailed, child, rootSlow := (*Cause)(nil), self, self
	if gap := left.end - end; gap <= int64(maxCauseAge) && gap >= -int64(maxCauseAge) {
		if failed {
			failure = left.failed
		}
		if outcome == OutcomeCancelled {
			rootFailed, child = left.failed, left.child
		}
		if 2*left.took > d { // durations are small here
			slow = left.slow
		}
	}
	if slow != nil {
		rootSlow = slow
	}
	if outcome == OutcomeSuccess && m.waiting() > 0 {
		m.excuse(l, self.Key())
	}
	if failed {
		rootFailed = self
		if failure != nil {
			rootFailed = failure
		}
	}
	m.leave(l, rootFailed, child, rootSlow, d, end)
	return failure, slow
}

func (m causesModel) succeeded(l Link, key OperationKey) {
	m.take(l)
	m.excuse(l, key)
}

func (m causesModel) excuse(l Link, key OperationKey) {
	if p, ok := m[l.parent()]; ok && p.failed != nil && p.child.Key() == key {
		p.failed, p.child = nil, nil
		m[l.parent()] = p
		if p.slow == nil {
			delete(m, l.parent())
		}
	}
}

func (m causesModel) passed(l Link) {
	if p := m.take(l); p.failed != nil || p.slow != nil {
		m.leave(l, p.failed, p.child, p.slow, p.took, p.end)
	}
}

func (m causesModel) expire(now int64) {
	for id, p := range m {
		if gap := p.end - now; gap > int64(maxCauseAge) || gap < -int64(maxCauseAge) {
			delete(m, id)
		}
	}
}

func (m causesModel) waiting() (n int64) {
	for _, p := range m {
		if p.failed != nil && p.local {
			n++
		}
	}
	return n
}

// same reports whether two causes, of which each may be none, are equal.
func same(a, b *Cause) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func TestCausesAgreeWithTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, m := newCauses(everyCall), causesModel{}
		const traces, spans = 2, 4 // all of them fit into one set
		operation := rapid.SampledFrom([]Cause{get, query, update})
		now := int64(0)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			l := span(rapid.Uint64Range(1, traces).Draw(t, "trace"), rapid.Uint64Range(1, spans).Draw(t, "span"), rapid.Uint64Range(0, spans).Draw(t, "parent"))
			l.RemoteParent = rapid.Bool().Draw(t, "remote")
			now += rapid.SampledFrom([]int64{0, 1, -1, int64(maxCauseAge), -int64(maxCauseAge), int64(maxCauseAge) + 1, int64(time.Minute)}).Draw(t, "after")
			self := operation.Draw(t, "operation")
			self.Code = rapid.SampledFrom([]string{"", "a"}).Draw(t, "code")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				c.expire(now)
				m.expire(now)
			case 1, 2:
				c.succeed(l, self)
				m.succeeded(l, self.Key())
			case 3, 4:
				c.pass(l)
				m.passed(l)
			default:
				outcome := rapid.SampledFrom([]Outcome{OutcomeSuccess, OutcomeFailure, OutcomeCancelled}).Draw(t, "outcome")
				d := time.Duration(rapid.IntRange(-1, 9).Draw(t, "d"))
				failure, slow := c.end(l, self, outcome, d, now)
				wantFailure, wantSlow := m.ended(l, &self, outcome, d, now)
				if !same(failure, wantFailure) || !same(slow, wantSlow) {
					t.Fatalf("got %v and %v, want %v and %v", failure, slow, wantFailure, wantSlow)
				}
			}
			checkWaiting(t, c, m.waiting())
		}
		for trace := range uint64(traces) {
			for id := range uint64(spans) {
				c.end(span(trace+1, id+1, 0), get, OutcomeSuccess, ms, now)
			}
		}
		checkWaiting(t, c, 0)
		if n := c.lost.Load(); n != 0 {
			t.Errorf("%d were lost", n)
		}
	})
}

// The count stays exact also when there is no room.
func TestCausesCountUnderPressure(t *testing.T) {
	for seed := range uint64(10) {
		c := newCauses(everyCall)
		rnd := rand.New(rand.NewPCG(seed, 1))
		for range 20_000 {
			l := span(rnd.Uint64N(8), rnd.Uint64N(2000)+1, rnd.Uint64N(2000))
			l.RemoteParent = rnd.IntN(4) == 0
			switch rnd.IntN(8) {
			case 0:
				c.succeed(l, query)
			case 1:
				c.pass(l)
			default:
				c.end(l, query, []Outcome{OutcomeSuccess, OutcomeFailure, OutcomeFailure, OutcomeCancelled}[rnd.IntN(4)], ms, endTime)
			}
		}
		checkWaiting(t, c, c.waits())
		if c.lost.Load() == 0 {
			t.Error("there was room for everything: this test shows nothing")
		}
		for trace := range uint64(8) {
			for id := range uint64(2000) {
				c.end(span(trace, id+1, 0), get, OutcomeFailure, ms, endTime)
			}
		}
		checkWaiting(t, c, 0)
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes the second time
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestCausesAreBounded(t *testing.T) {
	if n := unsafe.Sizeof(causes{}); n > 340_000 || maxPending != 4096 {
		t.Errorf("%d calls take %d bytes", maxPending, n)
	}
	long := strings.Repeat("x", 2*MaxNameBytes)
	tests := []struct {
		name  string
		bound int64
		cause func(i int) Cause
	}{
		{"one cause", 390_000, func(int) Cause { return query }},
		// Each place holds two causes of its own.
		{"all causes different and long", 10 << 20, func(i int) Cause {
			n := strconv.Itoa(i)
			return Cause{Service: n + long, Operation: n + long, Code: n + long}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := 1_000_000
			if tt.bound > 1<<20 {
				n = 50_000 // that many allocations
			}
			before := heap()
			c := newCauses(everyCall)
			for i := range n {
				c.end(span(uint64(i), 2, 1), tt.cause(i), OutcomeFailure, ms, endTime+int64(i))
			}
			grown := heap() - before
			t.Logf("grown by %d bytes", grown)
			if grown > tt.bound {
				t.Errorf("%d calls whose parents never end take %d bytes, want at most %d", n, grown, tt.bound)
			}
			if w := c.waits(); w < maxPending*9/10 {
				t.Errorf("%d calls wait: the places are badly used", w)
			}
			checkWaiting(t, c, c.waits())
			c.expire(endTime + int64(n) + int64(maxCauseAge))
			checkWaiting(t, c, 0)
			if got := int64(n) - maxPending; c.lost.Load() < uint64(got) {
				t.Errorf("%d were lost, want at least %d", c.lost.Load(), got)
			}
		})
	}
}

func TestCausesAllocateNothing(t *testing.T) {
	c := newCauses(everyCall)
	long := Cause{strings.Repeat("s", 1000), SpanKindClient, strings.Repeat("o", 1000), strings.Repeat("c", 1000)}
	i := uint64(0)
	trace := func() {
		i++
		for _, leaf := range []Cause{query, update, long} {
			c.end(span(i, 4, 3), leaf, OutcomeFailure, ms, endTime)
			c.end(span(i, 5, 3), leaf, OutcomeSuccess, ms, endTime)
			c.pass(span(i, 3, 2))
			c.end(span(i, 2, 1), get, OutcomeFailure, ms, endTime)
			c.succeed(span(i, 6, 1), get)
			c.end(remote(span(i, 1, 9)), get, OutcomeFailure, ms, endTime)
		}
		c.isWaiting()
		if i%100 == 0 {
			c.expire(endTime)
		}
	}
	if n := testing.AllocsPerRun(10_000, trace); n != 0 {
		t.Errorf("a trace allocates %v times", n)
	}
}

// A shard that somebody holds on to makes nobody wait: what is not known then is lost, and counted.
func TestCausesWaitForNobody(t *testing.T) {
	c := newCauses(everyCall)
	leaf, parent := span(1, 2, 1), span(1, 1, 0)
	c.end(leaf, query, OutcomeFailure, ms, endTime)
	s, _ := c.lock(leaf.parent())
	if failure, slow := c.end(parent, get, OutcomeFailure, ms, endTime); failure != nil || slow != nil {
		t.Errorf("got %v and %v from a locked shard", failure, slow)
	}
	c.end(leaf, update, OutcomeFailure, ms, endTime)
	c.succeed(leaf, query)
	c.pass(parent)
	s.mu.Unlock()
	if got := c.lost.Load(); got < 4 || got > 6 { // the leaf's own place may be there, too
		t.Errorf("%d were lost, want 4 to 6", got)
	}
	checkWaiting(t, c, 1)
	if failure, _ := c.end(parent, get, OutcomeFailure, ms, endTime); failure == nil || *failure != query {
		t.Errorf("the call blames %v, want %v", failure, query)
	}
}

// Goroutines that each end traces of their own get their own causes and no others.
func TestCausesConcurrently(t *testing.T) {
	const goroutines, traces = 8, 3000
	c := newCauses(everyCall)
	var unknown atomic.Uint64
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range traces {
				// The code tells the trace, so causes are new all the time.
				leaf := Cause{"shop", SpanKindClient, "SELECT", fmt.Sprint("leaf", g, i/4)}
				load := Cause{"shop", SpanKindInternal, "load", fmt.Sprint("load", g, i/4)}
				trace := uint64(g)<<32 | uint64(i)
				c.end(span(trace, 9, 3), leaf, OutcomeFailure, 9*ms, endTime)
				c.pass(span(trace, 3, 2))
				failure, _ := c.end(span(trace, 2, 1), load, OutcomeFailure, 10*ms, endTime)
				if failure == nil {
					unknown.Add(1)
				} else if *failure != leaf {
					t.Errorf("%v blames %v", load, failure)
				}
				failure, slow := c.end(span(trace, 1, 0), get, OutcomeFailure, 11*ms, endTime)
				for _, cause := range []*Cause{failure, slow} {
					if cause == nil {
						unknown.Add(1)
					} else if *cause == load {
						unknown.Add(1)
					} else if *cause != leaf {
						t.Errorf("the root above %v blames %v", leaf, cause)
					}
				}
				if i%100 == 0 {
					c.expire(endTime)
				}
				if c.isWaiting() {
					c.succeed(span(trace, 7, 6), get)
				}
			}
		})
	}
	wg.Wait()
	lost := c.lost.Load()
	t.Logf("%d of %d causes unknown, %d lost", unknown.Load(), 3*goroutines*traces, lost)
	if unknown.Load() > 3*lost {
		t.Errorf("%d causes are unknown, though only %d were lost", unknown.Load(), lost)
	}
	checkWaiting(t, c, c.waits())
	if n := c.waits(); uint64(n) > lost {
		t.Errorf("%d calls wait after the end, though only %d were lost", n, lost)
	}
	c.expire(endTime + int64(maxCauseAge) + 1)
	checkWaiting(t, c, 0)
}

// BenchmarkCausesEnded ends two spans of a trace, of which the inner one is to blame.
func BenchmarkCausesEnded(b *testing.B) {
	pair := func(c *causes, i uint64) {
		c.end(span(i*0x9E3779B97F4A7C15, 2, 1), query, OutcomeFailure, ms, endTime)
		c.end(span(i*0x9E3779B97F4A7C15, 1, 0), get, OutcomeFailure, ms, endTime)
	}
	b.Run("pair", func(b *testing.B) {
		b.ReportAllocs()
		c, i := newCauses(everyCall), uint64(0)
		for b.Loop() {
			i++
			pair(c, i)
		}
	})
	b.Run("pair/parallel", func(b *testing.B) {
		b.ReportAllocs()
		c := newCauses(everyCall)
		var goroutines atomic.Uint64
		b.RunParallel(func(pb *testing.PB) {
			i := goroutines.Add(1) << 40
			for pb.Next() {
				i++
				pair(c, i)
			}
		})
		b.ReportMetric(float64(c.lost.Load())/float64(b.N), "lost/op")
	})
	b.Run("root", func(b *testing.B) {
		b.ReportAllocs()
		c, i := newCauses(everyCall), uint64(0)
		for b.Loop() {
			i++
			c.end(span(i, 1, 0), get, OutcomeSuccess, ms, endTime)
		}
	})
	b.Run("full", func(b *testing.B) {
		b.ReportAllocs()
		c, i := newCauses(everyCall), uint64(0)
		for b.Loop() {
			i++
			c.end(span(i, 2, 1), query, OutcomeFailure, ms, endTime)
		}
	})
	b.Run("expire", func(b *testing.B) {
		c := newCauses(everyCall)
		for i := range uint64(maxPending) {
			c.end(span(i, 2, 1), query, OutcomeFailure, ms, endTime)
		}
		for b.Loop() {
			c.expire(endTime)
		}
	})
}
