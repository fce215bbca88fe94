package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// These tests kill the service at random moments. GO_MONITOR_RESTART_ROUNDS says how many incidents each
// has; docs/reliability.md has the figures of 50.

func restartRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("GO_MONITOR_RESTART_ROUNDS")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ledger keeps what receivers were told about one operation, and what is wrong with that.
type ledger struct {
	*httptest.Server
	isBad atomic.Bool
	round atomic.Int64 // each has an operation of its own: one that fires often would flap

	mu         sync.Mutex
	heard      map[string]*hearing // by the receiver, which is the path
	violations []string
}

// hearing is what one receiver was told.
type hearing struct {
	firing        bool
	fired, ended  int
	ids           map[string]bool // of alerts, where they are told
	notifications map[string]bool // ids
	twice         int             // notifications that came again, under their id: their sender did not know that they had come
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{heard: make(map[string]*hearing)}
	l.Server = httptest.NewServer(http.HandlerFunc(l.hear))
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) hear(_ http.ResponseWriter, r *http.Request) {
	var news struct {
		Alerts []struct {
			Status      string            `json:"status"`
			Annotations map[string]string `json:"annotations"`
		} `json:"alerts"`
	}
	if json.NewDecoder(r.Body).Decode(&news) != nil {
		return // from a process that was killed in the middle of it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	who := r.URL.Path
	h := l.heard[who]
	if h == nil {
		h = &hearing{ids: make(map[string]bool), notifications: make(map[string]bool)}
		l.heard[who] = h
	}
	if id := r.Header.Get("webhook-id"); id != "" {
		if h.notifications[id] {
			h.twice++
			return
		}
		h.notifications[id] = true
	}
	wrong := func(format string, args ...any) {
		l.violations = append(l.violations, who+": "+fmt.Sprintf(format, args...))
	}
	for _, a := range news.Alerts {
		switch {
		case a.Status == "firing" && h.firing:
			wrong("fires, and has not ended")
		case a.Status == "firing":
			h.firing = true
			h.fired++
		case a.Status != "resolved":
			wrong("is %s", a.Status)
		case !h.firing:
			wrong("ends, and does not fire")
		default:
			if l.isBad.Load() {
				wrong("is resolved while it is bad")
			}
			h.firing = false
			h.ended++
		}
		if id := a.Annotations["id"]; id != "" {
			h.ids[id] = true
		}
	}
}

// await waits until the receivers have heard of so many incidents and ends.
func (l *ledger) await(t *testing.T, fired, ended int, receivers ...string) {
	t.Helper()
	within(t, 90*time.Second, fmt.Sprintf("%d fired and %d ended", fired, ended), func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, who := range receivers {
			h := l.heard[who]
			if h == nil || h.fired < fired || h.ended < ended {
				return fmt.Errorf("%s has heard %+v, violations %q", who, h, l.violations)
			}
		}
		return nil
	})
}

// pause lets real processes run.
func pause(d time.Duration) { <-time.After(d) }

