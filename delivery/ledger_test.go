package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// absentee is a notifier that is away at times. It keeps what it believes to fire, and what it was
// told that can't be.
type absentee struct {
	mu     sync.Mutex
	is     string // "", "down", "refusing" or "hanging"
	fires  map[string]bool
	said   []string // of each notification: its alerts
	wrongs []string
}

func (r *absentee) set(is string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.is = is
}

func (r *absentee) Notify(ctx context.Context, alerts []alert.Alert) error {
	r.mu.Lock()
	is := r.is
	r.mu.Unlock()
	switch is {
	case "down":
		return errors.New("down")
	case "refusing":
		return alert.Final(errors.New("refused"))
	case "hanging":
		<-ctx.Done()
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fires == nil {
		r.fires = make(map[string]bool)
	}
	var all []string
	for i := range alerts {
		a := &alerts[i]
		all = append(all, a.ID+" "+a.State.String())
		knows := r.fires[a.ID]
		switch {
		case a.State == alert.Firing && knows && !a.Repeat:
			r.wrongs = append(r.wrongs, a.ID+" fires twice")
		case a.State == alert.Resolved && !knows:
			r.wrongs = append(r.wrongs, a.ID+" is resolved and never fired")
		}
		if a.State == alert.Firing {
			r.fires[a.ID] = true
		} else {
			delete(r.fires, a.ID)
		}
	}
	r.said = append(r.said, strings.Join(all, ", "))
	return nil
}

// take returns the notifications since the last call.
func (r *absentee) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := r.said
	r.said = nil
	return said
}

// incident returns an alert about an operation of the same name as its id.
func incident(id string, s alert.State, at time.Time) alert.Alert {
	return alert.Alert{ID: id, Operation: "GET /" + id, Objective: alert.Availability, State: s, DecidedAt: at}
}

// A receiver that was away for longer than it is tried hears, once it answers again, of all that
// fires now and of the end of what it knew, in one notification. What began and ended meanwhile it
// does not hear of.
func TestReceiverComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &absentee{}
		var mu sync.Mutex
		var lost []string
		d := New(Options{Config: Config{MaxAttempts: 2}, Notifiers: []alert.Notifier{r}, OnError: func(topic string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if topic == "notifier 0 lost" {
				lost = append(lost, err.Error())
			}
		}})
		minute := func(alerts ...alert.Alert) {
			d.Send(&engine.Period{}, alerts)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		at := time.Now()
		fires := func(id string) alert.Alert { return incident(id, alert.Firing, at) }
		ends := func(id string) alert.Alert { return incident(id, alert.Resolved, at.Add(time.Minute)) }
		minute(fires("a"), fires("b"))
		r.set("down")
		minute(fires("c"))
		minute(ends("a"), fires("d"))
		minute(ends("c"))
		for range 120 {
			minute()
		}
		if got := r.take(); !slices.Equal(got, []string{"a firing, b firing"}) {
			t.Errorf("before: told of %q", got)
		}
		want := []string{
			"notifier 0 (*delivery.absentee): gave up on GET /c availability firing; it will hear of it when it answers again: down",
			"notifier 0 (*delivery.absentee): gave up on GET /c availability firing, GET /d availability firing, GET /a availability resolved; it will hear of it when it answers again: down",
			"notifier 0 (*delivery.absentee): gave up on GET /d availability firing, GET /a availability resolved; it will hear of it when it answers again: down",
		}
		if diff := cmp.Diff(want, lost); diff != "" {
			t.Errorf("said of it (-want +got):\n%s", diff)
		}
		if _, n := d.Undelivered(); n != 3 {
			t.Errorf("%d notifications undelivered, want 3: another try is no other notification", n)
		}
		r.set("")
		minute()
		minute()
		if got := r.take(); !slices.Equal(got, []string{"d firing, a resolved"}) {
			t.Errorf("when it answers again: told of %q", got)
		}
		minute(ends("b"))
		if got := r.take(); !slices.Equal(got, []string{"b resolved"}) {
			t.Errorf("after that: told of %q", got)
		}
		mustClose(t, d)
	})
}

