//go:build unix

package monitor

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/pipe"
)

// pipedVariable is set where the test is run as a program whose output is a pipe.
const pipedVariable = "TEST_PIPED"

// TestPiped is that program: it reports failures for some periods, to a sink on stdout and
// a notifier on stderr.
func TestPiped(t *testing.T) {
	if os.Getenv(pipedVariable) == "" {
		return
	}
	// OpenTelemetry's own handler would write on stderr, and that the program stood still on a busy
	// machine is none of what is tested.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		if strings.Contains(err.Error(), "nobody reads") {
			os.Exit(3)
		}
	}))
	m, err := New(Config{
		Name: "piped", Period: 10 * time.Millisecond, Objective: engine.Objective{MinCalls: 1, Confidence: -1},
		Sinks: []engine.Sink{engine.JSONLines(pipe.Writer(os.Stdout))}, Notifiers: []alert.Notifier{alert.Console(os.Stderr)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		m.Report(Report{Operation: "GET /", Code: "500"})
		<-time.After(5 * time.Millisecond)
	}
	if err := m.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	// On stdout, which is gone, the test could not say that all went well.
	name := os.Getenv(pipedVariable)
	if err := os.WriteFile(name, []byte(fmt.Sprint(m.Stats().UndeliveredPeriods > 0)), 0o600); err != nil {
		t.Error(err)
	}
	os.Exit(0)
}

// The program goes on when nobody reads what the monitor prints any more, as behind "| head -1",
// and what is not printed is counted.
func TestReaderOfOutputGone(t *testing.T) {
	for _, isBoth := range []bool{false, true} {
		t.Run(fmt.Sprintf("stderr too: %v", isBoth), func(t *testing.T) {
			out := t.TempDir() + "/done"
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPiped$")
			cmd.Env = append(os.Environ(), pipedVariable+"="+out)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			cmd.Stdout, cmd.Stderr = w, &said
			if isBoth {
				cmd.Stderr = w
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			if line, err := bufio.NewReader(r).ReadString('\n'); err != nil {
				t.Errorf("read %q, %v", line, err)
			}
			_ = r.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("the program ended: %v\n%s", err, &said)
			}
			if done, err := os.ReadFile(out); string(done) != "true" {
				t.Errorf("it did not get to its end, or counted nothing: %q, %v", done, err)
			}
			if text := said.String(); strings.Contains(text, "nobody reads") || !isBoth && !strings.Contains(text, "GET /") {
				t.Errorf("on stderr: %q", text)
			}
		})
	}
}
