package replay

import (
	"context"
	"iter"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Files replays recordings by a configuration and returns what that has shown. What is not set of the
// player follows from the configuration.
func Files(ctx context.Context, c *gomonitorconnector.Config, player recording.Player) (*Result, recording.Stats, error) {
	return play(ctx, c, player, func(*engine.Period, []alert.Alert) {})
}

// Spans replays spans that are in the order of their ends, and returns what that has shown.
func Spans(c *gomonitorconnector.Config, spans iter.Seq[*engine.Span]) (*Result, error) {
	story, replay, err := newTold(c, func(*engine.Period, []alert.Alert) {})
	if err != nil {
		return nil, err
	}
	for s := range spans {
		replay.Add(s)
	}
	replay.Close()
	story.end()
	return story, nil
}

// newTold returns a replay and the story that it will have told when it was closed.
func newTold(c *gomonitorconnector.Config, closed func(*engine.Period, []alert.Alert)) (*Result, *Replay, error) {
	story := newStory()
	replay, err := New(c.Timeline(), func(p *engine.Period, alerts []alert.Alert) {
		story.add(p, alerts)
		closed(p, alerts)
	})
	return story, replay, err
}

// play is Files with an observer of the periods and their alerts.
func play(ctx context.Context, c *gomonitorconnector.Config, player recording.Player, closed func(*engine.Period, []alert.Alert)) (*Result, recording.Stats, error) {
	reader, err := gomonitorconnector.NewSpanReader(c)
	if err != nil {
		return nil, recording.Stats{}, err
	}
	story, replay, err := newTold(c, closed)
	if err != nil {
		return nil, recording.Stats{}, err
	}
	player.Grace, player.Read = replay.grace, reader.Read
	stats, err := player.Play(ctx, replay.Add)
	if err != nil {
		return nil, stats, err
	}
	replay.Close()
	story.end()
	return story, stats, nil
}
