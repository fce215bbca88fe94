package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/store"
)

// health returns what the health check answers.
func health(a addresses) (status int, body string, err error) {
	resp, err := http.Get("http://" + a.health + "/")
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// emptyDatabase makes a database without rows and returns how many pages it has.
func emptyDatabase(t *testing.T, path string) int {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{DSN: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size() / 4096)
}

// A service whose database is full says so in its log and its health check, and goes on.
func TestFullDatabaseIsHeard(t *testing.T) {
	t.Parallel()
	a := newAddresses(t)
	a.database = fmt.Sprintf("file:%s?_pragma=max_page_count(%d)", a.database, emptyDatabase(t, a.database))
	p := startDefault(t, a, fast)
	if status, body, err := health(a); status != http.StatusOK || !strings.Contains(body, `"status":"StatusOK"`) {
		t.Errorf("health at the start: got %d, %s, %v", status, body, err)
	}
	stop := byHTTP(a.http).keepReporting(t, call{"shop", "GET /cart", 3, 0})
	p.says("store: nothing could be written since ")
	eventually(t, "the health check says so", func() error {
		status, body, err := health(a)
		if err != nil || status != http.StatusOK || !strings.Contains(body, "StatusRecoverableError") || !strings.Contains(body, "full") {
			return fmt.Errorf("got %d, %s, %w", status, body, err)
		}
		return nil
	})
	eventually(t, "a line for each period", func() error {
		if n := strings.Count(p.out.String(), "store: nothing could be written since "); n < 3 {
			return fmt.Errorf("%d lines", n)
		}
		return nil
	})
	stop()
	_ = p.stop() // with an error: the rest could not be written
	if strings.Contains(p.out.String(), "legacy config format") {
		t.Error("the config is of an old form")
	}
}

// A service that was stopped says for how long.
func TestStoppedIsHeard(t *testing.T) {
	t.Parallel()
	p := startDefault(t, newAddresses(t), fast)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	select { // longer than what is no stall
	case <-p.done:
	case <-time.After(6 * time.Second):
	}
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.says("the process stood still, or the clock leapt, for ")
	p.says("no period holds that time")
}
