package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/web"
)

// destinations are where summaries and alerts go, besides the terminal: the value of the flag
// -to, which may be repeated.
type destinations struct {
	notifiers []alert.Notifier
	sinks     []engine.Sink
	closers   []func(context.Context) error
	history   web.Store // for the page; nil: none
}

const destinationsHelp = "also send alerts, and to a store summaries, to this `kind=address`; may be repeated:\n" +
	"webhook=URL, slack=URL, feishu=URL, dingtalk=URL, wecom=URL, alertmanager=URL,\n" +
	"mail=smtp://[user:password@]host[:port]/recipient (smtps:// for TLS), store=FILE or postgres://..."

// String is empty: there is no default.
func (d *destinations) String() string { return "" }

// Set adds a destination.
func (d *destinations) Set(value string) error {
	kind, address, ok := strings.Cut(value, "=")
	if !ok {
		return errors.New("want kind=address")
	}
	switch kind {
	case "webhook", "slack", "feishu", "dingtalk", "wecom":
		return d.addWebhook(kind, address)
	case "alertmanager":
		return d.addAlertmanager(address)
	case "mail":
		return d.addMail(address)
	case "store":
		return d.addStore(address)
	}
	return fmt.Errorf("unknown kind %q", kind)
}

func (d *destinations) addWebhook(kind, address string) error {
	c := webhook.Config{URL: address}
	if kind != "webhook" {
		if err := c.Format.UnmarshalText([]byte(kind)); err != nil {
			return err
		}
	}
	n, err := webhook.New(c)
	if err != nil {
		return err
	}
	d.notifiers, d.closers = append(d.notifiers, n), append(d.closers, func(context.Context) error { return n.Close() })
	return nil
}

func (d *destinations) addAlertmanager(address string) error {
	n, err := alertmanager.New(alertmanager.Config{URLs: []string{address}})
	if err != nil {
		return err
	}
	d.notifiers, d.closers = append(d.notifiers, n), append(d.closers, n.Close)
	return nil
}

func (d *destinations) addMail(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || strings.Trim(u.Path, "/") == "" {
		return errors.New("mail: want smtp://host:port/recipient")
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	password, _ := u.User.Password()
	c := mail.Config{
		Host: u.Hostname(), From: "shop@" + host, To: []string{strings.Trim(u.Path, "/")},
		Username: u.User.Username(), Password: alert.Secret(password),
	}
	if u.Port() != "" {
		if c.Port, err = strconv.Atoi(u.Port()); err != nil {
			return fmt.Errorf("mail: port: %w", err)
		}
	}
	switch {
	case u.Scheme == "smtps":
		c.Encryption = mail.ImplicitTLS
	case isLoopback(u.Hostname()):
		c.Encryption = mail.NoEncryption
	}
	n, err := mail.New(c)
	if err != nil {
		return err
	}
	d.notifiers, d.closers = append(d.notifiers, n), append(d.closers, n.Close)
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && net.IP(ip.AsSlice()).IsLoopback()
}

func (d *destinations) addStore(address string) error {
	s, err := store.Open(context.Background(), store.Config{DSN: address})
	if err != nil {
		return err
	}
	d.notifiers, d.sinks, d.closers = append(d.notifiers, s), append(d.sinks, s), append(d.closers, s.Close)
	d.history = s
	return nil
}

// close closes all destinations, the last one first. The monitor must be shut down before.
func (d *destinations) close(ctx context.Context) error {
	var errs []error
	for _, end := range slices.Backward(d.closers) {
		errs = append(errs, end(ctx))
	}
	return errors.Join(errs...)
}
