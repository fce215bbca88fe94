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

// Notifier sends alerts to all Alertmanagers of a cluster, and again as long as they fire. It
// is an [alert.Notifier]. Its methods are safe for concurrent use. It must not be copied. It
// owns a goroutine, which Close ends.
type Notifier struct {
	config    *Config // only what entries need
	transport *http.Transport
	notes     chan *notification
	closing   chan struct{} // closed when Close is called
	close     func()        // closes it, once
	done      chan struct{} // closed when the goroutine has ended
	isCut     bool          // a request was given up; to be read when done is closed
	cancel    context.CancelFunc
	name      string // its printed form

	mu    sync.Mutex
	stats Stats
}

// New returns a notifier. It returns an error if c is not valid or its files can't be read. It
// does not connect.
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
		IdleConnTimeout:     2 * maxResendDelay,
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
		resendDelay: c.ResendDelay,
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

// Notify sends alerts to all addresses and returns as soon as one took them. Addresses that
// fail get them when they are sent again. If no address took them it returns an error,
// marked by [alert.Final] if all refused them for good, or by [alert.RetryAfter] if all the
// others ask to wait. Even then the alerts are kept, and sent again as long as they fire.
// The requests carry nothing of ctx, so that they belong to no trace.
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

// ResendsFiring says that the notifier sends alerts again as long as they fire ([alert.Resender]).
func (n *Notifier) ResendsFiring() {}

// Close takes no more alerts, waits until those that it has were sent once to all addresses,
// and ends the goroutine. If ctx ends first, it cancels the requests under way and returns
// ctx's error. It does not resolve alerts that fire: Alertmanager does so by itself after
// three times [Config.ResendDelay], unless another process sends them. Those that a monitor without
// state interrupts last until another process would have fired again. It may be called any
// number of times.
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

// Shutdown is Close by the name that OpenTelemetry components use.
func (n *Notifier) Shutdown(ctx context.Context) error { return n.Close(ctx) }

// Format writes the addresses, without secrets, whatever the verb.
func (n *Notifier) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.name) }

// Stats says what a notifier has done so far.
type Stats struct {
	// Held is the number of alerts that are sent again: those that fire, and those that were
	// resolved in the last 5 minutes.
	Held int `json:"held"`
	// GivenUp is the number of alerts that are not sent again, because there were more than
	// [Config.MaxAlerts].
	GivenUp uint64 `json:"given_up"`
	// Addresses are those of [Config.URLs], in the same order.
	Addresses []AddressStats `json:"addresses"`
}

// AddressStats says how one address is doing.
type AddressStats struct {
	// URL is the address without user information.
	URL string `json:"url"`
	// Sent is the number of sendings that it took.
	Sent uint64 `json:"sent"`
	// Failed is the number of sendings that it did not take.
	Failed uint64 `json:"failed"`
	// LastError is the error of the last sending, empty if it took that.
	LastError string `json:"last_error,omitempty"`
}

// Stats returns what the notifier has done so far. An address that fails while another one
// works shows only here, since Notify then returns no error.
func (n *Notifier) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	stats := n.stats
	stats.Addresses = slices.Clone(stats.Addresses)
	return stats
}

// publish sets what Stats returns.
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
	var ticker *time.Ticker // nil while there is nothing to send again
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
			ticker = time.NewTicker(s.resendDelay)
			tick = ticker.C
		case !isNeeded && ticker != nil:
			ticker.Stop()
			ticker, tick = nil, nil
		}
		n.publish(s)
	}
}
