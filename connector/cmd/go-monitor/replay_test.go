package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What one config writes to a file with the file exporter, replay judges as the service does,
// and learn makes a config of that the service takes.
func TestRecordReplayLearn(t *testing.T) {
	t.Parallel()
	a, file := newAddresses(t), filepath.Join(t.TempDir(), "spans.jsonl")
	p := startDefault(t, a, fast, "yaml:{exporters: {file: {path: "+file+"}}, service: {pipelines: {traces: {exporters: [gomonitor, file]}}}}")
	stop := byHTTP(a.http).keepReporting(t, call{"shop", "GET /cart", 1, 2})
	p.says("ALERT     GET /cart")
	whole := time.Now().Add(3 * time.Second) // a replay does not judge the first and the last period, which are cut short
	eventually(t, "three seconds have passed", func() error { return past(whole) })
	stop()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "fast.yaml")
	if err := os.WriteFile(config, []byte(strings.TrimPrefix(fast, "yaml:")), 0o600); err != nil {
		t.Fatal(err)
	}
	said := run(t, t.TempDir(), nil, mustBinary(t), "replay", "--config", config, file)
	if !strings.Contains(said, "GET /cart") || !strings.Contains(said, "availability") {
		t.Errorf("replay says\n%s", said)
	}

	healthy := newAddresses(t)
	recording := filepath.Join(t.TempDir(), "healthy.jsonl")
	p = startDefault(t, healthy, fast, "yaml:{exporters: {file: {path: "+recording+"}}, service: {pipelines: {traces: {exporters: [gomonitor, file]}}}}")
	stop = byHTTP(healthy.http).keepReporting(t, call{"shop", "GET /cart", 5, 0})
	enough := time.Now().Add(3 * time.Second)
	eventually(t, "three seconds have passed", func() error { return past(enough) })
	stop()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	learned := filepath.Join(t.TempDir(), "learned.yaml")
	c := run(t, t.TempDir(), nil, mustBinary(t), "learn", recording)
	if err := os.WriteFile(learned, []byte(c), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("learned:\n%s", c)
	run(t, t.TempDir(), []string{"GO_MONITOR_DB=" + healthy.database}, mustBinary(t), "validate", "--config", defaultURI, "--config", learned)
}
