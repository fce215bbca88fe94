package alert

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// consoleFull is the number of alerts up to which all are written in full, and of the roots
// that are written in full among more.
const consoleFull = 3

// Console returns a notifier that writes alerts in the order of [Sort], each as its [Text]
// after an empty line, in one call of Write for each. Of more than three alerts it writes the
// [Overview], the text of the first three roots, and one line for every other, so that many
// alerts are still a screen.
func Console(w io.Writer) Notifier {
	return NotifierFunc(func(_ context.Context, alerts []Alert) error {
		for _, text := range consoleTexts(alerts) {
			if _, err := w.Write([]byte("\n" + text)); err != nil {
				return fmt.Errorf("write alert: %w", err)
			}
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
