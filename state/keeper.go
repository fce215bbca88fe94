package state

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Options say what a [Keeper] keeps, and where.
type Options struct {
	// Store is the home.
	Store Store
	// Monitor is the monitor's name. What another one has written is not restored.
	Monitor string
	// Instance names this process for people who look at what it has written.
	Instance string
	// Period is the length of a period.
	Period time.Duration
	// Tolerance is the longest time between two periods over which streaks go on. Default: the
	// larger of 10 minutes and three periods.
	Tolerance time.Duration
	// Parts are what is kept. Their names differ.
	Parts []Part
	// OnError gets what goes wrong. It must not wait for anything, and is called once for each
	// period while nothing can be written, and once if another process has the home. Default: errors are only counted.
	OnError func(error)

	maxBytes int // MaxBytes, but in tests
}

// Keeper restores the parts of a monitor when it starts, and saves them at the end of every period
// on a goroutine of its own. If a home is slower than the periods, the newest snapshot wins.
//
// Save is for the owner of the parts; all other methods are safe for concurrent use. It must not be
// copied. A nil Keeper keeps nothing.
type Keeper struct {
	options  Options
	wake     chan struct{} // holds a token when there is something to write
	closing  chan struct{} // closed when Close is called
	closed   sync.Once
	done     chan struct{}      // closed when run has returned
	closeErr error              // what Close returns, once done is closed
	cancel   context.CancelFunc // ends what run waits for

	taking sync.Mutex // held while parts are asked, so that of two snapshots the newer one is put last

	mu       sync.Mutex
	waiting  *snapshot // the newest one that is not written; nil: none
	latest   snapshot  // the newest one
	taken    uint64    // the number of snapshots taken
	written  uint64    // the number of the last one that was written, or failed to be
	progress chan struct{}
	status   Status

	// The fields below belong to New, and to the goroutine of run after that.

	isOurs bool // Load has succeeded
	// saidInUse says that the user was told that another process has the home.
	saidInUse bool
	// isUnread says that the home may hold something that could not be read, and must be set
	// aside before anything is written over it.
	isUnread bool
}

// snapshot is what all parts remember at one time. Its values never change.
type snapshot struct {
	number    uint64
	periodEnd time.Time
	parts     []any // in the order of Options.Parts
}

// Status says how the state is kept.
type Status struct {
	// Home is where: the path of a file, or the name of a database.
	Home string `json:"home"`
	// Restored is the end of the last period that the monitor goes on from. It is zero if the
	// monitor began with nothing.
	Restored time.Time `json:"restored,omitzero"`
	// Saved is the end of the last period that was written; zero if none was.
	Saved time.Time `json:"saved,omitzero"`
	// SetAside is where something is that could not be read when the monitor started.
	SetAside string `json:"set_aside,omitempty"`
	// FailingSince is since when nothing could be written; zero if the last attempt went well.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// LastError says why; empty if FailingSince is zero.
	LastError string `json:"last_error,omitempty"`
}

// Bounds of the time that a home gets.
const (
	loadTimeout = 10 * time.Second
	saveTimeout = 30 * time.Second
)

const minTolerance = 10 * time.Minute

