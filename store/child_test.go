package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// child is what the test binary does as a process of its own. It writes to the database
// that its only argument names.
func child(what string) int {
	dsn := os.Args[len(os.Args)-1]
	ctx := context.Background()
	s, err := Open(ctx, Config{DSN: dsn, Timeout: time.Minute})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	switch what {
	case "open":
	case "write": // until it is killed
		fmt.Println("ready")
		for i := 0; ; i++ {
			if err := s.Consume(ctx, bigPeriod(50, start.Add(time.Duration(i)*time.Minute))); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			if err := s.Flush(ctx); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	if err := s.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// childCommand returns a command that is child(what).
func childCommand(t *testing.T, what, dsn string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dsn)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	return cmd
}

// Processes that come to an empty database at the same moment bring its tables up to date
// once, and none of them fails.
func TestConcurrentOpen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		const processes = 4
		var commands []*exec.Cmd
		var outputs [processes]strings.Builder
		for i := range processes {
			cmd := childCommand(t, "open", dsn)
			cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			commands = append(commands, cmd)
		}
		for i, cmd := range commands {
			if err := cmd.Wait(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, outputs[i].String())
			}
		}
		s := openStore(t, Config{DSN: dsn})
		checkNumber(t, s, schemaVersions(t), "SELECT count(*) FROM schema_version")
	})
}

// A process that is killed while it writes leaves every period completely, or not at all.
func TestKilled(t *testing.T) {
	dsn := newSQLite(t)
	for i := range 5 {
		cmd := childCommand(t, "write", dsn)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			t.Fatalf("read %q from the child: %v: %s", line, err, stderr.String())
		}
		time.Sleep(time.Duration(100+37*i) * time.Millisecond) // a real process needs real time
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("the child ended by itself")
		}
	}
	s := openStore(t, Config{DSN: dsn})
	checkComplete(t, s)
	if n := number(t, s, "SELECT count(*) FROM periods"); n < 5 {
		t.Errorf("%d periods were written before five kills", n)
	} else {
		t.Logf("%d periods", n)
	}
	checkNumber(t, s, 1, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'")
}

// checkComplete fails the test unless every period has all that belongs to it.
func checkComplete(t *testing.T, s *Store) {
	t.Helper()
	checkNumber(t, s, 0, `SELECT count(*) FROM periods p WHERE operations <> (SELECT count(*) FROM summaries s WHERE s.period_id = p.period_id)`)
	checkNumber(t, s, 0, `SELECT count(*) FROM summaries s WHERE failure <> coalesce((SELECT sum(f.calls) FROM failures f WHERE f.summary_id = s.summary_id), 0)`)
	checkNumber(t, s, 0, `SELECT count(*) FROM summaries s WHERE success <> coalesce((SELECT sum(d.calls) FROM distribution d WHERE d.summary_id = s.summary_id), 0)`)
	for _, table := range []string{"failure_rows", "cause_rows", "exemplar_rows"} {
		checkNumber(t, s, 0, "SELECT count(*) FROM "+table+" WHERE summary_id NOT IN (SELECT summary_id FROM summary_rows)")
	}
	checkNumber(t, s, 0, "SELECT count(*) FROM summary_rows WHERE period_id NOT IN (SELECT period_id FROM period_rows)")
}
