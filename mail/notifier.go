package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/blurooo/go-monitor/v2/alert"
)

// errClosed is the error of Notify after Close.
var errClosed = errors.New("mail: the notifier is closed")

// maxTries is the most mails that are kept for another try: one for each monitor that uses the
// notifier.
const maxTries = 8

// Notifier sends alerts by mail. It is an [alert.Notifier]. Its methods are safe for
// concurrent use. It must not be copied. While a digest waits it holds a timer; Close sends
// the digest and stops the timer.
type Notifier struct {
	letterhead letterhead
	perHour    int
	address    string
	deliver    func(ctx context.Context, from string, m *message) error
	alarm      alarm
	life       context.Context // of the tries that the alarm starts
	end        context.CancelFunc
	closed     atomic.Bool
	waiting    atomic.Int64 // the number of alerts in digest and sealed

	// turn holds a token while a goroutine owns the fields below.
	turn    chan struct{}
	limits  limits
	digest  digest
	sealed  *message // a digest that only some recipients have got; nil: none
	threads threads
	tries   []*message // mails that will be tried again, oldest first
}

// New returns a notifier. It does not connect. It returns an error if c is not valid or its
// files can't be read.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	c = c.withDefaults()
	head, err := newLetterhead(&c)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	s, err := newServer(&c)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	n := &Notifier{
		letterhead: head,
		perHour:    c.MaxPerHour,
		address:    s.String(),
		deliver:    s.send,
		limits:     limits{most: c.MaxPerHour - 1},
		turn:       make(chan struct{}, 1),
	}
	n.life, n.end = context.WithCancel(context.Background())
	n.alarm.call = n.digestDue
	return n, nil
}

// String names the notifier and its server.
func (n *Notifier) String() string { return "mail via " + n.address }

// Notify makes one try to send a mail about alerts, or keeps them for a digest and returns
// nil. Called again with the same notification id, or with the same alerts if ctx has none,
// it sends the same mail to the recipients that have not got it.
//
// An error that trying again can't mend is marked by [alert.Final]: a refusal with a code of
// 5xx, a certificate that is not trusted, a server that does not offer what the config
// requires. If some recipients are refused, the others still get the mail.
func (n *Notifier) Notify(ctx context.Context, alerts []alert.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	alerts = slices.Clone(alerts)
	alert.Sort(alerts)
	if err := n.take(ctx); err != nil {
		return err
	}
	defer n.release()
	if n.closed.Load() {
		return alert.Final(errClosed)
	}
	key := alert.NotificationID(ctx)
	if key == "" {
		key = keyOf(alerts)
	}
	m := n.lastTry(key)
	if m == nil {
		now := time.Now()
		if !n.limits.take(alerts, now) {
			n.digest.add(alerts, now)
			n.plan()
			return nil
		}
		var err error
		if m, err = n.letterhead.alertsMessage(key, alerts, &n.threads, now); err != nil {
			return alert.Final(err)
		}
		m.counted = now
	}
	before := m.got
	err := n.deliver(ctx, n.letterhead.from.Address, m)
	if m.got > before {
		now := time.Now()
		n.limits.late(m.counted, now)
		m.counted = now
	}
	if m.got > 0 {
		n.announced(m)
		n.digest.drop(alerts)
		n.plan()
	}
	if err != nil && !alert.IsFinal(err) {
		n.tries = append(n.tries, m)
		if len(n.tries) > maxTries {
			n.tries = slices.Delete(n.tries, 0, 1)
		}
	}
	return err
}

// Close makes one try to send a digest that waits, even if it is not due, and ends the
// notifier's goroutines. Notify fails from now on. If ctx ends first, or the try fails, the
// error says how many alerts are left; calling Close again tries again.
func (n *Notifier) Close(ctx context.Context) error {
	n.closed.Store(true)
	n.alarm.stop()
	err := n.take(ctx)
	if err == nil {
		for left := n.waiting.Load(); left > 0; { // a sealed digest, and the one after it
			err = errors.Join(err, n.sendDigest(ctx))
			before := left
			if left = n.waiting.Load(); left >= before {
				break
			}
		}
		n.release()
	}
	n.end()
	err = errors.Join(err, n.alarm.wait(ctx))
	if left := n.waiting.Load(); left > 0 {
		return fmt.Errorf("mail: close: digest not sent, alerts left: %d: %w", left, err)
	}
	return err
}

// take waits for the turn. release gives it back.
func (n *Notifier) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case n.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *Notifier) release() { <-n.turn }

// lastTry removes the mail of a notification from tries and returns it, nil if there is none.
// The caller has the turn.
func (n *Notifier) lastTry(key string) *message {
	i := slices.IndexFunc(n.tries, func(m *message) bool { return m.key == key })
	if i < 0 {
		return nil
	}
	m := n.tries[i]
	n.tries = slices.Delete(n.tries, i, i+1)
	return m
}

// announced notes which alerts a mail was about. The caller has the turn.
func (n *Notifier) announced(m *message) {
	for _, id := range m.firing {
		n.threads.began(id, m.id)
	}
	for _, id := range m.resolved {
		n.threads.ended(id)
	}
}

// plan sets the alarm for the digest that waits, if any. The caller has the turn.
func (n *Notifier) plan() {
	waiting := n.digest.size()
	if n.sealed != nil {
		waiting += len(n.sealed.firing) + len(n.sealed.resolved)
	}
	n.waiting.Store(int64(waiting))
	if waiting == 0 {
		return
	}
	at := n.limits.due(n.digest.since)
	if n.sealed != nil { // as soon as the pause after the failure is over
		at = n.limits.failed.Add(n.limits.pause())
	}
	n.alarm.set(time.Until(at))
}

// digestDue is what the alarm calls.
func (n *Notifier) digestDue() {
	if n.take(n.life) != nil {
		return // Close does the rest
	}
	var err error
	if !n.closed.Load() && n.waiting.Load() > 0 {
		err = n.sendDigest(n.life)
	}
	n.release()
	if err != nil {
		otel.Handle(err)
	}
}

// sendDigest makes one try to send the digest. If no recipient got it, it goes on gathering; if
// some did, the others get the same mail later. The caller has the turn.
func (n *Notifier) sendDigest(ctx context.Context) error {
	defer n.plan()
	m := n.sealed
	if m == nil {
		var err error
		if m, err = n.letterhead.digestMessage(&n.digest, n.perHour, time.Now()); err != nil {
			n.limits.digestFailed(time.Now())
			return err
		}
	}
	before := m.got
	err := n.deliver(ctx, n.letterhead.from.Address, m)
	now := time.Now()
	if n.sealed == nil && m.got > before {
		n.announced(m)
		n.digest = digest{}
	}
	switch {
	case m.got == 0:
		n.limits.digestFailed(now)
	case err != nil && len(m.left) > 0:
		n.sealed = m
		n.limits.digestFailed(now)
	default:
		n.sealed = nil
		n.limits.digestSent(now)
	}
	return err
}

// keyOf returns a key for a notification that has no id.
func keyOf(alerts []alert.Alert) string {
	var b strings.Builder
	for i := range alerts {
		a := &alerts[i]
		fmt.Fprintf(&b, "%q %s %d %t\n", a.ID, a.State, a.DecidedAt.UnixNano(), a.Repeat)
	}
	return b.String()
}
