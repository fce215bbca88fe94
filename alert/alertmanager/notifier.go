package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// errClosed is what Notify returns once the notifier is closed.
var errClosed = errors.New("alertmanager: notifier is closed")

// Notifier sends alerts to all Alertmanagers of a cluster, and again as long as they fire.
// It is an [alert.Notifier]. Its methods are safe for concurrent use; it must not be copied,
// and must be closed, since it owns a goroutine.
type Notifier struct {
	config    *Config // without what addresses know
	transport *http.Transport
	notes     chan *notification
	closing   chan struct{} // closed when Close is called
	close     func()        // closes it, once
	done      chan struct{} // closed when the goroutine has ended
	isCut     bool          // Close gave something up; to be read when done is closed
	cancel    context.CancelFunc
	name      string // what it is printed as

	mu    sync.Mutex
	stats Stats
}

// New returns a notifier. It returns an error if c is not valid or its files can't be
// read; it does not look whether there are Alertmanagers.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("alertmanager: %w", err)
	}
	tlsConfig, err := c.TLS.Client()
	if err != nil {
		return nil, fmt.Errorf("alertmanager: %w", err)
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     2 * maxResendEvery,
		MaxIdleConnsPerHost: 1,
	}
	n, err := newNotifier(c, transport)
	if err != nil {
		return nil, fmt.Errorf("alertmanager: %w", err)
	}
	return n, nil
}

// newNotifier returns a notifier that makes its requests by rt. c is valid.
func newNotifier(c Config, rt http.RoundTripper) (*Notifier, error) {
	c = c.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	n := &Notifier{
		config:  &Config{Labels: c.Labels, Severity: c.Severity, GeneratorURL: c.GeneratorURL},
		notes:   make(chan *notification),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		cancel:  cancel,
	}
	n.transport, _ = rt.(*http.Transport)
	n.close = sync.OnceFunc(func() { close(n.closing) })
	s := &sender{
		held:        newHeld(c.MaxAlerts),
		resendEvery: c.ResendDelay,
		ctx:         ctx,
		landed:      make(chan landing),
	}
	for _, raw := range c.URLs {
		a, err := newAddress(raw, &c, rt)
		if err != nil {
			cancel()
			return nil, err
		}
		s.lines = append(s.lines, &line{address: a, stats: AddressStats{URL: shownURL(raw)}})
	}
	n.publish(s)
	n.name = fmt.Sprintf("alertmanager.Notifier%v", c.shown().URLs)
	go n.run(s)
	return n, nil
}

// Notify sends alerts to all addresses and returns as soon as one took them. The others,
// and those that come back, are told when they are sent again. It returns an error if none
// took them, marked by [alert.Final] if all refused them for good, or by [alert.RetryAfter]
// if all that did not asked to wait; even so they are kept, and sent again as long as they fire.
// The requests carry nothing of ctx: no span above all.
func (n *Notifier) Notify(ctx context.Context, alerts []alert.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	now := time.Now()
	it := &notification{reply: make(chan error, 1), outcomes: make(map[*line]outcome)}
	for i := range alerts {
		e, err := newEntry(&alerts[i], n.config, now)
		if err != nil {
			return alert.Final(fmt.Errorf("alertmanager: %w", err))
		}
		it.entries = append(it.entries, e)
	}
	select {
	case n.notes <- it:
	case <-n.closing:
		return alert.Final(errClosed)
	case <-ctx.Done():
		return fmt.Errorf("alertmanager: %w", ctx.Err())
	}
	select {
	case err := <-it.reply:
		return err
	case <-ctx.Done():
		it.isLeft.Store(true)
		return fmt.Errorf("alertmanager: %w", ctx.Err())
	}
}

// Close takes no more alerts, waits until those it has were sent once to all addresses, and
// ends the goroutine. If ctx ends first, it gives up the requests under way, if there are any,
// and returns ctx's error. What fires is not resolved: Alertmanager does that by itself, after
// three times [Config.ResendDelay], unless another process says that it fires still. It
// may be called any number of times.
func (n *Notifier) Close(ctx context.Context) error {
	n.close()
	select {
	case <-n.done:
		return nil
	default:
	}
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
	}
	n.cancel()
	<-n.done
	if !n.isCut {
		return nil
	}
	return fmt.Errorf("alertmanager: close: %w", ctx.Err())
}

// Shutdown is Close under the name that OpenTelemetry's parts give it.
func (n *Notifier) Shutdown(ctx context.Context) error { return n.Close(ctx) }

// Format writes, whatever the verb, where alerts go.
func (n *Notifier) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.name) }

// Stats says what a notifier has done so far.
type Stats struct {
	// Held is the number of alerts that are sent again: those that fire, and those that
	// were resolved in the last 5 minutes.
	Held int `json:"held"`
	// GivenUp is the number of alerts that are not sent again because there were more
	// than [Config.MaxAlerts].
	GivenUp uint64 `json:"given_up"`
	// Addresses are those of [Config.URLs], in the same order.
	Addresses []AddressStats `json:"addresses"`
}

// AddressStats says how one address is doing.
type AddressStats struct {
	// URL is the address without user information.
	URL string `json:"url"`
	// Sent is the number of times that alerts were sent to it and taken.
	Sent uint64 `json:"sent"`
	// Failed is the number of times that they were not.
	Failed uint64 `json:"failed"`
	// LastError is the error of the last time, empty if that was no failure.
	LastError string `json:"last_error,omitempty"`
}

// Stats returns what the notifier has done so far. An address that fails while another one
// works is no error of Notify: it is seen here.
func (n *Notifier) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	stats := n.stats
	stats.Addresses = slices.Clone(stats.Addresses)
	return stats
}

// publish makes what Stats returns.
func (n *Notifier) publish(s *sender) {
	stats := Stats{Held: s.held.len(), GivenUp: s.held.givenUp}
	for _, l := range s.lines {
		stats.Addresses = append(stats.Addresses, l.stats)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats = stats
}

// run is the notifier's goroutine. It owns s.
func (n *Notifier) run(s *sender) {
	defer close(n.done)
	defer func() { n.isCut = s.isCut }()
	defer n.cancel()
	if n.transport != nil {
		defer n.transport.CloseIdleConnections()
	}
	var ticker *time.Ticker // only while there is something to send again
	var tick <-chan time.Time
	notes, closing := n.notes, n.closing
	for notes != nil || s.isBusy() {
		select {
		case it := <-notes:
			s.take(it, time.Now())
		case l := <-s.landed:
			s.settle(l, time.Now())
		case <-tick:
			s.resend(time.Now())
		case <-closing:
			notes, closing = nil, nil
		}
		switch isNeeded := notes != nil && s.held.len() > 0; {
		case isNeeded && ticker == nil:
			ticker = time.NewTicker(s.resendEvery)
			tick = ticker.C
		case !isNeeded && ticker != nil:
			ticker.Stop()
			ticker, tick = nil, nil
		}
		n.publish(s)
	}
}
