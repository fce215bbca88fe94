package replay

import (
	"encoding/json"

	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// jsonReport is a report for machines: one JSON object a line.
type jsonReport struct {
	out       stickyWriter
	summaries bool // write them, too
}

func (r *jsonReport) failed() error { return r.out.err }

// line writes one object: {"type": kind, kind: value}.
func (r *jsonReport) line(kind string, value any) {
	e := json.NewEncoder(&r.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{"type": kind, kind: value}); err != nil && r.out.err == nil {
		r.out.err = err
	}
}

func (r *jsonReport) period(p *engine.Period, alerts []alert.Alert) {
	if r.summaries {
		for i := range p.Summaries {
			r.line("summary", &p.Summaries[i])
		}
	}
	for i := range alerts {
		r.line("alert", &alerts[i])
	}
}

func (r *jsonReport) verdict(s *Result, stats recording.Stats) {
	firstBad := ""
	if stats.FirstBad != nil {
		firstBad = stats.FirstBad.Error()
	}
	r.line("verdict", struct {
		*Result
		Files    int    `json:"files"`
		Lines    uint64 `json:"lines"`
		Spans    uint64 `json:"spans"`
		Late     uint64 `json:"late"`
		Unended  uint64 `json:"unended"`
		Bad      uint64 `json:"bad_lines"`
		FirstBad string `json:"first_bad,omitempty"`
	}{s, stats.Files, stats.Lines, stats.Spans, stats.Late, stats.Unended, stats.Bad, firstBad})
}
