//go:build unix && !solaris && !aix

package state

import (
	"errors"
	"os"
	"syscall"
)

// lockFile opens a file that no other process has locked, and locks it until it is closed. It
// returns [ErrInUse] at once if another one has.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
