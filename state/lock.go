package state

import "io"

// LockFile makes a file that no other process has locked, locks it, and leaves that to whoever closes what
// it returns. It returns [ErrInUse] at once if another process has the lock. However a process ends,
// its locks end. It is for homes that have no lock of their own.
func LockFile(path string) (io.Closer, error) { return lockFile(path) }
