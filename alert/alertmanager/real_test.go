package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// often is how often the tests with the real Alertmanager send: an alert that is not said
// again ends after 3 s, which a busy machine must not be late by.
const often = time.Second

// program returns the path of a program that a test can't do without.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	complain := t.Skipf
	if os.Getenv("GO_MONITOR_NO_SKIP") == "1" {
		complain = t.Fatalf
	}
	complain("NOT TESTED against the real Alertmanager: there is no %s. To install it: apt-get install -y --no-install-recommends prometheus-alertmanager", names[0])
	return ""
}

// server is a real Alertmanager, which may be stopped and started again.
type server struct {
	t    *testing.T
	addr string
	url  string
	dir  string // what it saves: silences, and of what it has told; alerts not
	hook *webhook
	cmd  *exec.Cmd
}

// newServer returns an Alertmanager that isn't started.
func newServer(t *testing.T) *server {
	t.Helper()
	program(t, "prometheus-alertmanager", "alertmanager")
	s := &server{t: t, addr: unusedAddress(t), dir: t.TempDir(), hook: newWebhook(t)}
	s.url = "http://" + s.addr + "/am" // with a path prefix
	t.Cleanup(s.stop)
	return s
}

// lastPort is the last port that was given out, below those that the system gives out by
// itself: nobody else may take one before, or between two starts of, the server it is for.
var lastPort atomic.Int32

func init() { lastPort.Store(20_000 + int32(os.Getpid()%10_000)) }

// unusedAddress returns an address on loopback on which nobody listens.
func unusedAddress(t *testing.T) string {
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", lastPort.Add(1))
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

// start starts it with what it has saved, and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	config := filepath.Join(s.dir, "alertmanager.yml")
	text := fmt.Sprintf(`
route: {receiver: hook, group_by: [alertname, operation], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: %q, send_resolved: true}]}]
`, s.hook.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.cmd = exec.Command(program(s.t, "prometheus-alertmanager", "alertmanager"), "--config.file="+config, "--storage.path="+s.dir,
		"--web.listen-address="+s.addr, "--web.external-url=http://"+s.addr+"/am", "--cluster.listen-address=")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "Alertmanager is ready", func() error {
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%w; it says:\n%s", err, text)
		}
		return resp.Body.Close()
	})
}

// stop stops it, if it runs.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait()
	late.Stop()
	s.cmd = nil
}

// gettable is an alert as GET /api/v2/alerts has it.
type gettable struct {
	posted
	Status struct {
		State string `json:"state"`
	} `json:"status"`
}

// alerts returns the alerts that it has, resolved ones not among them.
func (s *server) alerts() ([]gettable, error) {
	resp, err := http.Get(s.url + "/api/v2/alerts")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var alerts []gettable
	return alerts, json.NewDecoder(resp.Body).Decode(&alerts)
}

// has waits until it has alerts in these states, in any order.
func (s *server) has(states ...string) []gettable {
	s.t.Helper()
	var alerts []gettable
	eventually(s.t, fmt.Sprintf("Alertmanager has alerts that are %q", states), func() (err error) {
		if alerts, err = s.alerts(); err != nil {
			return err
		}
		left := strings.Join(states, " ")
		for _, a := range alerts {
			if !strings.Contains(left, a.Status.State) {
				left += " not " + a.Status.State
			}
			left = strings.Replace(left, a.Status.State, "", 1)
		}
		if strings.TrimSpace(left) != "" {
			return fmt.Errorf("it has %+v", alerts)
		}
		return nil
	})
	return alerts
}

// webhook is whom an Alertmanager tells.
type webhook struct {
	*httptest.Server
	mu   sync.Mutex
	told []string
}

