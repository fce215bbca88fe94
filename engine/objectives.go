package engine

import "cmp"

// objectives knows what is expected of every operation.
type objectives struct {
	all        *Objective
	operations map[string]*Objective // by name, with what they inherit from all
	own        map[string]Objective  // by name, as they were set
	services   map[string]*serviceObjectives
}

// serviceObjectives are the objectives of one service.
type serviceObjectives struct {
	all        *Objective           // with what it inherits
	own        Objective            // as it was set
	operations map[string]Objective // by name, as they were set
}

// newObjectives returns the objectives of a configuration that has its defaults.
func newObjectives(c Config) objectives {
	os := objectives{
		all:        &c.Objective,
		operations: make(map[string]*Objective, len(c.Operations)),
		own:        make(map[string]Objective, len(c.Operations)),
		services:   make(map[string]*serviceObjectives, len(c.Services)),
	}
	for name, s := range c.Services {
		all := s.Objective.Inherit(c.Objective)
		own := &serviceObjectives{all: &all, own: s.Objective, operations: make(map[string]Objective, len(s.Operations))}
		for name, o := range s.Operations {
			own.operations[operationName(name)] = o
		}
		os.services[TruncateName(name)] = own
	}
	return os
}

// set sets the objectives of operations by name; they replace what was set before.
func (os *objectives) set(operations map[string]Objective) {
	for name, o := range operations {
		name = operationName(name)
		os.own[name] = o
		o = o.Inherit(*os.all)
		os.operations[name] = &o
	}
}

// of returns what is expected of an operation. Mostly operations share their objectives.
func (os *objectives) of(key OperationKey) *Objective {
	s := os.services[key.Service]
	if s == nil {
		return cmp.Or(os.operations[key.Name], os.all)
	}
	inService, isInService := s.operations[key.Name]
	anywhere, isAnywhere := os.own[key.Name]
	if !isInService && !isAnywhere {
		return s.all
	}
	o := inService.Inherit(anywhere).Inherit(*s.all)
	return &o
}

// each calls f for every objective that an operation can have.
func (os *objectives) each(f func(*Objective)) {
	f(os.all)
	for _, o := range os.operations {
		f(o)
	}
	for _, s := range os.services {
		f(s.all)
		for name := range s.operations {
			o := s.operations[name].Inherit(os.own[name]).Inherit(*s.all)
			f(&o)
		}
		for name := range os.own {
			o := os.own[name].Inherit(*s.all)
			f(&o)
		}
	}
}
