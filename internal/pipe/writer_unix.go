//go:build unix

package pipe

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Writer returns a writer to f. If f is a pipe whose reader has gone, Write returns [ErrClosed].
// Writing to [os.Stdout] or [os.Stderr] itself would end the program then, by SIGPIPE, as is
// right for what a program prints, but not for what a library prints on its own account. The
// program's handling of signals stays as it is: only the write goes around what package os does
// about the error.
func Writer(f *os.File) io.Writer { return &writer{f} }

type writer struct{ file *os.File }

func (w *writer) Write(p []byte) (n int, err error) {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = conn.Write(func(fd uintptr) (isDone bool) {
		for n < len(p) {
			m, err := syscall.Write(int(fd), p[n:])
			switch {
			case err == nil:
				n += m
			case errors.Is(err, syscall.EINTR):
			case errors.Is(err, syscall.EAGAIN):
				return false // until it can be written to
			default:
				failed = err
				return true
			}
		}
		return true
	})
	if errors.Is(failed, syscall.EPIPE) {
		return n, ErrClosed
	}
	return n, errors.Join(err, failed)
}
