package engine

import (
	"math"
	"slices"
	"strings"
	"time"
)

// objectives knows what is expected of every operation.
type objectives struct {
	all        *Objective
	operations namedObjectives // of any service
	services   map[string]*serviceObjectives
	// called are the settings of which an operation was called; without a service, those of
	// operations.
	called   map[calledSetting]bool
	settings int // how many there are
}

type calledSetting struct {
	service   string
	inService bool
	setting
}

// serviceObjectives are the objectives of one service.
type serviceObjectives struct {
	all        *Objective // with what it inherits
	operations namedObjectives
}

// setting says of which operations an objective was set: of those of a name, and of one span kind
// or, with anyKind, of all.
type setting struct {
	kind SpanKind
	name string
}

const (
	anyKind       SpanKind = 0xFF
	kindSeparator          = ": "
)

// settingOf reads a key of a configuration: the name of an operation, which may stand behind a span
// kind, as in "client: GET /users".
func settingOf(key string) setting {
	if kind, name, ok := strings.Cut(key, kindSeparator); ok {
		var k SpanKind
		if k.UnmarshalText([]byte(kind)) == nil {
			return setting{k, operationName(name)}
		}
	}
	return setting{anyKind, operationName(key)}
}

// String returns the key that s was read from.
func (s setting) String() string {
	if s.kind == anyKind {
		return s.name
	}
	return s.kind.String() + kindSeparator + s.name
}

// namedObjectives are objectives as they were set.
type namedObjectives map[setting]Objective

func (n namedObjectives) set(key string, o Objective) { n[settingOf(key)] = o }

// of returns what was set for an operation: for its kind, and where that leaves a field zero, for its
// name.
func (n namedObjectives) of(key OperationKey) Objective {
	return n[setting{key.SpanKind, key.Name}].Inherit(n[setting{anyKind, key.Name}])
}

// newObjectives returns the objectives of a configuration that has its defaults.
func newObjectives(c Config) objectives {
	os := objectives{
		all:        &c.Objective,
		operations: make(namedObjectives, len(c.Operations)),
		services:   make(map[string]*serviceObjectives, len(c.Services)),
		called:     make(map[calledSetting]bool),
	}
	for name, s := range c.Services {
		all := s.Objective.Inherit(c.Objective)
		own := &serviceObjectives{all: &all, operations: make(namedObjectives, len(s.Operations))}
		for name, o := range s.Operations {
			own.operations.set(name, o)
		}
		os.services[TruncateName(name)] = own
	}
	return os
}

// set sets the objectives of operations by name; they replace what was set before.
func (os *objectives) set(operations map[string]Objective) {
	for name, o := range operations {
		os.operations.set(name, o)
	}
	os.count()
}

// of returns what is expected of an operation. Operations of which nothing special is expected
// share it.
func (os *objectives) of(key OperationKey) *Objective {
	all, own := os.all, Objective{}
	if s := os.services[key.Service]; s != nil {
		all, own = s.all, s.operations.of(key)
	}
	own = own.Inherit(os.operations.of(key))
	if own == (Objective{}) {
		return all
	}
	own = own.Inherit(*all)
	return &own
}

// count counts the settings.
func (os *objectives) count() {
	os.settings = len(os.operations)
	for _, s := range os.services {
		os.settings += len(s.operations)
	}
}

// isNamed reports whether something special is expected of an operation, and notes that it was
// called.
func (os *objectives) isNamed(key OperationKey) (isNamed bool) {
	for _, set := range [...]setting{{key.SpanKind, key.Name}, {anyKind, key.Name}} {
		if _, ok := os.operations[set]; ok {
			os.called[calledSetting{setting: set}] = true
			isNamed = true
		}
		if s := os.services[key.Service]; s != nil {
			if _, ok := s.operations[set]; ok {
				os.called[calledSetting{key.Service, true, set}] = true
				isNamed = true
			}
		}
	}
	return isNamed
}

// uncalled returns the keys, as a user would write them, of which no operation was ever called.
func (os *objectives) uncalled() []string {
	var keys []string
	for name := range os.operations {
		if !os.called[calledSetting{setting: name}] {
			keys = append(keys, entry("operations", name.String()))
		}
	}
	for service, s := range os.services {
		for name := range s.operations {
			if !os.called[calledSetting{service, true, name}] {
				keys = append(keys, entry("services", service)+"."+entry("operations", name.String()))
			}
		}
	}
	return slices.Sorted(slices.Values(keys))
}

// each calls f for every objective that an operation can have.
func (os *objectives) each(f func(*Objective)) {
	with := func(own Objective, all *Objective) {
		own = own.Inherit(*all)
		f(&own)
	}
	f(os.all)
	for _, o := range os.operations {
		with(o, os.all)
	}
	for _, s := range os.services {
		f(s.all)
		for name := range s.operations {
			with(s.operations[name].Inherit(os.operations[name]), s.all)
		}
		for name := range os.operations {
			with(os.operations[name], s.all)
		}
	}
}

// leastTarget returns the shortest latency target there is.
func (o *objectives) leastTarget() time.Duration {
	least := time.Duration(math.MaxInt64)
	o.each(func(o *Objective) {
		if o.LatencyTarget > 0 {
			least = min(least, o.LatencyTarget)
		}
	})
	return least
}
