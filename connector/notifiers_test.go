package gomonitorconnector

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
)

// everyReceiver names each kind of notifier, and two stores of which the second one is at dsn.
func everyReceiver(t *testing.T, dsn string) *Config {
	return &Config{
		Notifiers: []NotifierConfig{
			{Console: &ConsoleConfig{}},
			{Webhook: &webhook.Config{URL: "http://127.0.0.1:1"}},
			{Alertmanager: &alertmanager.Config{URLs: []string{"http://127.0.0.1:1"}}},
			{Mail: &mail.Config{Host: "127.0.0.1", Port: 1, Encryption: mail.NoEncryption, From: "a@example.org", To: []string{"b@example.org"}}},
		},
		Stores: []store.Config{{DSN: filepath.Join(t.TempDir(), "a.db")}, {DSN: dsn}},
	}
}

// Everything that was opened is closed: the stores take nothing any more, and no goroutine
// is left.
func TestReceiversAreClosed(t *testing.T) {
	c := everyReceiver(t, filepath.Join(t.TempDir(), "b.db"))
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	r, err := openReceivers(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.notifiers) != 6 || len(r.sinks) != 2 || len(r.closers) != 5 {
		t.Errorf("%d notifiers, %d sinks, %d to be closed", len(r.notifiers), len(r.sinks), len(r.closers))
	}
	if err := r.close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, sink := range r.sinks {
		if err := sink.Consume(t.Context(), *periodWith(1)); !errors.Is(err, store.ErrClosed) {
			t.Errorf("a store says %v, want %v", err, store.ErrClosed)
		}
	}
	if err := r.notifiers[3].Notify(t.Context(), []alert.Alert{{ID: "a", StartsAt: time.Unix(1, 0)}}); !alert.IsFinal(err) {
		t.Errorf("mail says %v, want that it is closed", err)
	}
}

// If one can't be had, those before it are closed: goleak sees what is not.
func TestReceiversOfAnError(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "b.db")
	r, err := openReceivers(t.Context(), everyReceiver(t, missing))
	if r != nil || err == nil || !strings.HasPrefix(err.Error(), "stores[1]: store: open ") {
		t.Errorf("got %v and %v", r, err)
	}
}
