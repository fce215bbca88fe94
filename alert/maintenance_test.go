package alert

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones are there whatever the system has
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// A weekly maintenance is on while the clock on the wall says so, also when clocks are changed.
func TestMaintenanceByTheClockOnTheWall(t *testing.T) {
	tests := []struct {
		name string
		m    Maintenance
		zone string
		// The time, and how long it takes until the silence ends; 0: there is none.
		want map[string]string
	}{
		{"every day", Maintenance{From: "02:00", To: "04:00"}, "UTC", map[string]string{
			"2026-03-04 01:59:59": "0s", "2026-03-04 02:00:00": "2h", "2026-03-04 03:59:00": "1m", "2026-03-04 04:00:00": "0s",
		}},
		{"over midnight", Maintenance{From: "22:30", To: "01:00", Days: []string{"sat"}}, "UTC", map[string]string{
			"2026-03-07 22:29:00": "0s", "2026-03-07 22:30:00": "2h30m", "2026-03-08 00:59:00": "1m", "2026-03-08 01:00:00": "0s",
			"2026-03-08 23:00:00": "0s", "2026-03-07 00:30:00": "0s",
		}},
		{"whole days", Maintenance{From: "00:00", To: "24:00", Days: []string{"Saturday", "sunday"}}, "UTC", map[string]string{
			"2026-03-06 23:59:00": "0s", "2026-03-07 00:00:00": "48h", "2026-03-08 12:00:00": "12h", "2026-03-09 00:00:00": "0s",
		}},
		{"always", Maintenance{From: "00:00", To: "24:00"}, "UTC", map[string]string{"2026-03-07 12:00:00": "168h"}},
		{"another zone", Maintenance{From: "02:00", To: "04:00", TimeZone: "Asia/Shanghai"}, "UTC", map[string]string{
			"2026-03-03 17:59:00": "0s", "2026-03-03 18:00:00": "2h", "2026-03-03 20:00:00": "0s",
		}},
		{"half an hour off", Maintenance{From: "02:00", To: "04:00", TimeZone: "Asia/Kolkata"}, "UTC", map[string]string{
			"2026-03-03 20:29:00": "0s", "2026-03-03 20:30:00": "2h",
		}},
		{"clocks are set forward: 02:00 is 03:00", Maintenance{From: "01:00", To: "04:00", Days: []string{"sun"}, TimeZone: "Europe/Berlin"}, "UTC", map[string]string{
			"2026-03-28 23:59:00": "0s", "2026-03-29 00:00:00": "2h", "2026-03-29 01:30:00": "30m", "2026-03-29 02:00:00": "0s", "2026-04-05 00:00:00": "2h", "2026-04-04 23:00:00": "3h",
		}},
		{"clocks are set forward: what is left out is not there", Maintenance{From: "02:00", To: "03:00", TimeZone: "Europe/Berlin"}, "UTC", map[string]string{
			"2026-03-28 01:00:00": "1h", "2026-03-29 00:59:00": "0s", "2026-03-29 01:00:00": "0s", "2026-03-30 00:00:00": "1h",
		}},
		{"clocks are set back: what comes twice is silenced twice", Maintenance{From: "02:00", To: "03:00", TimeZone: "Europe/Berlin"}, "UTC", map[string]string{
			"2026-10-25 00:00:00": "2h", "2026-10-25 00:30:00": "1h30m", "2026-10-25 01:30:00": "30m", "2026-10-25 02:00:00": "0s",
		}},
		{"once", Maintenance{Start: time.Date(2026, 3, 7, 22, 0, 0, 0, time.UTC), End: time.Date(2026, 3, 9, 4, 0, 0, 0, time.UTC)}, "UTC", map[string]string{
			"2026-03-07 21:59:59": "0s", "2026-03-07 22:00:00": "30h", "2026-03-09 03:59:59": "1s", "2026-03-09 04:00:00": "0s", "2027-03-08 00:00:00": "0s",
		}},
		{"whoever asks from elsewhere", Maintenance{From: "02:00", To: "04:00"}, "America/New_York", map[string]string{
			"2026-03-03 20:59:00": "0s", "2026-03-03 21:00:00": "2h",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.m.plan()
			if err != nil {
				t.Fatal(err)
			}
			for at, want := range tt.want {
				now, err := time.ParseInLocation(time.DateTime, at, zone(t, tt.zone))
				if err != nil {
					t.Fatal(err)
				}
				got := time.Duration(0)
				if p.isOn(now) {
					got = p.until(now).Sub(now)
				}
				if Exact(got) != want {
					t.Errorf("%s: %s, want %s", at, Exact(got), want)
				}
			}
		})
	}
}

