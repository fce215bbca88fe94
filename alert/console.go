package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/blurooo/go-monitor/v2/internal/pipe"
)

const (
	// consoleFull is the number of alerts up to which all are written in full, and of the roots
	// that are written in full among more.
	consoleFull = 5
	// consoleNamed is the number of alerts up to which each has a line at least.
	consoleNamed = 50
	// screen is the number of lines that more alerts than that fill at most, and screenFull the
	// number of those that the roots fill.
	screen, screenFull = 50, 24
)

// Console returns a notifier that writes alerts in the order of [Sort], each as its [Text]
// after an empty line, in one call of Write for each. Of more than five alerts it writes the
// [Overview], the text of the first five roots, and one line for every other. Of more than 50
// alerts it writes a screen of 50 lines, where those whose names are alike but for their numbers
// share a line. If w is [os.Stdout] or [os.Stderr], and that is a pipe whose
// reader has gone, the program goes on without the alerts.
func Console(w io.Writer) Notifier {
	if f, ok := w.(*os.File); ok && f != nil {
		w = pipe.Writer(f)
	}
	return NotifierFunc(func(_ context.Context, alerts []Alert) error {
		for _, text := range consoleTexts(alerts) {
			_, err := w.Write([]byte("\n" + text))
			if err == nil {
				continue
			}
			err = fmt.Errorf("write alert: %w", err)
			if errors.Is(err, pipe.ErrClosed) {
				return Final(err)
			}
			return err
		}
		return nil
	})
}

func consoleTexts(alerts []Alert) []string {
	alerts = slices.Clone(alerts)
	Sort(alerts)
	var texts []string
	full := len(alerts)
	if full > consoleFull {
		full = min(Roots(alerts), consoleFull)
		texts = append(texts, Overview(alerts)+"\n")
	}
	isScreen := len(alerts) > consoleNamed
	used := 2 * len(texts) // lines, each text after an empty one
	for i := range alerts[:full] {
		text := Text(&alerts[i])
		lines := 1 + strings.Count(text, "\n")
		if isScreen && i > 0 && used+lines > screenFull {
			full = i
			break
		}
		texts, used = append(texts, text), used+lines
	}
	rest := alerts[full:]
	var lines strings.Builder
	if isScreen {
		fold(&lines, alerts, full, screen-used-1)
	} else {
		for i := range rest {
			lines.WriteString(LineBelow(&rest[i], alerts[:full]) + "\n")
		}
	}
	if lines.Len() > 0 {
		texts = append(texts, lines.String())
	}
	return texts
}