// A ledger can be written and read, and the next process goes on with it.
func TestLedgerOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &absentee{}
		open := func(ledgers map[string]Ledger) *Dispatcher {
			return New(Options{Notifiers: []alert.Notifier{r}, Ledgers: ledgers})
		}
		at := time.Now().Round(0)
		d := open(nil)
		d.Send(&engine.Period{}, []alert.Alert{incident("a", alert.Firing, at)})
		synctest.Wait()
		r.set("hanging")
		d.Send(&engine.Period{}, []alert.Alert{incident("a", alert.Resolved, at.Add(time.Minute)), incident("b", alert.Firing, at)})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		synctest.Wait()
		if err := d.Close(ended); err == nil {
			t.Error("closed without an error, though a notification was left")
		}
		synctest.Wait()
		text, err := json.Marshal(d.Ledgers())
		if err != nil {
			t.Fatal(err)
		}
		var ledgers map[string]Ledger
		if err := json.Unmarshal(text, &ledgers); err != nil {
			t.Fatal(err)
		}
		got := ledgers["notifier 0 *delivery.absentee"]
		if !slices.Equal(got.Heard, []string{"a"}) || len(got.Owed) != 2 || got.Owed[0].ID != "b" || got.Owed[1].ID != "a" {
			t.Errorf("the ledger is %s", text)
		}
		r.set("")
		r.take()
		d = open(ledgers)
		d.Send(&engine.Period{}, nil)
		synctest.Wait()
		if got := r.take(); !slices.Equal(got, []string{"b firing, a resolved"}) {
			t.Errorf("the next process told of %q", got)
		}
		mustClose(t, d)
	})
}

// Whatever happens, whoever is away and whenever the process starts again: in the end each receiver
// knows exactly what fires, and was told of no end without its beginning, and of none twice.
func TestEveryReceiverKnowsThePresent(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) { anyRound(t, uint64(seed)) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func anyRound(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	receivers := []*absentee{{}, {}, {}}
	config := Config{QueueSize: 1 + r.IntN(4), MaxAttempts: 1 + r.IntN(3), Timeout: 10 * time.Second}
	open := func(ledgers map[string]Ledger) *Dispatcher {
		return New(Options{Config: config, Ledgers: ledgers, Notifiers: []alert.Notifier{receivers[0], receivers[1], receivers[2]}})
	}
	d := open(nil)
	period := func(alerts []alert.Alert) {
		d.Send(&engine.Period{}, alerts)
		time.Sleep(time.Duration(1+r.IntN(60)) * time.Second)
	}
	now := make(map[string]bool) // what fires
	incidents := 0
	for range 100 {
		var alerts []alert.Alert
		for _, id := range slices.Sorted(maps.Keys(now)) {
			switch r.IntN(8) {
			case 0:
				alerts = append(alerts, incident(id, alert.Resolved, time.Now()))
				delete(now, id)
			case 1:
				a := incident(id, alert.Firing, time.Now())
				a.Repeat = true
				alerts = append(alerts, a)
			}
		}
		for range r.IntN(3) {
			incidents++
			id := fmt.Sprint(incidents)
			if again := fmt.Sprint(1 + r.IntN(incidents)); r.IntN(4) == 0 && !now[again] && !slices.ContainsFunc(alerts, func(a alert.Alert) bool { return a.ID == again }) {
				id = again // one that flaps is one incident
			}
			alerts = append(alerts, incident(id, alert.Firing, time.Now()))
			now[id] = true
		}
		for _, receiver := range receivers {
			if r.IntN(10) == 0 {
				receiver.set([]string{"", "", "", "down", "refusing", "hanging"}[r.IntN(6)])
			}
		}
		period(alerts)
		if r.IntN(50) == 0 { // the process dies, and starts again
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			_ = d.Close(ended)
			synctest.Wait()
			d = open(d.Ledgers())
		}
	}
	for _, receiver := range receivers {
		receiver.set("")
	}
	for range 60 {
		period(nil)
	}
	mustClose(t, d)
	for i, receiver := range receivers {
		if len(receiver.wrongs) > 0 {
			t.Errorf("receiver %d: %q", i, receiver.wrongs)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(now)), slices.Sorted(maps.Keys(receiver.fires))); diff != "" {
			t.Errorf("receiver %d knows of (-want +got):\n%s", i, diff)
		}
	}
}

func TestLedgerIsBounded(t *testing.T) {
	l := newLedger(Ledger{}, time.Minute)
	for i := range 2 * maxHeard {
		l.hear(fmt.Sprint(i))
	}
	if n := len(l.data().Heard); n != maxHeard || !l.heard[fmt.Sprint(2*maxHeard-1)] {
		t.Errorf("%d alerts are known to be heard, want %d with the last one", n, maxHeard)
	}
}
