package state

import (
	"encoding/json"
	"fmt"
	"time"
)

// Part is one part of a monitor that has something to remember. Whoever adds one gives it a name and
// a version, and nobody else needs to know what it holds.
type Part struct {
	// Name is that of its section: "alerts", "delivery". It never changes.
	Name string
	// Version is that of the form in which it is saved, from 1. A field more needs no new version.
	Version int
	// Snapshot returns what the part remembers as plain data, which encoding/json can write. Nobody
	// may change that any more, since it is written later, on another goroutine. Nil means
	// nothing. It is called by the owner of the part, at the end of a period, and must be quick.
	Snapshot func() any
	// Restore takes over what was saved, before the part is used. Its version is at most Version.
	// After an error the part must be as new.
	Restore func(Saved) error
}

// Shortener is plain data, as Part.Snapshot returns it, that can do with less. Shorten returns a copy
// without what is only evidence for people. It is called where a document gets larger than [MaxBytes].
type Shortener interface{ Shorten() any }

// Saved is what a part remembered when it was saved.
type Saved struct {
	Version int
	Data    json.RawMessage
	// At is the end of the last period before it was saved.
	At time.Time
	// Now is when it is restored.
	Now time.Time
	// IsRecent says that no more time has passed between them than a streak may stand still.
	IsRecent bool
	// IsSamePeriod says that periods were as long then as they are now.
	IsSamePeriod bool
}

// Gap returns the time between the last period and now, 0 if the clock was set back.
func (s *Saved) Gap() time.Duration { return max(s.Now.Sub(s.At), 0) }

// Into reads the data into a pointer.
func (s *Saved) Into(v any) error {
	if err := json.Unmarshal(s.Data, v); err != nil {
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return nil
}
