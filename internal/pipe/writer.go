// Package pipe writes to files that may be pipes whose reader has gone.
package pipe

import "errors"

// ErrClosed is the error of writing to a pipe that nobody reads any more.
var ErrClosed = errors.New("nobody reads the pipe any more")
