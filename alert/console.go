package alert

import (
	"context"
	"fmt"
	"io"
)

// Console returns a notifier that writes each alert as a readable block of lines
// with an empty line before it, in one call of Write for each alert.
func Console(w io.Writer) Notifier {
	return NotifierFunc(func(_ context.Context, alerts []Alert) error {
		for i := range alerts {
			if _, err := w.Write([]byte("\n" + Text(&alerts[i]))); err != nil {
				return fmt.Errorf("write alert: %w", err)
			}
		}
		return nil
	})
}
