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

// consoleFull is the number of alerts up to which all are written in full, and of the roots
// that are written in full among more.
const consoleFull = 5

// Console returns a notifier that writes alerts in the order of [Sort], each as its [Text]
// after an empty line, in one call of Write for each. Of more than five alerts it writes the
// [Overview], the text of the first five roots, and one line for every other, so that many
// alerts are still a screen. If w is [os.Stdout] or [os.Stderr], and that is a pipe whose reader
// has gone, the program goes on without the alerts.
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
	for i := range alerts[:full] {
		texts = append(texts, Text(&alerts[i]))
	}
	var lines strings.Builder
	for i := range alerts[full:] {
		lines.WriteString(Line(&alerts[full+i]) + "\n")
	}
	if lines.Len() > 0 {
		texts = append(texts, lines.String())
	}
	return texts
}