// TestRestarts kills, ends, stops and reloads the service at random moments of each incident, with each
// kind of home.
func TestRestarts(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (settings string){
		"SQLite":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { return fmt.Sprintf("stores: [{dsn: %q}], ", startPostgres(t)) },
		"file": func(t *testing.T) string {
			return fmt.Sprintf("stores: [], state: {file: %q}, ", filepath.Join(t.TempDir(), "state"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, a := newLedger(t), newAddresses(t)
			am := startAlertmanager(t, l.URL+"/alertmanager")
			settings := fmt.Sprintf("yaml:{connectors: {gomonitor: {%speriod: 1s, grace: 300ms, objective: {alert_after: 2, recover_after: 2}, notifiers: [{webhook: {url: %q}}, {alertmanager: {urls: [%q], resend_delay: 5s}}]}}}",
				open(t), l.URL+"/webhook", am)
			var p *process
			run := func() { p = startDefault(t, a, settings) }
			run()
			stopCalls := keepCalling(a.http, l)
			defer stopCalls()
			signals := make(map[string]int)
			disturb := func() {
				pause(rand.N(3 * time.Second))
				what := []string{"KILL", "TERM", "STOP", "HUP"}[rand.N(4)]
				signals[what]++
				switch what {
				case "KILL":
					p.kill()
					run()
				case "TERM":
					// In the middle of a reload, the Collector ends with an error.
					if err := p.stop(); err != nil && !strings.Contains(p.out.String(), "failed to shutdown the retiring config") {
						t.Errorf("the service ended: %v", err)
					}
					run()
				case "STOP":
					_ = p.cmd.Process.Signal(syscall.SIGSTOP)
					pause(rand.N(2 * time.Second))
					_ = p.cmd.Process.Signal(syscall.SIGCONT)
				case "HUP":
					_ = p.cmd.Process.Signal(syscall.SIGHUP)
				}
			}
			rounds := restartRounds(t)
			for i := 1; i <= rounds; i++ {
				l.round.Store(int64(i))
				l.isBad.Store(true)
				disturb()
				l.await(t, i, i-1, "/webhook", "/alertmanager")
				disturb()
				l.isBad.Store(false)
				if rand.N(2) == 0 {
					disturb()
				}
				l.await(t, i, i, "/webhook", "/alertmanager")
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			for who, h := range l.heard {
				t.Logf("%s: %d incidents, signals %v, %d firing, %d ended, %d ids, %d came twice by their id", who, rounds, signals, h.fired, h.ended, len(h.ids), h.twice)
				if h.fired != rounds || h.ended != rounds || len(h.ids) != rounds && who == "/webhook" {
					t.Errorf("%s: %d fired, %d ended with %d ids, want %d each", who, h.fired, h.ended, len(h.ids), rounds)
				}
			}
			t.Logf("violations: %d", len(l.violations))
			if len(l.violations) > 0 {
				t.Errorf("violations: %q", l.violations)
			}
		})
	}
}

// keepCalling reports calls of the round's operation, which fail while it is bad. What the service does not take,
// since it is not there, is lost.
func keepCalling(addr string, l *ledger) (stop func()) {
	report, done, ended := byHTTP(addr), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			c := call{"shop", fmt.Sprintf("GET /cart %d", l.round.Load()), 2, 0}
			if l.isBad.Load() {
				c.succeed, c.fail = 0, 2
			}
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			_ = report(ctx, spans(c)) // it may be down
			cancel()
		}
	}()
	return func() {
		close(done)
		<-ended
		http.DefaultClient.CloseIdleConnections()
	}
}

// startAlertmanager starts a real Alertmanager that tells a webhook, and returns its address.
func startAlertmanager(t *testing.T, hook string) string {
	t.Helper()
	path := program(t, "prometheus-alertmanager", "prometheus-alertmanager")
	dir, addr := t.TempDir(), unusedAddress(t)
	config := filepath.Join(dir, "alertmanager.yml")
	text := fmt.Sprintf("route: {receiver: hook, group_by: [alertname, operation], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}\n"+
		"receivers: [{name: hook, webhook_configs: [{url: %q, send_resolved: true}]}]\n", hook)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, nil, path, "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+addr, "--cluster.listen-address=")
	eventually(t, "Alertmanager is ready", func() error {
		resp, err := http.Get("http://" + addr + "/-/ready")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	return "http://" + addr
}

// startPostgres starts a PostgreSQL server in a folder of the test's own, and returns the DSN of a database.
func startPostgres(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		notTested(t, "there is no PostgreSQL")
	}
	bin := slices.Max(found)
	dir, err := os.MkdirTemp("/tmp", "gomonitor-pg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var owner *syscall.Credential // PostgreSQL refuses to run as root
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir, c.SysProcAttr = dir, &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGQUIT}
		return c
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-U", "gomonitor", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT)
		_ = server.Wait()
	})
	eventually(t, "PostgreSQL answers", func() error {
		out, err := command("psql", "-h", dir, "-U", "gomonitor", "-d", "postgres", "-c", "SELECT 1").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	})
	return "postgres://gomonitor@/postgres?host=" + dir
}
