package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// file is a home in a file. A second file beside it, with the suffix .lock, says which process has
// it: the file itself is replaced each time.
type file struct {
	path string
	lock *os.File // nil: not ours
}

// File returns a home in a file. Its folder must exist; files get the mode 0600. It is replaced as
// a whole, so that a crash leaves the old or the new one. A lock keeps a second process from
// writing to it, until the first one has ended, however it did. One file is for one monitor.
func File(path string) Store {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute // the program may change its folder
	}
	return &file{path: path}
}

func (f *file) String() string { return f.path }

func (f *file) Load(context.Context) ([]byte, error) {
	if f.lock == nil {
		lock, err := lockFile(f.path + ".lock")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		f.lock = lock
	}
	data, err := readBounded(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// readBounded reads a file of at most MaxBytes, and a few more, so that its reader sees that it is too large.
func readBounded(path string) ([]byte, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was read only
	return io.ReadAll(io.LimitReader(r, MaxBytes+1))
}

func (f *file) Save(_ context.Context, data []byte) error {
	if f.lock == nil {
		return fmt.Errorf("%s: not loaded", f.path)
	}
	temporary := f.path + ".new"
	// One that is there is left from a crash. Whatever else it may be, nothing is written to it.
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(temporary, data); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temporary)))
	}
	if err := os.Rename(temporary, f.path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(f.path))
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeNew writes a file that is not there, and waits until the disk has it.
func writeNew(path string, data []byte) error {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	if err == nil {
		err = w.Sync()
	}
	return errors.Join(err, w.Close())
}

// syncFolder makes a rename survive a power cut, where the system can do that for folders.
func syncFolder(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync() // the file is written; not all systems have this
		_ = d.Close()
	}
}

func (f *file) SetAside(context.Context) (string, error) {
	aside := f.path + ".aside-" + time.Now().UTC().Format("20060102T150405.000Z")
	err := os.Rename(f.path, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return aside, err
}

func (f *file) Close(context.Context) error {
	if f.lock == nil {
		return nil
	}
	err := f.lock.Close() // which ends the lock
	f.lock = nil
	return err
}
