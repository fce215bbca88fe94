package detection

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/baseline"
	"github.com/blurooo/go-monitor/v2/engine"
)

// fault is one recording with a fault in it, as faults.json describes it.
type fault struct {
	File       string `json:"file"`
	System     string `json:"system"`
	Healthy    string `json:"healthy"`
	InjectUnix int64  `json:"inject_unix"`
	Service    string `json:"service"`
	Fault      string `json:"fault"`
	Shows      bool   `json:"shows_in_spans"`
}

// sharedFolder returns a folder with recordings, or skips the test.
func sharedFolder(t *testing.T, name string) string {
	t.Helper()
	for _, up := range []string{"../..", "../../.."} {
		if dir := filepath.Join(up, "shared", name); exists(dir) {
			return dir
		}
	}
	t.Skipf("there are no recordings in shared/%s", name)
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// play calls each for the slices of recordings that follow each other, and returns when the first
// span ended, and the first one from a time on.
func play(t *testing.T, each func(*engine.Slice), from time.Time, files ...string) (first, data time.Time) {
	t.Helper()
	config := new(gomonitorconnector.Config)
	reader, err := gomonitorconnector.NewSpanReader(config)
	if err != nil {
		t.Fatal(err)
	}
	var timeline *engine.Timeline
	for _, file := range files {
		player := recording.Player{Files: []string{file}, Reader: reader, Grace: 10 * time.Second}
		_, err := player.Play(context.Background(), func(s *engine.Span) {
			now := time.Unix(0, s.End).UTC()
			if timeline == nil {
				if timeline, err = engine.NewTimeline(config.Timeline(), now); err != nil {
					t.Fatal(err)
				}
				timeline.Repeatable()
				timeline.Sliced(each)
				first = now
			}
			if data.IsZero() && !now.Before(from) {
				data = now
			}
			timeline.Advance(now, nil, func(*engine.Period) {})
			timeline.Add(s)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if timeline != nil {
		timeline.Close(nil, func(*engine.Period) {})
	}
	return first, data
}

// learned returns a detector that knows what a healthy recording shows.
func learned(t *testing.T, file string) []byte {
	t.Helper()
	d := baseline.NewLearner(baseline.Config{})
	play(t, func(s *engine.Slice) { d.Observe(s, nil) }, time.Time{}, file)
	d.Settle()
	return d.Snapshot()
}

// watch returns the changes that a detector reports as begun.
func watch(t *testing.T, d *baseline.Detector, from time.Time, files ...string) (began []baseline.Change, data time.Time) {
	t.Helper()
	_, data = play(t, func(s *engine.Slice) {
		for _, c := range d.Observe(s, nil) {
			if c.State == baseline.ChangeBegan {
				began = append(began, c)
			}
		}
	}, from, files...)
	return began, data
}

// firstRoot returns the service that is named first: more is known a slice after the first change.
func firstRoot(changes []baseline.Change) string {
	last := changes[0]
	for _, c := range changes {
		if c.At.Sub(changes[0].At) <= 3*time.Second {
			last = c
		}
	}
	return last.Roots[0].Service
}

// row is what became of the recordings of one kind of fault.
type row struct{ recordings, inTime, ever, right, early int }

func (r *row) add(o row) {
	r.recordings += o.recordings
	r.inTime += o.inTime
	r.ever += o.ever
	r.right += o.right
	r.early += o.early
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// TestRecordedFaults learns what is usual from a minute of healthy traffic and looks for the faults
// of the other recordings. It prints the table of docs/detection.md with -v.
func TestRecordedFaults(t *testing.T) {
	var all row
	for _, folder := range []string{"traces", "traces-ob"} {
		dir := sharedFolder(t, folder)
		text, err := os.ReadFile(filepath.Join(dir, "faults.json"))
		if err != nil {
			t.Fatal(err)
		}
		var faults []fault
		if err := json.Unmarshal(text, &faults); err != nil {
			t.Fatal(err)
		}
		snapshots := make(map[string][]byte)
		rows := make(map[string]*row)
		for _, f := range faults {
			if snapshots[f.Healthy] == nil {
				snapshots[f.Healthy] = learned(t, filepath.Join(dir, f.Healthy))
			}
			d := baseline.New(baseline.Config{})
			if err := d.Restore(snapshots[f.Healthy]); err != nil {
				t.Fatal(err)
			}
			at := time.Unix(f.InjectUnix, 0).UTC()
			changes, data := watch(t, d, at, filepath.Join(dir, f.File))
			after := slices.DeleteFunc(slices.Clone(changes), func(c baseline.Change) bool { return !c.At.After(at) })
			r := row{
				recordings: 1,
				ever:       one(len(after) > 0),
				inTime:     one(len(after) > 0 && after[0].At.Sub(data) <= time.Minute),
				right:      one(len(after) > 0 && firstRoot(after) == f.Service),
				early:      one(len(after) < len(changes)),
			}
			name := f.System + " | " + strings.ReplaceAll(f.Fault, "_", " ") + " | yes"
			if !f.Shows {
				name = f.System + " | " + strings.ReplaceAll(f.Fault, "_", " ") + " | hardly"
			} else {
				all.add(r)
			}
			if rows[name] == nil {
				rows[name] = new(row)
			}
			rows[name].add(r)
			if len(after) > 0 {
				t.Logf("%s: %s of %s: after %s, %s is named", f.File, f.Fault, f.Service, after[0].At.Sub(at), firstRoot(after))
			} else {
				t.Logf("%s: %s of %s: nothing", f.File, f.Fault, f.Service)
			}
		}
		names := make([]string, 0, len(rows))
		for name := range rows {
			names = append(names, name)
		}
		slices.Sort(names)
		var b strings.Builder
		b.WriteString("| system | fault | shows in times | recordings | within 60 s | ever | right service first | early |\n|---|---|---|--:|--:|--:|--:|--:|\n")
		for _, name := range names {
			r := rows[name]
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", name, r.recordings, r.inTime, r.ever, r.right, r.early)
		}
		t.Logf("\n%s", b.String())
	}
	t.Logf("all that show: %+v", all)
	if 10*all.inTime < 9*all.recordings {
		t.Errorf("%d of %d faults were found in time, want nine of ten", all.inTime, all.recordings)
	}
	if 10*all.right < 9*all.inTime {
		t.Errorf("%d of %d name the right service first, want nine of ten", all.right, all.inTime)
	}
	if 10*all.early > all.recordings {
		t.Errorf("%d of %d recordings have an alert before the fault, want at most one of ten", all.early, all.recordings)
	}
}

// TestHealthyHours counts the false episodes in hours without a fault, of a detector that learns
// as it goes and of one that learned from the first half hour.
func TestHealthyHours(t *testing.T) {
	dir := sharedFolder(t, "traces-long")
	files, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	if err != nil || len(files) < 2 {
		t.Skip("there are no long recordings")
	}
	slices.Sort(files)
	live, _ := watch(t, baseline.New(baseline.Config{}), time.Time{}, files...)
	d := baseline.New(baseline.Config{})
	if err := d.Restore(learned(t, files[0])); err != nil {
		t.Fatal(err)
	}
	known, _ := watch(t, d, time.Time{}, files[1:]...)
	for name, changes := range map[string][]baseline.Change{"nothing learned": live, "half an hour learned": known} {
		episodes := 0
		for i, c := range changes {
			if i == 0 || c.At.Sub(changes[i-1].At) > time.Minute {
				episodes++
				t.Logf("%s: %s: %s of %s", name, c.At.Format(time.TimeOnly), c.Part.Name, c.Part.Service)
			}
		}
		t.Logf("%s: %d episodes", name, episodes)
		if episodes > 1 {
			t.Errorf("%s: %d false episodes, want at most one", name, episodes)
		}
	}
}
