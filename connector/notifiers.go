package gomonitorconnector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/confmap"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/web"
)

// NotifierConfig says where alerts go. Exactly one of its fields must be set.
type NotifierConfig struct {
	// Console writes a block for people to stderr.
	Console *ConsoleConfig `mapstructure:"console"`
	// Webhook posts to a URL: generic, Slack, DingTalk, Feishu, WeCom and others.
	Webhook *webhook.Config `mapstructure:"webhook"`
	// Alertmanager posts to Prometheus Alertmanagers.
	Alertmanager *alertmanager.Config `mapstructure:"alertmanager"`
	// Mail sends mails.
	Mail *mail.Config `mapstructure:"mail"`
}

// ConsoleConfig is the configuration of the console notifier, which has no settings.
type ConsoleConfig struct{}

// Unmarshal reads the configuration. A key without a value, as in "console:", stands for all
// defaults.
func (c *NotifierConfig) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	fillIn(conf, "console", &c.Console)
	fillIn(conf, "webhook", &c.Webhook)
	fillIn(conf, "alertmanager", &c.Alertmanager)
	fillIn(conf, "mail", &c.Mail)
	return nil
}

// fillIn sets a part of a configuration to its defaults if its key has no value.
func fillIn[T any](conf *confmap.Conf, key string, part **T) {
	if conf.IsSet(key) && *part == nil {
		*part = new(T)
	}
}

// Validate returns one error for each invalid field, joined; each names the key and quotes
// the value unless it is a secret.
func (c *NotifierConfig) Validate() error {
	if err := c.isOne(); err != nil {
		return err
	}
	switch {
	case c.Webhook != nil:
		return alert.ConfigError("webhook", c.Webhook.Validate())
	case c.Alertmanager != nil:
		return alert.ConfigError("alertmanager", c.Alertmanager.Validate())
	case c.Mail != nil:
		return alert.ConfigError("mail", c.Mail.Validate())
	}
	return nil // the console has no settings
}

// isOne returns an error, without a key, unless c names exactly one notifier.
func (c *NotifierConfig) isOne() error {
	var set []string
	for _, n := range []struct {
		key   string
		isSet bool
	}{
		{"console", c.Console != nil}, {"webhook", c.Webhook != nil}, {"alertmanager", c.Alertmanager != nil}, {"mail", c.Mail != nil},
	} {
		if n.isSet {
			set = append(set, n.key)
		}
	}
	if len(set) == 1 {
		return nil
	}
	return fmt.Errorf("must name exactly one of console, webhook, alertmanager and mail, got %s",
		cmp.Or(strings.Join(set, " and "), "none"))
}

// receivers are the notifiers and sinks apart from the pipelines.
type receivers struct {
	notifiers []alert.Notifier
	sinks     []engine.Sink
	stores    []*store.Store
	closers   []closer
	older     web.Store // the first store; nil: there is none
}

// closer closes what was opened for a key of the configuration.
type closer struct {
	key   string
	close func(context.Context) error
}

// openReceivers opens the notifiers and stores of a configuration, which must be valid. After an
// error none is left open.
func openReceivers(ctx context.Context, c *Config) (*receivers, error) {
	r := &receivers{}
	for i := range c.Notifiers {
		if key, err := r.addNotifier(&c.Notifiers[i]); err != nil {
			err = fmt.Errorf("notifiers[%d].%s: %w", i, key, err)
			return nil, errors.Join(err, r.close(ctx))
		}
	}
	for i := range c.Stores {
		s, err := store.Open(ctx, c.Stores[i])
		if err != nil {
			err = fmt.Errorf("stores[%d]: %w", i, err)
			return nil, errors.Join(err, r.close(ctx))
		}
		r.sinks, r.notifiers, r.stores = append(r.sinks, s), append(r.notifiers, s), append(r.stores, s)
		if r.older == nil {
			r.older = s
		}
		r.closers = append(r.closers, closer{fmt.Sprintf("stores[%d]", i), s.Close})
	}
	return r, nil
}

// addNotifier opens one notifier and returns its key.
func (r *receivers) addNotifier(c *NotifierConfig) (key string, err error) {
	switch {
	case c.Console != nil:
		r.notifiers = append(r.notifiers, alert.Console(os.Stderr))
		return "console", nil
	case c.Webhook != nil:
		n, err := webhook.New(*c.Webhook)
		if err == nil {
			r.notifiers = append(r.notifiers, n)
			r.closers = append(r.closers, closer{"webhook", func(context.Context) error { return n.Close() }})
		}
		return "webhook", err
	case c.Alertmanager != nil:
		n, err := alertmanager.New(*c.Alertmanager)
		if err == nil {
			r.notifiers = append(r.notifiers, n)
			r.closers = append(r.closers, closer{"alertmanager", n.Close})
		}
		return "alertmanager", err
	default:
		n, err := mail.New(*c.Mail)
		if err == nil {
			r.notifiers = append(r.notifiers, n)
			r.closers = append(r.closers, closer{"mail", n.Close})
		}
		return "mail", err
	}
}

// close closes all receivers at the same time, so that none has to wait for another one.
func (r *receivers) close(ctx context.Context) error {
	errs := make([]error, len(r.closers))
	var all sync.WaitGroup
	for i, c := range r.closers {
		all.Go(func() {
			if err := c.close(ctx); err != nil {
				errs[i] = fmt.Errorf("%s: close: %w", c.key, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
