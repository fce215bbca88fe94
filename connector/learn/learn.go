package learn

import (
	"context"
	"errors"
	"fmt"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// learnedOperations is the largest number of operations in a recording.
const learnedOperations = 100_000

// Validate returns all errors of the settings, joined. Each names the flag and quotes the value.
func (s Settings) Validate() error {
	var errs []error
	if s.Within < 20*time.Second || s.Within > 20*time.Hour {
		errs = append(errs, fmt.Errorf("within: must be between 20s and 20h, got %s", s.Within))
	}
	if !(s.Share >= 0.5 && s.Share <= 0.999) {
		errs = append(errs, fmt.Errorf("share: must be between 0.5 and 0.999, got %v", s.Share))
	}
	if !(s.Margin >= 1 && s.Margin <= 100) {
		errs = append(errs, fmt.Errorf("margin: must be between 1 and 100, got %v", s.Margin))
	}
	if !(s.Sure >= 0.5 && s.Sure < 1) {
		errs = append(errs, fmt.Errorf("sure: must be at least 0.5 and below 1, got %v", s.Sure))
	}
	return errors.Join(errs...)
}

// learn plays recordings of healthy traffic and proposes a configuration. c says how spans are
// read: which kinds are watched, which codes are failures.
func (s Settings) learn(ctx context.Context, c *gomonitorconnector.Config, player recording.Player) (*proposal, recording.Stats, error) {
	reader, err := gomonitorconnector.NewSpanReader(c)
	if err != nil {
		return nil, recording.Stats{}, err
	}
	l, err := s.newLearner(c, player.Grace)
	if err != nil {
		return nil, recording.Stats{}, err
	}
	player.Reader = reader
	stats, err := player.Play(ctx, l.add)
	if err != nil {
		return nil, stats, err
	}
	if l.timeline == nil {
		return nil, stats, fmt.Errorf("no spans in %d lines", stats.Lines)
	}
	p := l.propose()
	if p == nil {
		return nil, stats, fmt.Errorf("none of %d spans has a kind that is watched: add theirs to kinds in a --config", stats.Spans)
	}
	return p, stats, nil
}

// learner learns from spans in the order of their ends.
type learner struct {
	settings Settings
	counting engine.TimelineConfig
	traffic  *traffic
	timeline *engine.Timeline // nil before the first span
}

// newLearner returns a learner for spans that were read by a configuration. It returns the
// errors of that and of the grace.
func (s Settings) newLearner(c *gomonitorconnector.Config, grace time.Duration) (*learner, error) {
	counting, timing := c.Timeline(), s.timing()
	counting.Period, counting.PeerServices = timing.Period, timing.PeerServices
	counting.Histograms, counting.MaxOperations, counting.IdlePeriods = true, learnedOperations, 1_000_000
	counting.Grace = grace
	return &learner{settings: s, counting: counting, traffic: newTraffic(s.Within)}, counting.Validate()
}

// add takes a span.
func (l *learner) add(span *engine.Span) {
	now := time.Unix(0, span.End).UTC()
	if l.timeline == nil {
		timeline, err := engine.NewTimeline(l.counting, now)
		if err != nil {
			panic(err) // newLearner would have returned it
		}
		timeline.Repeatable()
		l.timeline = timeline
	}
	l.timeline.Advance(now, nil, l.closed)
	l.timeline.Add(span)
}

func (l *learner) closed(p *engine.Period) { l.traffic.add(p, l.settings.settleStretch) }

// propose returns the proposal, nil if there were no calls.
func (l *learner) propose() *proposal {
	l.timeline.Close(nil, l.closed)
	if len(l.traffic.operations) == 0 {
		return nil
	}
	return l.settings.propose(l.traffic)
}

// nameOf writes an operation for a comment.
func nameOf(k engine.OperationKey) string {
	return fmt.Sprintf("%s %s of %s", k.SpanKind, alert.Printable(k.Name), alert.Printable(k.Service))
}
