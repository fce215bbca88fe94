package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testDocument() *Document {
	return &Document{
		Monitor: "shop\n\xff", Instance: "web-1:7", Period: time.Minute, PeriodEnd: time.Date(2026, 3, 4, 5, 6, 0, 7, time.UTC),
		Sections: map[string]Section{"alerts": {1, json.RawMessage(`{"periods":3}`)}, "later": {2, json.RawMessage(`[1,"x"]`)}},
	}
}

func encoded(t testing.TB, d *Document) []byte {
	t.Helper()
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDocumentComesBack(t *testing.T) {
	d := testDocument()
	d.Monitor = "shop"
	got, err := Decode(encoded(t, d))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("it came back otherwise (-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := string(encoded(t, testDocument()))
	line, body, _ := strings.Cut(good, "\n")
	tests := []struct {
		name, text string
		want       error
	}{
		{"nothing", "", errCorrupt},
		{"something else", "{}", errCorrupt},
		{"cut in the first line", good[:30], errCorrupt},
		{"cut in the body", good[:len(good)-10], errCorrupt},
		{"cut to the first line", line + "\n", errCorrupt},
		{"a byte more", good + "x", errCorrupt},
		{"another byte", strings.Replace(good, `"periods":3`, `"periods":4`, 1), errCorrupt},
		{"version 0", strings.Replace(good, "state 1 ", "state 0 ", 1), errCorrupt},
		{"a version that is none", strings.Replace(good, "state 1 ", "state x ", 1), errCorrupt},
		{"newer", strings.Replace(good, "state 1 ", "state 2 ", 1), errNewer},
		{"newer, in another form", magic + " 9 zstd\n" + body, errNewer},
		{"no checksum", strings.Join(strings.Fields(line)[:4], " ") + "\n" + body, errCorrupt},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Decode([]byte(test.text)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// Whatever is in a file: it is read, or refused with an error of one short line.
func FuzzDecode(f *testing.F) {
	good := encoded(f, testDocument())
	f.Add(good)
	f.Add(good[:40])
	f.Add([]byte(magic + " 1 2 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n{}\n"))
	f.Add([]byte(magic + " 99999999999999999999 x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(data)
		if err != nil {
			if len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		again, err := Decode(encoded(t, d))
		if err != nil || !bytes.Equal(encoded(t, again), encoded(t, d)) {
			t.Errorf("%+v came back as %+v, %v", d, again, err)
		}
	})
}
