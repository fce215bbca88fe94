package replay

import (
	"context"
	"iter"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Files replays recordings by a configuration and returns what that has shown. The player's
// Grace and Reader follow from the configuration.
func Files(ctx context.Context, c *gomonitorconnector.Config, player recording.Player) (*Result, recording.Stats, error) {
	return play(ctx, c, player, func(*engine.Period, []alert.Alert) {})
}

// Spans replays spans in the order of their ends and returns what that has shown.
func Spans(c *gomonitorconnector.Config, spans iter.Seq[*engine.Span]) (*Result, error) {
	result, replay, err := newReplay(c, func(*engine.Period, []alert.Alert) {})
	if err != nil {
		return nil, err
	}
	for s := range spans {
		replay.Add(s)
	}
	replay.Close()
	result.end()
	return result, nil
}

// newReplay returns a replay and the result that it fills. closed is told each period, too.
func newReplay(c *gomonitorconnector.Config, closed func(*engine.Period, []alert.Alert)) (*Result, *Replay, error) {
	result := newResult()
	replay, err := New(c.Timeline(), func(p *engine.Period, alerts []alert.Alert) {
		result.add(p, alerts)
		closed(p, alerts)
	})
	return result, replay, err
}

// play is Files that tells closed each period and its alerts.
func play(ctx context.Context, c *gomonitorconnector.Config, player recording.Player, closed func(*engine.Period, []alert.Alert)) (*Result, recording.Stats, error) {
	reader, err := gomonitorconnector.NewSpanReader(c)
	if err != nil {
		return nil, recording.Stats{}, err
	}
	result, replay, err := newReplay(c, closed)
	if err != nil {
		return nil, recording.Stats{}, err
	}
	player.Grace, player.Reader = replay.grace, reader
	stats, err := player.Play(ctx, replay.Add)
	if err != nil {
		return nil, stats, err
	}
	replay.Close()
	result.end()
	return result, stats, nil
}
