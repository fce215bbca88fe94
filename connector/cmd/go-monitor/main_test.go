package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// builtIn is the directory of the binary, once it is built.
var builtIn string

// binary returns the path of the program, as "make service" builds it.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "go-monitor")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "go-monitor")
	out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// notTested skips a test that can't be done here, or fails it where nothing may be skipped.
func notTested(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("GO_MONITOR_NO_SKIP") == "1" {
		t.Fatalf("NOT TESTED: "+format, args...)
	}
	t.Skipf("NOT TESTED: "+format, args...)
}

// program returns the path of a program, from a package of Debian, that a test can't do without.
func program(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		notTested(t, "there is no %s. To install it: apt-get install -y --no-install-recommends %s", name, pkg)
	}
	return path
}

// lastPort is the last port that was given out, below those that the system gives out by
// itself: nobody else may take one before, or between two starts of, the server it is for.
var lastPort atomic.Int32

func init() { lastPort.Store(10_000 + int32(os.Getpid()%9_000)) }

// unusedAddress returns an address on loopback on which nobody listens.
func unusedAddress(t testing.TB) string { return unusedAddressOn(t, "127.0.0.1") }

// unusedAddressOn returns an address on one of the addresses of loopback.
func unusedAddressOn(t testing.TB, host string) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("%s:%d", host, lastPort.Add(1))
		if l, err := net.Listen("tcp", addr); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// eventually waits until check returns no error. It is for other processes, which can't tell
// when that is; what says what for.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	within(t, 30*time.Second, what, check)
}

// within is eventually with the longest time to wait.
func within(t testing.TB, most time.Duration, what string, check func() error) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("waited %s, but not yet: %s: %v", most, what, err)
		}
	}
}

// output is what a process writes; it may be read while the process runs.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a program that a test started, and ends when the test does.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error
}

// start starts a program in a directory, with additions to the environment.
func start(t testing.TB, dir string, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(path), cmd: exec.Command(path, args...), out: &output{}, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, p.out)
		}
	})
	return p
}

// stop ends it as a system does, by SIGTERM, and returns how it ended.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Errorf("%s: didn't end within 30 s of SIGTERM", p.name)
		p.kill()
	}
	return p.err
}

// kill ends it as a power cut does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// says waits until it has written a text.
func (p *process) says(text string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s says %q", p.name, text), func() error {
		select {
		case <-p.done:
			if !strings.Contains(p.out.String(), text) {
				p.t.Fatalf("%s ended (%v) without saying %q:\n%s", p.name, p.err, text, p.out)
			}
		default:
		}
		if !strings.Contains(p.out.String(), text) {
			return errors.New("not yet")
		}
		return nil
	})
}

// mustBinary returns the path of the program.
func mustBinary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program to its end and returns what it wrote.
func run(t testing.TB, dir string, env []string, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(path), err, out)
	}
	return string(out)
}
