//go:build unix

package pipe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// The test is a program of its own, too: one that writes more than anybody reads.
func TestMain(m *testing.M) {
	if how := os.Getenv("TEST_PIPE"); how != "" {
		writeOn(how)
	}
	goleak.VerifyTestMain(m)
}

// writeOn writes lines until that fails, and says on stderr why.
func writeOn(how string) {
	var w io.Writer = os.Stdout
	if how == "library" {
		w = Writer(os.Stdout)
	}
	for {
		if _, err := fmt.Fprintln(w, "a line"); err != nil {
			fmt.Fprintln(os.Stderr, "outlived it:", errors.Is(err, ErrClosed))
			os.Exit(0)
		}
	}
}

// A program whose output nobody reads any more lives on, if what writes is the writer.
func TestReaderGone(t *testing.T) {
	for how, isKilled := range map[string]bool{"program": true, "library": false} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "TEST_PIPE="+how)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "a line\n" {
				t.Errorf("read %q, %v", line, err)
			}
			_ = out.Close()
			_ = cmd.Wait()
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if got := status.Signaled() && status.Signal() == syscall.SIGPIPE; got != isKilled {
				t.Errorf("killed by SIGPIPE: %v, want %v: %s %s", got, isKilled, cmd.ProcessState, &said)
			}
			if !isKilled && said.String() != "outlived it: true\n" {
				t.Errorf("%s: it said %q", cmd.ProcessState, &said)
			}
		})
	}
}

// What does not fit into the pipe is written as soon as it does, blocking or not.
func TestFullPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	text := strings.Repeat("0123456789", 100_000)
	done := make(chan error, 1)
	go func() {
		n, err := io.WriteString(Writer(w), text)
		if n != len(text) && err == nil {
			err = fmt.Errorf("wrote %d bytes", n)
		}
		done <- errors.Join(err, w.Close())
	}()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != text {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n, err := Writer(w).Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}
