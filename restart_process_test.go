package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// These tests kill processes at random moments. GO_MONITOR_RESTART_ROUNDS says how many incidents each
// has; docs/reliability.md has the figures of 50.

// restartRounds returns the number of incidents of a test.
func restartRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("GO_MONITOR_RESTART_ROUNDS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const (
	restartChildEnv = "GO_MONITOR_RESTART_CHILD" // the URL of the parent
	restartPeriod   = 200 * time.Millisecond
)

// restartChild is a program with a monitor. Its parent says at /mode whether its calls fail, and is told of
// alerts at /alerts.
func restartChild(parent string) error {
	hook, err := webhook.New(webhook.Config{URL: parent + "/alerts"})
	if err != nil {
		return err
	}
	m, err := New(Config{
		Name: "shop", Service: "shop", Period: restartPeriod, Objective: engine.Objective{AlertAfter: 3, RecoverAfter: 3},
		Notifiers: []alert.Notifier{hook}, Sinks: []engine.Sink{}, State: state.File(os.Getenv("STATE")),
	})
	if err != nil {
		return err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	tick := time.NewTicker(restartPeriod / 20)
	defer tick.Stop()
	for {
		select {
		case <-term:
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			return m.Shutdown(ctx)
		case <-tick.C:
		}
		resp, err := http.Get(parent + "/mode")
		if err != nil {
			return err
		}
		mode, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		code, operation, _ := strings.Cut(string(mode), " ")
		m.Report(Report{Operation: operation, Code: code})
	}
}

// ledger is what one receiver was told, and what is wrong with that.
type ledger struct {
	isBad atomic.Bool
	mode  atomic.Value // the code of the calls, and their operation

	mu         sync.Mutex
	firing     string          // the id of the alert that fires; empty: none
	used       map[string]bool // ids
	deliveries map[string]bool // ids of notifications
	fired      int
	ended      int
	repeated   int // deliveries of a notification that had come before, by its id
	violations []string
	changed    chan struct{}
}

func newLedger() *ledger {
	l := &ledger{used: make(map[string]bool), deliveries: make(map[string]bool), changed: make(chan struct{}, 1)}
	l.mode.Store("200 none")
	return l
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/mode" {
		_, _ = io.WriteString(w, l.mode.Load().(string))
		return
	}
	var message struct {
		Alerts []struct {
			Status      string            `json:"status"`
			Annotations map[string]string `json:"annotations"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		return // a process that was killed in the middle of it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := r.Header.Get("webhook-id")
	if l.deliveries[id] { // its sender was killed before it knew that this had come
		l.repeated++
		return
	}
	l.deliveries[id] = true
	for _, a := range message.Alerts {
		l.take(a.Status, a.Annotations["id"])
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// take notes a change of an alert. l.mu is held.
func (l *ledger) take(status, id string) {
	wrong := func(format string, args ...any) { l.violations = append(l.violations, fmt.Sprintf(format, args...)) }
	switch status {
	case "firing":
		if l.firing != "" || l.used[id] {
			wrong("%s fires while %q does, after it fired before: %t", id, l.firing, l.used[id])
		}
		l.firing, l.used[id] = id, true
		l.fired++
	case "resolved":
		if l.firing != id {
			wrong("%s is resolved while %q fires", id, l.firing)
		}
		if l.isBad.Load() {
			wrong("%s is resolved while it is bad", id)
		}
		l.firing = ""
		l.ended++
	default:
		wrong("%s is %s", id, status)
	}
}

// await waits until the receiver has heard of so many incidents and ends.
func (l *ledger) await(t *testing.T, fired, ended int) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		l.mu.Lock()
		done := l.fired >= fired && l.ended >= ended
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-l.changed:
		case <-timeout:
			t.Fatalf("after a minute %d fired and %d ended, want %d and %d; violations: %q", l.fired, l.ended, fired, ended, l.violations)
		}
	}
}

// pause lets real processes run.
func pause(d time.Duration) { <-time.After(d) }

// TestRestartsOfAProcess kills, ends and stops a program at random moments of each incident.
func TestRestartsOfAProcess(t *testing.T) {
	l := newLedger()
	parent := httptest.NewServer(l)
	defer parent.Close()
	file := filepath.Join(t.TempDir(), "state")
	var child *exec.Cmd
	run := func() {
		child = exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), restartChildEnv+"="+parent.URL, "STATE="+file)
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
	}
	run()
	signals := 0
	disturb := func() {
		pause(rand.N(5 * restartPeriod))
		signals++
		switch rand.N(3) {
		case 0:
			_ = child.Process.Kill()
			_ = child.Wait()
			run()
		case 1:
			_ = child.Process.Signal(syscall.SIGTERM)
			// One that has hardly begun does not handle the signal yet.
			if err := child.Wait(); err != nil && !strings.Contains(err.Error(), "signal: terminated") {
				t.Errorf("the program ended: %v", err)
			}
			run()
		case 2:
			_ = child.Process.Signal(syscall.SIGSTOP)
			pause(rand.N(3 * restartPeriod))
			_ = child.Process.Signal(syscall.SIGCONT)
		}
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	rounds := restartRounds(t)
	for i := 1; i <= rounds; i++ {
		l.isBad.Store(true)
		operation := fmt.Sprintf(" pay %d", i) // one that fires often would flap
		l.mode.Store("500" + operation)
		for range 1 + rand.N(3) {
			disturb()
		}
		l.await(t, i, i-1)
		disturb()
		l.mode.Store("200" + operation)
		l.isBad.Store(false)
		for range rand.N(3) {
			disturb()
		}
		l.await(t, i, i)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d incidents, %d signals, %d firing, %d resolved, %d notifications came twice by their id, violations: %d", rounds, signals, l.fired, l.ended, l.repeated, len(l.violations))
	if len(l.violations) > 0 || l.fired != rounds || l.ended != rounds {
		t.Errorf("%d fired, %d ended, want %d each; violations: %q", l.fired, l.ended, rounds, l.violations)
	}
}
