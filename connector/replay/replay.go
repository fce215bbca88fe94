package replay

import (
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Replay runs the analysis of the service on recorded spans, by the spans' own times. The same
// spans in the same order give the same periods and alerts. It is not safe for concurrent use.
type Replay struct {
	config   engine.TimelineConfig
	timeline *engine.Timeline // nil before the first span
	judge    *alert.Judge
	closed   func(*engine.Period, []alert.Alert)
	grace    time.Duration
}

// New returns a replay that calls closed for each period, with the alerts that it raised.
// All times are UTC. It returns the errors of [engine.TimelineConfig.Validate].
func New(c engine.TimelineConfig, closed func(*engine.Period, []alert.Alert)) (*Replay, error) {
	c.Recorded = true
	timeline, err := engine.NewTimeline(c, time.Unix(0, 0))
	if err != nil {
		return nil, err
	}
	return &Replay{config: c, judge: alert.NewJudge(), closed: closed, grace: timeline.Config().Grace}, nil
}

// Add counts a span. Spans come in the order of their ends.
func (r *Replay) Add(s *engine.Span) {
	now := time.Unix(0, s.End).UTC()
	if r.timeline == nil {
		timeline, err := engine.NewTimeline(r.config, now)
		if err != nil {
			panic(err) // New would have returned it
		}
		timeline.Repeatable()
		r.timeline = timeline
	}
	r.timeline.Advance(now, r.judge.Needs, r.end)
	r.timeline.Add(s)
}

// Close closes the periods that are still open.
func (r *Replay) Close() {
	if r.timeline != nil {
		r.timeline.Close(r.judge.Needs, r.end)
	}
}

// end judges a closed period.
func (r *Replay) end(p *engine.Period) {
	p.Start, p.End = p.Start.UTC(), p.End.UTC()
	for i := range p.Summaries {
		s := &p.Summaries[i]
		s.Start, s.End = s.Start.UTC(), s.End.UTC()
		for _, calls := range [][]engine.Exemplar{s.FailureExemplars, s.SlowExemplars} {
			for j := range calls {
				calls[j].End = calls[j].End.UTC()
			}
		}
	}
	r.closed(p, r.judge.Judge(p))
}
