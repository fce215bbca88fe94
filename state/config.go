package state

import (
	"errors"
	"fmt"
	"time"
)

// Config says where the state is kept, as plain data. A zero field means its default.
type Config struct {
	// File is the path of a file; see [File]. Default: none. The service then uses its first store.
	File string `mapstructure:"file"`
	// Tolerance is the longest time between two periods over which streaks go on, 1s to 168h. After
	// a longer one they begin anew, and alerts that fired end, since nobody knows what happened.
	// Default: the larger of 10 minutes and three periods.
	Tolerance time.Duration `mapstructure:"tolerance"`
	// Disabled says that nothing outlives the process, whatever else is set.
	Disabled bool `mapstructure:"disabled"`
}

// Bounds of [Config].
const (
	shortestTolerance = time.Second
	longestTolerance  = 7 * 24 * time.Hour
)

// Validate returns one error for each field that can't be, joined; each names the key and quotes the
// value.
func (c Config) Validate() error {
	var errs []error
	if c.Tolerance != 0 && (c.Tolerance < shortestTolerance || c.Tolerance > longestTolerance) {
		errs = append(errs, fmt.Errorf("tolerance: must be between %s and 168h, got %s", shortestTolerance, c.Tolerance))
	}
	if c.Disabled && c.File != "" {
		errs = append(errs, fmt.Errorf("file: must be empty where disabled is true, got %q", c.File))
	}
	return errors.Join(errs...)
}

// Store returns the home that the configuration names; nil if it names none.
func (c Config) Store() Store {
	if c.Disabled || c.File == "" {
		return nil
	}
	return File(c.File)
}
