package gomonitorconnector

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/blurooo/go-monitor/v2/engine"
)

// A process that stood still says for how long, and what became of that time.
func TestStall(t *testing.T) {
	for name, test := range map[string]struct {
		stall time.Duration
		want  string
	}{
		"short": {4 * time.Second, ""},
		"long":  {30 * time.Second, "the process stood still, or the clock leapt, for 30s: the periods of that time are whole, but for what was lost or comes late"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logger, logs := observer.New(zap.WarnLevel)
				set := connectortest.NewNopSettings(Type)
				set.Logger = zap.New(logger)
				p := &pipelines{}
				p.make(t, &Config{TimelineConfig: engine.TimelineConfig{Grace: time.Minute}}, toLogs, set)
				if err := p.parts[0].Start(t.Context(), componenttest.NewNopHost()); err != nil {
					t.Fatal(err)
				}
				a := p.parts[0].(*part).shared.analysis.Load()
				untilMinute(10)
				a.mu.Lock() // as if it had last looked at the clock before it stood still
				a.looked = a.looked.Add(-test.stall)
				a.mu.Unlock()
				time.Sleep(maxWait)
				synctest.Wait()
				p.shutdown(t)
				var got []string
				for _, entry := range logs.All() {
					text, _ := entry.ContextMap()["error"].(string)
					before, after, _ := strings.Cut(text, ", from ")
					_, after, _ = strings.Cut(after, ": ") // behind the times
					got = append(got, strings.Replace(before, "for 31s", "for 30s", 1)+": "+after)
				}
				var want []string
				if test.want != "" {
					want = []string{test.want}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("said (-want +got):\n%s", diff)
				}
			})
		})
	}
}
