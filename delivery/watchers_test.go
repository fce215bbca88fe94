package delivery

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func judgementOf(n uint64) alert.Judgement {
	return alert.Judgement{Period: &engine.Period{Received: n}}
}

// Who watches gets the last judgement at once, then each new one, and is neither waited for nor
// kept once its context has ended.
func TestWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Watchers
		w.Send(judgementOf(1)) // nobody watches
		ctx, cancel := context.WithCancel(t.Context())
		early, slow := w.Watch(t.Context()), w.Watch(ctx)
		for n := range uint64(pendingJudgements + 5) {
			w.Send(judgementOf(2 + n))
			if n == 0 {
				for want := range uint64(2) {
					if got := <-early; got.Period.Received != 1+want {
						t.Errorf("got judgement %d, want %d", got.Period.Received, 1+want)
					}
				}
			}
		}
		cancel()
		synctest.Wait()
		n := 0
		for range slow { // it is closed
			n++
		}
		if n != pendingJudgements {
			t.Errorf("the slow one got %d, want as many as can wait", n)
		}
		w.Close()
		w.Close()
		for range early {
		}
		late := w.Watch(t.Context())
		if got := <-late; got.Period.Received != pendingJudgements+6 {
			t.Errorf("after the end one gets %d, want the last", got.Period.Received)
		}
		if _, ok := <-late; ok {
			t.Error("after the end there is more to come")
		}
	})
}
