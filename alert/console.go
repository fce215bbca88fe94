package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/blurooo/go-monitor/v2/internal/pipe"
)

// Console returns a notifier that writes the [Text] of each alert, after an empty line, in one
// call of Write for each alert. If w is [os.Stdout] or [os.Stderr], and that is a pipe whose reader
// has gone, the program goes on without the alerts.
func Console(w io.Writer) Notifier {
	if f, ok := w.(*os.File); ok && f != nil {
		w = pipe.Writer(f)
	}
	return NotifierFunc(func(_ context.Context, alerts []Alert) error {
		for i := range alerts {
			_, err := w.Write([]byte("\n" + Text(&alerts[i])))
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
