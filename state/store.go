package state

import (
	"context"
	"errors"
)

// Store is a home for the state of one monitor: a place for one value. Its methods are called by
// one goroutine at a time, Load first.
type Store interface {
	// Load takes the home for this process, and returns what Save wrote last; nil if nothing was
	// written yet. It returns [ErrInUse] while another process has the home.
	Load(ctx context.Context) ([]byte, error)
	// Save writes data in place of what was there, all of it or nothing. It must not keep data.
	Save(ctx context.Context, data []byte) error
	// SetAside moves what was written out of the way of Save, so that a person can look at it,
	// and says where it is. Without anything written it does nothing.
	SetAside(ctx context.Context) (where string, err error)
	// Close leaves the home to other processes. Load may be called again.
	Close(ctx context.Context) error
}

// ErrInUse is what Load returns while another process, or another monitor, has the home.
var ErrInUse = errors.New("another process uses it")

// MaxBytes is the largest value that a home gets. A monitor of 2000 operations that all fail
// writes about 10 MiB.
const MaxBytes = 32 << 20
