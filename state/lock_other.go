//go:build !windows && (!unix || solaris || aix)

package state

import "os"

// lockFile opens a file. These systems have no locks that the standard library knows.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
