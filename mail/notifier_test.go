package mail

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/blurooo/go-monitor/v2/alert"
)

// TestManyMonitors checks that several monitors can share a notifier: everything they say is
// told once, by mail or in the digest that Close sends.
func TestManyMonitors(t *testing.T) {
	const monitors, each, perHour = 8, 5, 11
	ts := startServer(t, serverOptions{})
	c := ts.config()
	c.MaxPerHour = perHour
	n := start(t, c)
	var all sync.WaitGroup
	for m := range monitors {
		all.Go(func() {
			for i := range each {
				name := fmt.Sprintf("op-%d-%d.", m, i)
				if err := n.Notify(notification(name), []alert.Alert{firing(name, name)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for _, m := range ts.got() {
		told.WriteString(mustParse(t, m.raw).html)
	}
	if len(ts.got()) != perHour {
		t.Errorf("%d mails", len(ts.got()))
	}
	for m := range monitors {
		for i := range each {
			if name := fmt.Sprintf("<strong>op-%d-%d. ", m, i); strings.Count(told.String(), name)+strings.Count(told.String(), fmt.Sprintf(">op-%d-%d.</strong>", m, i)) != 1 {
				t.Errorf("%s is not told once", name)
			}
		}
	}
}
