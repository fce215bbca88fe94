package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/blurooo/go-monitor/store"
)

// options are the flags of the command.
type options struct {
	dsn, from, to, out string
	html               bool
}

// Command returns the command "report".
func Command() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "report [flags]",
		Short: "Write what was achieved in a time: SLOs, error budgets and incidents",
		Long: "Write what was achieved in a time: per service and operation the SLO, what was achieved, the error budget that is left, and the incidents with their length and cause.\n\n" +
			"It reads the database of a store. Times are UTC: 2026-03-01 or 2026-03-01T12:00:00Z. Without --from and --to it is the month before this one.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			return o.run(ctx, c, time.Now().UTC())
		},
	}
	f := c.Flags()
	f.StringVar(&o.dsn, "db", "go-monitor.db", "the `database` of the store: a file of SQLite or a postgres:// URL")
	f.StringVar(&o.from, "from", "", "the `time` at which the report begins")
	f.StringVar(&o.to, "to", "", "the `time` at which it ends")
	f.StringVar(&o.out, "out", "", "write two files a month, 2026-03.html and 2026-03.md, to this `folder`, instead of Markdown to the standard output")
	f.BoolVar(&o.html, "html", false, "write HTML to the standard output")
	return c
}

// times returns the time of the report.
func (o *options) times(now time.Time) (from, to time.Time, err error) {
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	read := func(flag, text string, otherwise time.Time) time.Time {
		if text == "" {
			return otherwise
		}
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if t, parseErr := time.Parse(layout, text); parseErr == nil {
				return t.UTC()
			}
		}
		err = errors.Join(err, fmt.Errorf("--%s: want a time such as 2026-03-01 or 2026-03-01T12:00:00Z, got %q", flag, text))
		return otherwise
	}
	to = month
	if o.from != "" {
		to = now
	}
	to = read("to", o.to, to)
	from = read("from", o.from, time.Date(to.Year(), to.Month()-1, 1, 0, 0, 0, 0, time.UTC))
	if err == nil && !from.Before(to) {
		err = fmt.Errorf("--from: must be before --to, got %s and %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, err
}

func (o *options) run(ctx context.Context, c *cobra.Command, now time.Time) (err error) {
	from, to, err := o.times(now)
	if err != nil {
		return err
	}
	if file := o.dsn; !strings.Contains(file, "://") && !strings.HasPrefix(file, "file:") {
		if _, err := os.Stat(file); err != nil { // a store would make it
			return fmt.Errorf("--db: %w", err)
		}
	}
	// Nothing is deleted by a look at it.
	s, err := store.Open(ctx, store.Config{DSN: o.dsn, Retention: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	if o.out == "" {
		r, err := Read(ctx, s, from, to)
		if err != nil {
			return err
		}
		write := r.Markdown
		if o.html {
			write = r.HTML
		}
		text, err := write()
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	}
	for from.Before(to) {
		end := time.Date(from.Year(), from.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		if end.After(to) {
			end = to
		}
		r, err := Read(ctx, s, from, end)
		if err != nil {
			return err
		}
		for suffix, write := range map[string]func() ([]byte, error){".html": r.HTML, ".md": r.Markdown} {
			text, err := write()
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(o.out, from.Format("2006-01")+suffix), text, 0o644); err != nil {
				return err
			}
		}
		from = end
	}
	return nil
}
