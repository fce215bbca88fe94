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

// learnedOperations bounds the operations from which is learned.
const learnedOperations = 100_000

// Validate returns one error for each setting that can't be, joined; each names the flag and
// quotes the value.
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

// learn plays recordings of healthy traffic and proposes a configuration. c says how spans are read:
// which kinds are watched, which codes are failures.
func (s Settings) learn(ctx context.Context, c *gomonitorconnector.Config, player recording.Player) (*proposal, recording.Stats, error) {
	reader, err := gomonitorconnector.NewSpanReader(c)
	if err != nil {
		return nil, recording.Stats{}, err
	}
	counting, timing := c.Timeline(), s.timing()
	counting.Period, counting.Callees = timing.Period, timing.Callees
	counting.Histograms, counting.MaxOperations, counting.IdlePeriods = true, learnedOperations, 1_000_000
	counting.Grace = player.Grace

	t := newTraffic(s.Within)
	var timeline *engine.Timeline
	closed := func(p *engine.Period) { t.add(p, s.settleStretch) }
	player.Read = reader.Read
	stats, err := player.Play(ctx, func(span *engine.Span) {
		now := time.Unix(0, span.End).UTC()
		if timeline == nil {
			if timeline, err = engine.NewTimeline(counting, now); err != nil {
				panic(err) // it was validated, and what was set since is valid
			}
			timeline.Repeatable()
		}
		timeline.Advance(now, closed)
		timeline.Add(span)
	})
	if err != nil {
		return nil, stats, err
	}
	if timeline == nil {
		return nil, stats, fmt.Errorf("no spans in %d lines", stats.Lines)
	}
	timeline.Close(closed)
	if len(t.operations) == 0 {
		return nil, stats, fmt.Errorf("no calls of the watched kinds in %d spans", stats.Spans)
	}
	return s.propose(t), stats, nil
}

// name writes an operation for a comment.
func nameOf(k engine.OperationKey) string {
	return fmt.Sprintf("%s %s of %s", k.Kind, alert.Printable(k.Name), alert.Printable(k.Service))
}
