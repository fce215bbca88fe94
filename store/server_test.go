package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// server is a PostgreSQL server of the tests' own: in a folder that is removed afterwards,
// on a Unix socket in it, started and stopped as a plain process.
type server struct {
	once      sync.Once
	err       error
	bin, dir  string
	owner     *syscall.Credential // PostgreSQL refuses to run as root
	cmd       *exec.Cmd
	databases int
}

// testServer is started by the first test that needs it.
var testServer server

// secret is the password in all DSNs of the tests; the server does not ask for it.
const secret = "s3cr3t-p4ss"

// newPostgres returns the DSN of a new database. Without PostgreSQL's programs the test is
// skipped, or fails if GO_MONITOR_NO_SKIP=1.
func newPostgres(t testing.TB) string {
	t.Helper()
	s := &testServer
	s.once.Do(func() { s.err = s.init() })
	if errors.Is(s.err, exec.ErrNotFound) {
		const missing = "NOT TESTED against a real PostgreSQL: there is no initdb. To install it: apt-get install -y --no-install-recommends postgresql"
		if os.Getenv("GO_MONITOR_NO_SKIP") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	s.databases++
	name := fmt.Sprintf("test%d", s.databases)
	admin, err := sql.Open("pgx", s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.dsn(name)
}

func (s *server) dsn(database string) string {
	return "postgres://gomonitor:" + secret + "@/" + database + "?host=" + url.QueryEscape(s.dir)
}

// init finds the programs, makes a database cluster and starts the server.
func (s *server) init() (err error) {
	if s.bin, err = postgresPrograms(); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return fmt.Errorf("root needs a user for PostgreSQL: %w", err)
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	if s.dir, err = os.MkdirTemp("/tmp", "gomonitor-pg"); err != nil { // a socket's path must be short
		return err
	}
	if s.owner != nil {
		if err := os.Chown(s.dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return err
		}
	}
	initdb := s.command("initdb", "-D", s.data(), "-U", "gomonitor", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s.start()
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// postgresPrograms returns the folder of the newest version's programs.
func postgresPrograms() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	return filepath.Dir(path), err
}

func (s *server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Pdeathsig: syscall.SIGQUIT}
	return cmd
}

// start runs the server and waits until it answers.
func (s *server) start() error {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.cmd = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	db, err := sql.Open("pgx", s.dsn("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := awaitServer("PostgreSQL's answer", db.PingContext); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}

// stop ends the server, and all connections to it, at once.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	err := s.cmd.Wait()
	s.cmd = nil
	return err
}

// crash ends the server at once, without a checkpoint: the next start recovers.
func (s *server) crash() error {
	if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	err := s.cmd.Wait()
	s.cmd = nil
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil // its exit code after SIGQUIT
	}
	return err
}

// remove deletes the server's folder.
func (s *server) remove() {
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// eachDatabase runs a test with a new database of each kind.
func eachDatabase(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

// newSQLite returns the DSN of a new database.
func newSQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "store.db") }
