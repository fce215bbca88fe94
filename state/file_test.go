package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var ctx = context.Background()

// load loads a home, which must work.
func load(t *testing.T, s Store) string {
	t.Helper()
	data, err := s.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// filesIn returns the names of the files in a folder.
func filesIn(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestHomes does with each home what a keeper does.
func TestHomes(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (s, same Store){
		"file": func(t *testing.T) (s, same Store) {
			path := filepath.Join(t.TempDir(), "state")
			return File(path), File(path)
		},
		"memory": func(*testing.T) (s, same Store) { m := Memory(); return m, m },
	} {
		t.Run(name, func(t *testing.T) {
			s, same := open(t)
			if data, err := s.Load(ctx); data != nil || err != nil {
				t.Fatalf("a new home holds %q, %v", data, err)
			}
			if where, err := s.SetAside(ctx); where != "" || err != nil {
				t.Errorf("nothing was set aside at %q, %v", where, err)
			}
			must(t, s.Save(ctx, []byte("one")))
			must(t, s.Save(ctx, []byte("two, and longer")))
			if _, err := same.Load(ctx); !errors.Is(err, ErrInUse) {
				t.Errorf("a second one gets %v, want ErrInUse", err)
			}
			must(t, s.Close(ctx))
			must(t, s.Close(ctx))
			if got := load(t, same); got != "two, and longer" {
				t.Errorf("it holds %q", got)
			}
			_, err := same.SetAside(ctx)
			must(t, err)
			must(t, same.Close(ctx))
			if data, err := s.Load(ctx); data != nil || err != nil {
				t.Errorf("what was set aside is there: %q, %v", data, err)
			}
			must(t, s.Close(ctx))
		})
	}
}

func TestFileIsPrivateAndAlone(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "state")
	// What a crash left, or somebody put there, is not written to.
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	must(t, os.WriteFile(elsewhere, []byte("mine"), 0o600))
	must(t, os.Symlink(elsewhere, path+".new"))
	s := File(path)
	load(t, s)
	must(t, s.Save(ctx, []byte("x")))
	if text, err := os.ReadFile(elsewhere); err != nil || string(text) != "mine" {
		t.Errorf("another file holds %q, %v", text, err)
	}
	info, err := os.Stat(path)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s, want 0600", info.Mode())
	}
	if got := filesIn(t, folder); got != "state state.lock" {
		t.Errorf("files: %s", got)
	}
	where, err := s.SetAside(ctx)
	must(t, err)
	if text, err := os.ReadFile(where); err != nil || string(text) != "x" || !strings.HasPrefix(where, path+".aside-") {
		t.Errorf("%q holds %q, %v", where, text, err)
	}
	must(t, s.Close(ctx))
}

func TestFileThatCanNotBe(t *testing.T) {
	s := File(filepath.Join(t.TempDir(), "no", "such", "folder"))
	if _, err := s.Load(ctx); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	if err := s.Save(ctx, nil); err == nil {
		t.Error("it was written without a lock")
	}
	must(t, s.Close(ctx))
}

// A value that is too large for a state is not read into memory as a whole, and is no state.
func TestFileThatIsTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, err := os.Create(path)
	must(t, err)
	must(t, errors.Join(f.Truncate(10*MaxBytes), f.Close()))
	s := File(path)
	if got := len(load(t, s)); got != MaxBytes+1 {
		t.Errorf("%d bytes were read", got)
	}
	must(t, s.Close(ctx))
}
