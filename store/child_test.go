package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// killedInstance is the instance of all children: one that is started again after another.
const killedInstance = "web-1"

// child is what the test binary does as a process of its own. Its last argument is the DSN of
// the database.
func child(what string) int {
	dsn := os.Args[len(os.Args)-1]
	ctx := context.Background()
	s, err := Open(ctx, Config{DSN: dsn, Instance: killedInstance, Timeout: time.Minute})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	switch what {
	case "open":
	case "write":
		if err := writeUntilKilled(ctx, s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := s.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// writeUntilKilled writes the periods that are not in the database, without an end. It says
// so when the first one is written and some more are in the buffer: as many as the process's
// first argument tells.
func writeUntilKilled(ctx context.Context, s *Store) error {
	ahead, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	var begin int
	if err := s.db.reads.QueryRowContext(ctx, "SELECT count(*) FROM periods").Scan(&begin); err != nil {
		return err
	}
	for i := begin; ; i++ {
		if err := s.Consume(ctx, killedPeriod(i)); err != nil {
			return err
		}
		if i == begin || i > begin+ahead {
			if err := s.Flush(ctx); err != nil {
				return err
			}
		}
		if i == begin+ahead {
			fmt.Println("begun")
		}
	}
}

// childCommand returns a command that is child(what).
func childCommand(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
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

// killedPeriod returns the period that a child writes after i others. Writing it takes much
// longer than filling the buffer, so the kill comes in the middle of one, and the more periods
// are ahead in the buffer, the later in it.
func killedPeriod(i int) engine.Period {
	return bigPeriod(500, start.Add(time.Duration(i)*time.Minute))
}

// A process that is killed while it writes leaves every period completely, or not at all,
// and nothing in the way of the next one, which writes what is missing.
func TestKilled(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		const kills = 5
		for i := range kills {
			kill(t, childCommand(t, "write", strconv.Itoa(1+11*i), dsn))
		}
		s := openStore(t, Config{DSN: dsn, Instance: killedInstance})
		checkComplete(t, s)
		n := number(t, s, "SELECT count(*) FROM periods")
		if n < kills {
			t.Errorf("%d periods were written before %d kills", n, kills)
		}
		t.Logf("%d periods", n)
		for i := range n + 1 { // all that they wrote, and what the last of them was at
			mustConsume(t, s, killedPeriod(i))
		}
		checkNumber(t, s, n+1, "SELECT count(*) FROM periods")
		checkComplete(t, s)
		if _, ok := s.db.dialect.(sqlite); ok {
			checkNumber(t, s, 1, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'")
		}
	})
}

// kill starts a child and kills it when it says that it has begun.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
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
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
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