// NewKeeper restores the parts from what the home holds, and starts the goroutine that writes.
// Whatever is wrong with the home, the monitor starts: with nothing, and an error for OnError. What
// can't be read is set aside.
func NewKeeper(ctx context.Context, o Options) *Keeper {
	if o.Store == nil {
		return nil
	}
	if o.Tolerance == 0 {
		o.Tolerance = max(minTolerance, 3*o.Period)
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	o.maxBytes = cmp.Or(o.maxBytes, MaxBytes)
	k := &Keeper{
		options: o, wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
		progress: make(chan struct{}), status: Status{Home: nameOf(o.Store)},
	}
	k.latest.parts = make([]any, len(o.Parts))
	k.restore(ctx)
	writing, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	go k.run(writing)
	return k
}

// nameOf returns how a home is called.
func nameOf(s Store) string {
	if named, ok := s.(fmt.Stringer); ok {
		return named.String()
	}
	return fmt.Sprintf("%T", s)
}

// restore loads the home and hands each part its section.
func (k *Keeper) restore(ctx context.Context) {
	data, err := k.load(ctx)
	if err != nil {
		k.fail(fmt.Errorf("state: nothing is restored, and nothing written meanwhile: %w", err))
		k.isUnread = !errors.Is(err, ErrInUse)
		return
	}
	k.isOurs = true
	if data == nil {
		return
	}
	d, err := Decode(data)
	if err == nil {
		err = k.check(d)
	}
	if err != nil {
		k.isUnread = true
		k.setAside(ctx, fmt.Errorf("the monitor starts with nothing: %w", err))
		return
	}
	if err := k.handOut(d); err != nil {
		k.isUnread = true
		k.setAside(ctx, err)
	}
	k.status.Restored = d.PeriodEnd
}

func (k *Keeper) load(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	return k.options.Store.Load(ctx)
}

// check returns an error if a document is not for this monitor.
func (k *Keeper) check(d *Document) error {
	if d.Monitor != k.options.Monitor {
		return fmt.Errorf("it is that of monitor %q, and this one is %q", d.Monitor, k.options.Monitor)
	}
	for _, p := range k.options.Parts {
		if s, ok := d.Sections[p.Name]; ok && s.Version > p.Version {
			return fmt.Errorf("%w: section %q has version %d, and this one knows up to %d", errNewer, p.Name, s.Version, p.Version)
		}
	}
	return nil
}

// handOut restores all parts of which the document has a section. It returns an error for those that
// start with nothing.
func (k *Keeper) handOut(d *Document) error {
	var errs []error
	now := time.Now()
	gap := now.Sub(d.PeriodEnd).Abs() // a clock that is far behind says as little
	for _, p := range k.options.Parts {
		s, ok := d.Sections[p.Name]
		if !ok {
			continue
		}
		err := p.Restore(Saved{
			Version: s.Version, Data: s.Data, At: d.PeriodEnd, Now: now,
			IsRecent: gap <= k.options.Tolerance, IsSamePeriod: d.Period == k.options.Period,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("section %q starts with nothing: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}

// setAside keeps what could not be restored, for whoever wants to know.
func (k *Keeper) setAside(ctx context.Context, why error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	where, err := k.options.Store.SetAside(ctx)
	if err != nil {
		k.options.OnError(fmt.Errorf("state in %s: %w; it can't be set aside, so nothing is written: %w", k.status.Home, why, err))
		return
	}
	k.wasSetAside(where)
	k.options.OnError(fmt.Errorf("state in %s: %w; what was there is kept in %s", k.status.Home, why, where))
}

func (k *Keeper) wasSetAside(where string) {
	k.isUnread = false
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.SetAside = where
}

// Save takes a snapshot of all parts at the end of a period, and has it written without waiting for
// that.
func (k *Keeper) Save(periodEnd time.Time) {
	if k == nil {
		return
	}
	k.taking.Lock()
	defer k.taking.Unlock()
	parts := make([]any, len(k.options.Parts))
	for i, p := range k.options.Parts {
		parts[i] = p.Snapshot()
	}
	k.put(func(s *snapshot) { s.periodEnd, s.parts = periodEnd, parts })
}

// SavePart takes a snapshot of one part, which must be safe for that, and has it written with the
// last ones of the others. Before the first Save it does nothing.
func (k *Keeper) SavePart(name string) {
	if k == nil {
		return
	}
	k.taking.Lock()
	defer k.taking.Unlock()
	for i, p := range k.options.Parts {
		if p.Name == name {
			part := p.Snapshot()
			k.put(func(s *snapshot) {
				s.parts = slices.Clone(s.parts) // another snapshot has the old ones
				s.parts[i] = part
			})
		}
	}
}

// put makes the latest snapshot another one, and wakes run.
func (k *Keeper) put(change func(*snapshot)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.latest)
	if k.latest.periodEnd.IsZero() {
		return
	}
	k.taken++
	k.latest.number = k.taken
	next := k.latest
	k.waiting = &next
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Wait waits until everything that was saved before the call is written, or could not be. It returns
// ctx's error if that ends first.
func (k *Keeper) Wait(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for target := k.taken; k.written < target; {
		progress := k.progress
		k.mu.Unlock()
		select {
		case <-progress:
		case <-k.done:
			k.mu.Lock()
			return nil
		case <-ctx.Done():
			k.mu.Lock()
			return ctx.Err()
		}
		k.mu.Lock()
	}
	return nil
}

// Status says how the state is kept; zero for a nil Keeper.
func (k *Keeper) Status() Status {
	if k == nil {
		return Status{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Close writes the newest snapshot, if it is not written yet, leaves the home to others, and ends the
// goroutine. If ctx ends first it gives up, and returns ctx's error. It may be called any number of
// times.
func (k *Keeper) Close(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.closed.Do(func() { close(k.closing) })
	select {
	case <-k.done:
		return k.closeErr
	default:
	}
	select {
	case <-k.done:
		return k.closeErr
	case <-ctx.Done():
		k.cancel()
		return fmt.Errorf("state: close %s: %w", k.status.Home, ctx.Err())
	}
}

// run writes snapshots until Close.
func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	defer k.cancel()
	for {
		select {
		case <-k.wake:
			k.write(ctx)
			continue
		case <-k.closing:
		}
		k.write(ctx)
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		if err := k.options.Store.Close(ctx); err != nil {
			k.closeErr = fmt.Errorf("state: close %s: %w", k.status.Home, err)
		}
		return
	}
}

// write writes the newest snapshot, if it is not written yet.
func (k *Keeper) write(ctx context.Context) {
	k.mu.Lock()
	s := k.waiting
	k.waiting = nil
	k.mu.Unlock()
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	err := k.save(ctx, s)
	if err != nil {
		k.fail(fmt.Errorf("state is not written, so a restart would lose what happened since: %w", err))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.status.Saved, k.status.FailingSince, k.status.LastError = s.periodEnd, time.Time{}, ""
	}
	k.written = s.number
	close(k.progress)
	k.progress = make(chan struct{})
}

// save writes one snapshot. A home that another process has is asked for again each time: when that
// one has ended, this one has it.
func (k *Keeper) save(ctx context.Context, s *snapshot) error {
	if !k.isOurs {
		if _, err := k.load(ctx); err != nil {
			return err
		}
		k.isOurs = true
	}
	if k.isUnread {
		where, err := k.options.Store.SetAside(ctx)
		if err != nil {
			return fmt.Errorf("to set aside what could not be read: %w", err)
		}
		k.wasSetAside(where)
	}
	data, err := k.encode(s)
	if err != nil {
		return err
	}
	return k.options.Store.Save(ctx, data)
}

// encode returns a snapshot as bytes. If they are too many, parts leave out what is only for people.
func (k *Keeper) encode(s *snapshot) ([]byte, error) {
	data, err := k.encodeParts(s, false)
	if err == nil && len(data) > k.options.maxBytes {
		data, err = k.encodeParts(s, true)
	}
	if err == nil && len(data) > k.options.maxBytes {
		err = fmt.Errorf("%d bytes, and at most %d are written", len(data), k.options.maxBytes)
	}
	return data, err
}

func (k *Keeper) encodeParts(s *snapshot, isShort bool) ([]byte, error) {
	d := Document{
		Monitor: k.options.Monitor, Instance: k.options.Instance, Period: k.options.Period,
		PeriodEnd: s.periodEnd, Sections: make(map[string]Section, len(s.parts)),
	}
	for i, v := range s.parts {
		if long, ok := v.(Shortener); ok && isShort {
			v = long.Shorten()
		}
		if v == nil {
			continue
		}
		p := k.options.Parts[i]
		data, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("section %q: %w", p.Name, err)
		}
		d.Sections[p.Name] = Section{Version: p.Version, Data: data}
	}
	return d.Encode()
}

// fail notes that nothing could be restored or written, and says why.
func (k *Keeper) fail(err error) {
	k.mu.Lock()
	if k.status.FailingSince.IsZero() {
		k.status.FailingSince = time.Now()
	}
	k.status.LastError = err.Error()
	k.mu.Unlock()
	isInUse := errors.Is(err, ErrInUse)
	if !isInUse || !k.saidInUse {
		k.options.OnError(err)
	}
	k.saidInUse = isInUse
}