func newWebhook(t *testing.T) *webhook {
	w := new(webhook)
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var news struct {
			Alerts []struct {
				Status string            `json:"status"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		}
		if err := json.NewDecoder(req.Body).Decode(&news); err != nil {
			return // it was stopped in the middle of a request
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, a := range news.Alerts {
			w.told = append(w.told, a.Status+" "+a.Labels["operation"])
		}
	}))
	t.Cleanup(w.Close)
	return w
}

// heard waits until it was told exactly this.
func (w *webhook) heard(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the webhook heard %q", want), func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if strings.Join(w.told, "\n") != strings.Join(want, "\n") {
			return fmt.Errorf("it heard %q", w.told)
		}
		return nil
	})
}

// eventually waits until check returns no error. It is for Alertmanager, a process of its own,
// which can't tell when that is; what says what for.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	const most = 20 * time.Second
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

// sent waits until so many more sendings to each address were taken.
func sent(t *testing.T, n *Notifier, more uint64) {
	t.Helper()
	before := n.Stats()
	eventually(t, fmt.Sprintf("sent %d more times", more), func() error {
		stats := n.Stats()
		for i, a := range stats.Addresses {
			if a.Sent < before.Addresses[i].Sent+more {
				return fmt.Errorf("stats %+v", stats)
			}
		}
		return nil
	})
}

// realNotifier returns a notifier for real Alertmanagers.
func realNotifier(t *testing.T, servers ...*server) *Notifier {
	t.Helper()
	c := Config{ResendDelay: often, Labels: map[string]string{"k8s.pod.name": "shop-0"}, GeneratorURL: "http://shop.example/monitor"}
	for _, s := range servers {
		c.URLs = append(c.URLs, s.url)
	}
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

func TestRealDedupAndResolve(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	n := realNotifier(t, s)
	a := firing("GET /users/{id}")
	notify(t, n, a)
	notify(t, n, a)
	sent(t, n, 3)
	got := s.has("active")[0]
	want := map[string]string{
		"alertname": "gomonitor_availability", "service_name": "shop", "operation": "GET /users/{id}", "objective": "availability",
		"monitor": "http", "span_kind": "server", "severity": "critical", "k8s_pod_name": "shop-0",
	}
	for name, value := range want {
		if got.Labels[name] != value {
			t.Errorf("label %s is %q, want %q", name, got.Labels[name], value)
		}
	}
	if len(got.Labels) != len(want) || got.Annotations["id"] != a.ID || got.GeneratorURL != "http://shop.example/monitor" {
		t.Errorf("got %+v", got)
	}
	if d := got.StartsAt.Sub(a.StartsAt).Abs(); d > time.Millisecond {
		t.Errorf("starts at %s, want %s", got.StartsAt, a.StartsAt)
	}
	s.hook.heard(t, "firing GET /users/{id}")

	end := resolved(a)
	notify(t, n, end)
	s.has()
	s.hook.heard(t, "firing GET /users/{id}", "resolved GET /users/{id}")
	notify(t, n, a) // late
	sent(t, n, 3)
	s.has()
	s.hook.heard(t, "firing GET /users/{id}", "resolved GET /users/{id}")

	notify(t, n, firing("GET /users/{id}")) // another incident
	s.has("active")
	s.hook.heard(t, "firing GET /users/{id}", "resolved GET /users/{id}", "firing GET /users/{id}")
}

func TestRealSilence(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	amtool := program(t, "amtool")
	n := realNotifier(t, s)
	notify(t, n, firing("GET /users/{id}"), firing("POST /orders"))
	s.has("active", "active")
	out, err := exec.Command(amtool, "--alertmanager.url="+s.url, "silence", "add", "--author=test", "--comment=test", "--duration=1h",
		"service_name=shop", "operation=GET /users/{id}").CombinedOutput()
	if err != nil {
		t.Fatalf("amtool: %v: %s", err, out)
	}
	for _, a := range s.has("suppressed", "active") {
		if (a.Status.State == "suppressed") != (a.Labels["operation"] == "GET /users/{id}") {
			t.Errorf("%s is %s", a.Labels["operation"], a.Status.State)
		}
	}
	sent(t, n, 2) // being told again doesn't wake it
	s.has("suppressed", "active")
}

// A restarted Alertmanager has forgotten all alerts, because it doesn't save them. What it
// has told it knows, unless its disk is gone, too.
func TestRealRestart(t *testing.T) {
	for name, tt := range map[string]struct {
		losesDisk bool
		hears     []string
	}{
		"keeps its disk": {false, []string{"firing GET /", "resolved GET /"}},
		"loses its disk": {true, []string{"firing GET /", "firing GET /", "resolved GET /"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.start()
			n := realNotifier(t, s)
			a := firing("GET /")
			notify(t, n, a)
			s.has("active")
			s.hook.heard(t, "firing GET /")
			sent(t, n, 2) // it takes note of having told only afterwards
			s.stop()
			if tt.losesDisk {
				s.dir = t.TempDir()
			}
			s.start()
			s.has("active")
			sent(t, n, 2)
			s.hook.heard(t, tt.hears[:len(tt.hears)-1]...)
			notify(t, n, resolved(a))
			s.has()
			s.hook.heard(t, tt.hears...)
		})
	}
}

// An incident that ends while Alertmanager is down ends for those whom it has told, too.
func TestRealDownAtTheEnd(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	n := realNotifier(t, s)
	a := firing("GET /")
	notify(t, n, a)
	s.hook.heard(t, "firing GET /")
	sent(t, n, 2) // it takes note of having told only afterwards
	s.stop()
	if err := n.Notify(t.Context(), []alert.Alert{resolved(a)}); err == nil || alert.IsFinal(err) {
		t.Errorf("notify: %v, want an error that is not final", err)
	}
	s.start()
	s.hook.heard(t, "firing GET /", "resolved GET /")
	s.has()
}

func TestRealDownAtTheStart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	n := realNotifier(t, s)
	err := n.Notify(t.Context(), []alert.Alert{firing("GET /")})
	if err == nil || alert.IsFinal(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("notify: %v, want a refused connection", err)
	}
	eventually(t, "it was tried again", func() error {
		if stats := n.Stats(); stats.Addresses[0].Failed < 3 {
			return fmt.Errorf("stats %+v", stats)
		}
		return nil
	})
	s.start()
	s.has("active")
}

// Of two Alertmanagers one is down when an alert fires and the other one when it ends.
func TestRealCluster(t *testing.T) {
	t.Parallel()
	a, b := newServer(t), newServer(t)
	a.start()
	n := realNotifier(t, a, b)
	x := firing("GET /")
	notify(t, n, x)
	a.has("active")
	b.start()
	b.has("active")
	b.hook.heard(t, "firing GET /")
	a.stop()
	notify(t, n, resolved(x))
	b.has()
	b.hook.heard(t, "firing GET /", "resolved GET /")
	a.start()
	sent(t, n, 2)
	a.has()
}

// A process that ends leaves no alert behind that fires for ever.
func TestRealClose(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	n := realNotifier(t, s)
	notify(t, n, firing("GET /"))
	s.hook.heard(t, "firing GET /")
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
	s.has("active")
	s.has()
	s.hook.heard(t, "firing GET /", "resolved GET /")
}

// Alertmanager takes whatever a name may hold.
func TestRealHostile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	n := realNotifier(t, s)
	var alerts []alert.Alert
	var states []string
	for _, a := range hostile() {
		alerts = append(alerts, a)
		states = append(states, "active")
	}
	notify(t, n, alerts...)
	s.has(states...)
	if got := n.Stats().Addresses[0]; got.Failed > 0 {
		t.Errorf("stats %+v", got)
	}
}
