package alert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/wildcard"
)

// Maintenance is a time in which alerts are silenced: judged and kept as ever, but not sent (see
// [Silencer]). It comes every week (From, To and Days) or once (Start and End).
type Maintenance struct {
	// Operations are the names of those that are silenced. A * stands for any text, and a name may
	// stand behind a span kind: "client: GET /users/*". Default: all.
	Operations []string `mapstructure:"operations"`
	// Services are the names of the services whose operations are silenced, as above. Default:
	// all.
	Services []string `mapstructure:"services"`
	// From and To are times of day, such as "22:30" and "04:00"; To may be "24:00", and where it is
	// not after From it is that of the next day. They are what a clock on the wall shows: where it
	// is set back, an hour that comes twice is silenced twice, and one that is left out is not there.
	From string `mapstructure:"from"`
	To   string `mapstructure:"to"`
	// Days are the days of the week on which From is: "monday" or "mon". Default: every day.
	Days []string `mapstructure:"days"`
	// TimeZone is that of From and To, such as "Europe/Berlin". Default: UTC.
	TimeZone string `mapstructure:"time_zone"`
	// Start and End are the beginning and the end of what comes once.
	Start time.Time `mapstructure:"start"`
	End   time.Time `mapstructure:"end"`
	// Reason says what it is for.
	Reason string `mapstructure:"reason"`
}

// ValidateMaintenance returns one error for each invalid field of a list, joined; each names the key
// below maintenance and quotes the value.
func ValidateMaintenance(list []Maintenance) error {
	_, err := plans(list)
	return err
}

// plans returns what a list means.
func plans(list []Maintenance) ([]plan, error) {
	var all []plan
	var errs []error
	for i := range list {
		p, err := list[i].plan()
		all = append(all, p)
		errs = append(errs, ConfigError(fmt.Sprintf("maintenance[%d]", i), err))
	}
	return all, errors.Join(errs...)
}

// plan is a Maintenance that was understood.
type plan struct {
	who        []matcher
	services   []wildcard.Pattern
	start, end time.Time // of what comes once
	from, to   int       // minutes of the day
	days       [7]bool   // by time.Weekday
	zone       *time.Location
	reason     string

	// What until found out: it is on from asked to ends.
	asked, ends time.Time
}

const minutesADay = 24 * 60

var weekdays = func() map[string]time.Weekday {
	days := make(map[string]time.Weekday)
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := strings.ToLower(d.String())
		days[name], days[name[:3]] = d, d
	}
	return days
}()

func (m *Maintenance) plan() (plan, error) {
	p := plan{reason: m.Reason, start: m.Start, end: m.End, zone: time.UTC}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, name := range m.Operations {
		p.who = append(p.who, newMatcher(name))
	}
	for _, name := range m.Services {
		p.services = append(p.services, wildcard.New(name))
	}
	isWeekly := m.From != "" || m.To != "" || len(m.Days) > 0 || m.TimeZone != ""
	isOnce := !m.Start.IsZero() || !m.End.IsZero()
	switch {
	case isWeekly && isOnce:
		bad("start and end are for what comes once, from, to, days and time_zone for what comes every week: set those of one")
	case isOnce && (m.Start.IsZero() || !m.End.After(m.Start)):
		bad("end: must be after start, %s, got %s", m.Start.Format(time.RFC3339), m.End.Format(time.RFC3339))
	case !isOnce:
		var err error
		if p.from, err = minuteOfDay(m.From); err != nil {
			bad("from: %w", err)
		}
		if p.to, err = minuteOfDay(m.To); err != nil {
			bad("to: %w", err)
		}
		if len(errs) == 0 && p.from == p.to {
			bad("to: must differ from from; a whole day is from 00:00 to 24:00, got %q", m.To)
		}
		if p.zone, err = time.LoadLocation(m.TimeZone); err != nil {
			bad("time_zone: must be one of the IANA database, such as Europe/Berlin, got %q: %w", m.TimeZone, err)
		}
	}
	for i, name := range m.Days {
		day, ok := weekdays[strings.ToLower(name)]
		if !ok {
			bad("days[%d]: must be a day of the week, such as monday or mon, got %q", i, name)
		}
		p.days[day] = true
	}
	if len(m.Days) == 0 {
		p.days = [7]bool{true, true, true, true, true, true, true}
	}
	return p, errors.Join(errs...)
}

// minuteOfDay reads a time of day.
func minuteOfDay(text string) (int, error) {
	if text == "24:00" {
		return minutesADay, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("must be a time of day, such as 04:30, got %q", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// isOn reports whether the time has come.
func (p *plan) isOn(now time.Time) bool {
	if !p.start.IsZero() {
		return !now.Before(p.start) && now.Before(p.end)
	}
	local := now.In(p.zone)
	minute, today := local.Hour()*60+local.Minute(), local.Weekday()
	if p.from < p.to {
		return p.days[today] && p.from <= minute && minute < p.to
	}
	yesterday := (today + 6) % 7
	return p.days[today] && p.from <= minute || p.days[yesterday] && minute < p.to
}

// until returns the end of the time that has come. Of one that goes on for weeks it is a week from
// now.
func (p *plan) until(now time.Time) time.Time {
	if !p.start.IsZero() {
		return p.end
	}
	if !now.Before(p.asked) && now.Before(p.ends) {
		return p.ends
	}
	p.asked, p.ends = now, now.Truncate(time.Minute)
	for range 7 * minutesADay {
		p.ends = p.ends.Add(time.Minute)
		if !p.isOn(p.ends) {
			break
		}
	}
	return p.ends
}

// silences reports whether an alert is about what is silenced, whenever that is.
func (p *plan) silences(a *Alert) bool {
	return (len(p.who) == 0 || slices.ContainsFunc(p.who, func(m matcher) bool { return m.fits(a) })) &&
		(len(p.services) == 0 || slices.ContainsFunc(p.services, func(n wildcard.Pattern) bool { return n.Fits(a.Service) }))
}
