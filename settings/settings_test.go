package settings

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Ratio float64       `mapstructure:"ratio"`
	Wait  time.Duration `mapstructure:"wait"`
}

type level int

func (l *level) UnmarshalText(text []byte) error {
	*l = level(len(text))
	return nil
}

type outer struct {
	inner  `mapstructure:",squash"`
	Name   string           `mapstructure:"name"`
	Size   int              `mapstructure:"max_size"`
	On     bool             `mapstructure:"on"`
	Levels []level          `mapstructure:"levels"`
	Below  inner            `mapstructure:"below"`
	By     map[string]inner `mapstructure:"by"`
	At     time.Time        `mapstructure:"at"`
	Own    int              `mapstructure:"-"`
}

func TestPut(t *testing.T) {
	var got outer
	err := Put(map[string]any{
		"ratio": 1, "wait": "3s", "name": "x", "max_size": 5, "on": true, "levels": []any{"ab", "abc"},
		"below": map[string]any{"ratio": 0.5}, "by": map[string]any{"GET /": map[string]any{"wait": "1m"}}, "Own": nil,
	}, &got)
	if err == nil || !strings.Contains(err.Error(), "Own: no such key") {
		t.Errorf("%v, want an error about Own", err)
	}
	want := outer{
		inner: inner{Ratio: 1, Wait: 3 * time.Second}, Name: "x", Size: 5, On: true, Levels: []level{2, 3},
		Below: inner{Ratio: 0.5}, By: map[string]inner{"GET /": {Wait: time.Minute}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Errors name the key, quote the value and say what was probably meant.
func TestPutErrors(t *testing.T) {
	for want, values := range map[string]map[string]any{
		`max_sise: no such key, probably max_size is meant`:           {"max_sise": 1},
		`colour: no such key, want one of at, below, by,`:             {"colour": 1},
		`wait: 5 has no unit, probably 5ms or 5s is meant`:            {"wait": 5},
		`below.ratio: want a number, got "much"`:                      {"below": map[string]any{"ratio": "much"}},
		`by["GET /"].wait: want a duration such as 300ms, got "soon"`: {"by": map[string]any{"GET /": map[string]any{"wait": "soon"}}},
		`levels: want a list, got "x"`:                                {"levels": "x"},
		`levels[1]: want a text, got "2"`:                             {"levels": []any{"a", 2}},
		`on: want true or false, got "yes"`:                           {"on": "yes"},
		`max_size: want a whole number, got "1.5"`:                    {"max_size": 1.5},
		`below: want keys below it, got a list`:                       {"below": []any{}},
		`name: want a text, got "` + strings.Repeat("7", 40):          {"name": math.MaxInt},
	} {
		if strings.HasPrefix(want, "name") {
			want = `name: want a text, got "9223372036854775807"`
		}
		var o outer
		if err := Put(values, &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A time is one that YAML knows, or a text.
func TestPutTime(t *testing.T) {
	want := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, value := range []any{want, "2026-03-01T09:00:00Z"} {
		var o outer
		if err := Put(map[string]any{"at": value}, &o); err != nil || !o.At.Equal(want) {
			t.Errorf("%v: %v, %v", value, o.At, err)
		}
	}
	var o outer
	if err := Put(map[string]any{"at": "soon"}, &o); err == nil || !strings.Contains(err.Error(), "at: ") {
		t.Errorf("%v", err)
	}
}

func TestPutText(t *testing.T) {
	var o outer
	for key, text := range map[string]string{"ratio": "0.5", "wait": "2s", "name": "5", "max_size": "7", "on": "true", "levels": "a, bb", "below_wait": "1s"} {
		Fields(&o, func(keys []string, v reflect.Value) {
			if strings.Join(keys, "_") == key {
				if err := PutText("X", text, v); err != nil {
					t.Error(err)
				}
			}
		})
	}
	want := outer{inner: inner{Ratio: 0.5, Wait: 2 * time.Second}, Name: "5", Size: 7, On: true, Levels: []level{1, 2}, Below: inner{Wait: time.Second}}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got %+v, want %+v", o, want)
	}
	if err := PutText("GO_SIZE", "many", reflect.ValueOf(&o).Elem().FieldByName("Size")); err == nil || err.Error() != `GO_SIZE: want a whole number, got "many"` {
		t.Errorf("%v", err)
	}
}
