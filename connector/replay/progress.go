package replay

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/blurooo/go-monitor/connector/recording"
)

// progress shows on a terminal how far a long replay is.
type progress struct {
	to    io.Writer // nil: it is no terminal
	began time.Time
	last  time.Time
	shown int // the length of the line that is shown
}

const (
	longTime      = 2 * time.Second
	progressEvery = 500 * time.Millisecond
)

// newProgress returns the progress for a writer. It shows nothing unless that is a terminal.
func newProgress(to io.Writer) *progress {
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{to: to}
	}
	return &progress{}
}

// show replaces the line, if it is time to.
func (p *progress) show(s recording.Stats, now time.Time) {
	if p.began.IsZero() {
		p.began = now
	}
	if p.to == nil || now.Sub(p.began) < longTime || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	line := fmt.Sprintf("%.1f MB", float64(s.Bytes)/1e6)
	if s.Size > 0 {
		line = fmt.Sprintf("%.0f %% of %.1f MB", 100*float64(s.Bytes)/float64(s.Size), float64(s.Size)/1e6)
	}
	p.write(fmt.Sprintf("%s, %s", line, many(s.Spans, "span")))
}

// clear removes the line.
func (p *progress) clear() {
	if p.shown > 0 {
		p.write("")
		_, _ = io.WriteString(p.to, "\r") // nobody is left to tell
	}
}

func (p *progress) write(line string) {
	pad := strings.Repeat(" ", max(0, p.shown-len(line)))
	_, _ = io.WriteString(p.to, "\r"+line+pad) // nobody is left to tell
	p.shown = len(line)
}
