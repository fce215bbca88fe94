package monitor

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"
	"go.yaml.in/yaml/v3"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/keyed"
	"github.com/blurooo/go-monitor/v2/settings"
	"github.com/blurooo/go-monitor/v2/state"
)

// fileSettings are the settings that a file or the environment can hold: those of [Config] that
// are plain data, under the keys of the service.
type fileSettings struct {
	engine.Config `mapstructure:",squash"`
	MaxInFlight   int               `mapstructure:"max_in_flight"`
	Outcomes      Outcomes          `mapstructure:"outcomes"`
	Kinds         []engine.SpanKind `mapstructure:"kinds"`
	Rules         []Rule            `mapstructure:"rules"`
	Dimensions    []string          `mapstructure:"dimensions"`
	NoDetails     bool              `mapstructure:"no_details"`
	Delivery      delivery.Config   `mapstructure:"delivery"`
	State         state.Config      `mapstructure:"state"`

	Maintenance []alert.Maintenance `mapstructure:"maintenance"`
}

// serviceOnly are the keys of the service that mean nothing in a program, with what does.
var serviceOnly = map[string]string{
	"notifiers": "set Config.Notifiers in Go", "stores": "set Config.Sinks and Config.Notifiers in Go",
	"services": "is for the service, which watches many", "peer_services": "is for the service",
	"grace": "is for the service", "settle": "is for the service", "adjusted_counts": "is for the service", "logs": "is for the service", "metrics": "is for the service",
}

// maxFile is the largest file of settings, in bytes.
const maxFile = 1 << 20

// FromYAML reads a configuration from a file of YAML. Its keys are those of the service's
// component gomonitor: period, objective, operations and so on; docs/configuration.md has all
// of them. An unknown key is an error, which says what was probably meant, and so is a duration
// without a unit. ${env:NAME} stands for an environment variable, ${env:NAME:-10s} for one with a
// default. What the file does not say is left zero; set Notifiers and Sinks in Go before [New].
func FromYAML(file string) (Config, error) {
	c, err := fromYAML(file)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func fromYAML(file string) (Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return Config{}, err
	}
	defer f.Close() //nolint:errcheck // it was read only
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Config{}, err
	}
	if len(text) > maxFile {
		return Config{}, fmt.Errorf("must be at most %d bytes", maxFile)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return Config{}, err
	}
	variables := settings.Variables{Lookup: os.LookupEnv, Parse: func(text string) (any, error) {
		var v any
		err := yaml.Unmarshal([]byte(text), &v)
		return v, err
	}}
	errs := []error{variables.Expand(values)}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if instead, ok := serviceOnly[key]; ok {
			errs = append(errs, fmt.Errorf("%s: %s", key, instead))
			delete(values, key)
		}
	}
	var s fileSettings
	if errs[0] == nil { // else the values are not what is meant
		errs = append(errs, settings.Put(values, &s))
	}
	c := s.config()
	if err := errors.Join(errs...); err != nil {
		return Config{}, err
	}
	return c, errors.Join(keyed.Below("state", state.Config{File: s.State.File, Disabled: s.State.Disabled}.Validate()), c.Validate())
}

// config returns the settings as a configuration.
func (s *fileSettings) config() Config {
	c := Config{
		Name: s.Name, Service: s.Service, Period: s.Period, Slice: s.Slice, Objective: s.Objective, Operations: s.Operations, Codes: s.Codes,
		Outcomes: s.Outcomes, Rules: s.Rules, Dimensions: s.Dimensions, NoDetails: s.NoDetails, Maintenance: s.Maintenance, Delivery: s.Delivery, Distribution: s.Distribution, Distributions: s.Distributions,
		MaxOperations: s.MaxOperations, MaxCodes: s.MaxCodes, IdlePeriods: s.IdlePeriods, QueueSize: s.QueueSize,
		MaxInFlight: s.MaxInFlight, Histograms: s.Histograms,
		State: s.State.Store(), StateTolerance: s.State.Tolerance,
	}
	if s.Kinds != nil {
		c.Kinds = make([]trace.SpanKind, len(s.Kinds))
		for i, k := range s.Kinds {
			c.Kinds[i] = trace.SpanKind(k)
		}
	}
	return c
}

// envPrefix is that of the environment variables, before a key in upper case.
const envPrefix = "GO_MONITOR_"