func TestMaintenanceOfWhat(t *testing.T) {
	a := Alert{Service: "shop", Operation: "GET /users/7"}
	for name, tt := range map[string]struct {
		m    Maintenance
		want bool
	}{
		"of all":                      {Maintenance{}, true},
		"of its name":                 {Maintenance{Operations: []string{"x", "GET /users/*"}}, true},
		"of other names":              {Maintenance{Operations: []string{"x", "POST *"}}, false},
		"of its service":              {Maintenance{Services: []string{"sh*"}}, true},
		"of another service":          {Maintenance{Services: []string{"pay"}}, false},
		"of its name in another":      {Maintenance{Operations: []string{"GET *"}, Services: []string{"pay"}}, false},
		"of another name in its":      {Maintenance{Operations: []string{"POST *"}, Services: []string{"shop"}}, false},
		"of its name in its, in full": {Maintenance{Operations: []string{"GET /users/7"}, Services: []string{"shop"}}, true},
	} {
		tt.m.From, tt.m.To = "00:00", "24:00"
		p, err := tt.m.plan()
		if err != nil || p.silences(&a) != tt.want {
			t.Errorf("%s: %t, %v", name, p.silences(&a), err)
		}
	}
}

func TestValidateMaintenance(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		m    Maintenance
		want []string
	}{
		{Maintenance{From: "02:00", To: "04:00"}, nil},
		{Maintenance{From: "00:00", To: "24:00", Days: []string{"Mon", "TUESDAY"}, TimeZone: "Europe/Berlin", Reason: "x"}, nil},
		{Maintenance{Start: day, End: day.Add(1)}, nil},
		{Maintenance{}, []string{
			`maintenance[1].from: must be a time of day, such as 04:30, got ""`,
			`maintenance[1].to: must be a time of day, such as 04:30, got ""`,
		}},
		{Maintenance{From: "2", To: "25:00"}, []string{
			`maintenance[1].from: must be a time of day, such as 04:30, got "2"`,
			`maintenance[1].to: must be a time of day, such as 04:30, got "25:00"`,
		}},
		{Maintenance{From: "02:00", To: "02:00"}, []string{`maintenance[1].to: must differ from from; a whole day is from 00:00 to 24:00, got "02:00"`}},
		{Maintenance{From: "02:00", To: "03:00", TimeZone: "Berlin"}, []string{`maintenance[1].time_zone: must be one of the IANA database, such as Europe/Berlin, got "Berlin"`}},
		{Maintenance{From: "02:00", To: "03:00", Days: []string{"mon", "someday"}}, []string{`maintenance[1].days[1]: must be a day of the week, such as monday or mon, got "someday"`}},
		{Maintenance{Start: day}, []string{`maintenance[1].end: must be after start, 2026-03-01T00:00:00Z, got 0001-01-01T00:00:00Z`}},
		{Maintenance{End: day}, []string{`maintenance[1].end: must be after start`}},
		{Maintenance{Start: day, End: day}, []string{`maintenance[1].end: must be after start`}},
		{Maintenance{From: "02:00", To: "03:00", Start: day, End: day.Add(1)}, []string{`maintenance[1].start and end are for what comes once`}},
	}
	for _, tt := range tests {
		err := ValidateMaintenance([]Maintenance{{From: "01:00", To: "02:00"}, tt.m})
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%+v: %v", tt.m, err)
		}
		for _, want := range tt.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", tt.m, err, want)
			}
		}
	}
}
