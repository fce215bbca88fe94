package alert

import (
	"context"
	"fmt"
	"io"
)

// Console returns a notifier that writes the [Text] of each alert, after an empty line, in one
// call of Write for each alert.
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