// fillFromEnv sets the fields of c that are zero to what the environment says:
// GO_MONITOR_PERIOD, GO_MONITOR_OBJECTIVE_SUCCESS_RATIO and so on, for every key of [FromYAML] that
// has one value. What Go or a file sets wins.
func (c *Config) fillFromEnv() error {
	var s fileSettings
	var errs []error
	var names []string
	settings.Fields(&s, func(keys []string, v reflect.Value) {
		name := envPrefix + strings.ToUpper(strings.Join(keys, "_"))
		names = append(names, name)
		text := os.Getenv(name)
		if text == "" || v.Kind() == reflect.Map {
			return
		}
		errs = append(errs, settings.PutText(name, text, v))
	})
	errs = append(errs, misspelt(names))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fillZero(reflect.ValueOf(c).Elem(), reflect.ValueOf(s.config()))
	return nil
}

// misspelt returns an error for each environment variable that is almost one of the names. The
// service and others have variables with the same beginning, so others are left alone.
func misspelt(names []string) error {
	slices.Sort(names)
	var errs []error
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		key, ok := strings.CutPrefix(name, envPrefix)
		if _, known := slices.BinarySearch(names, name); !ok || known || len(key) < minGuess {
			continue
		}
		if near := settings.Nearest(name, names); near != "" {
			errs = append(errs, fmt.Errorf("%s: no such variable, probably %s is meant", name, near))
		}
	}
	return errors.Join(errs...)
}

// minGuess is the length of a name from which on two other letters are a slip and no other name.
const minGuess = 6

// fillZero sets the zero fields of to, and of structs in it, to those of from.
func fillZero(to, from reflect.Value) {
	for i := range to.NumField() {
		switch f := to.Field(i); {
		case f.Kind() == reflect.Struct:
			fillZero(f, from.Field(i))
		case f.IsZero():
			f.Set(from.Field(i))
		}
	}
}

// Reload takes over the objectives of single operations from a configuration, as from a file
// that was read again: those that are new or changed count from the next period on, and those
// that are gone are back at what all operations inherit; see [Monitor.SetObjective]. So with the
// Maintenance. Everything
// else can't change while the monitor runs: where c has other data, Reload changes nothing, and
// its error names the keys. Functions, notifiers and sinks of c are not looked at.
func (m *Monitor) Reload(c Config) error {
	if err := errors.Join(c.fillFromEnv(), c.Validate()); err != nil {
		return err
	}
	if m.off {
		return nil
	}
	m.reloading.Lock()
	defer m.reloading.Unlock()
	if changed := m.configured.changes(c); len(changed) > 0 {
		return fmt.Errorf("%s: can't change while the monitor runs", strings.Join(changed, ", "))
	}
	if err := m.setObjectives(c.Operations); err != nil {
		return err
	}
	return m.silencer.Plan(c.Maintenance)
}

// changes returns the keys of what differs between two configurations, but for operations.
func (c Config) changes(other Config) []string {
	var keys []string
	differ := func(key string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			keys = append(keys, key)
		}
	}
	differ("name", c.Name, other.Name)
	differ("service", c.Service, other.Service)
	differ("period", c.Period, other.Period)
	differ("slice", c.Slice, other.Slice)
	differ("objective", c.Objective, other.Objective)
	differ("codes", c.Codes, other.Codes)
	differ("outcomes", c.Outcomes, other.Outcomes)
	differ("rules", c.Rules, other.Rules)
	differ("dimensions", c.Dimensions, other.Dimensions)
	differ("no_details", c.NoDetails, other.NoDetails)
	differ("kinds", c.Kinds, other.Kinds)
	differ("delivery", c.Delivery, other.Delivery)
	if other.State != nil {
		differ("state.file", fmt.Sprint(c.State), fmt.Sprint(other.State))
	}
	differ("state.tolerance", c.StateTolerance, other.StateTolerance)
	differ("distribution", c.Distribution, other.Distribution)
	differ("distributions", c.Distributions, other.Distributions)
	differ("max_operations", c.MaxOperations, other.MaxOperations)
	differ("max_codes", c.MaxCodes, other.MaxCodes)
	differ("idle_periods", c.IdlePeriods, other.IdlePeriods)
	differ("queue_size", c.QueueSize, other.QueueSize)
	differ("max_in_flight", c.MaxInFlight, other.MaxInFlight)
	differ("histograms", c.Histograms, other.Histograms)
	return keys
}
