package main

import (
	"fmt"
	"slices"
	"time"
)

// ours is how we call ourselves in the table.
const ours = "go-monitor"

// probe is one line of the table: one way to do a piece of work, measured once a round.
type probe struct {
	// key names the work in the file for benchstat: "Report/names=100/producers=2".
	key string
	// work names it in the table; who says whose way this is.
	work, who string
	// unit is that of the values, as benchstat has it: "ns/op".
	unit string
	// measure takes one measurement. n is the number of operations; what does not
	// depend on it has n fixed.
	measure func(n int) (sample, error)
	// fixed is the number of operations; 0 finds one that takes as long as a round should.
	fixed int
	// rounds bounds the number of rounds, where more would show the same or take too
	// long; 0 is no bound.
	rounds int
	// baseline is what the table compares this line with, nil for none.
	baseline *probe
	targets  []target

	samples []sample
	note    string // what there is to say about the measurement
}

// sample is what one round measured.
type sample struct {
	n     int
	value float64
	// took is how long the measurement took, with what it does outside the time.
	took time.Duration
	// allocs and bytes were allocated for each operation; hasMemory says whether
	// that was measured.
	hasMemory     bool
	allocs, bytes float64
}

// minimum is the least value of all rounds: what was disturbed least.
func (p *probe) minimum() float64 { return p.sorted()[0] }

// median is the middle one.
func (p *probe) median() float64 {
	v := p.sorted()
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (p *probe) sorted() []float64 {
	v := make([]float64, len(p.samples))
	for i, s := range p.samples {
		v[i] = s.value
	}
	slices.Sort(v)
	return v
}

// memory returns what the round that allocated least allocated for each operation.
func (p *probe) memory() (allocs, bytes float64, ok bool) {
	for i, s := range p.samples {
		if !s.hasMemory {
			return 0, 0, false
		}
		if i == 0 || s.allocs < allocs {
			allocs, bytes = s.allocs, s.bytes
		}
	}
	return allocs, bytes, len(p.samples) > 0
}

// isMeasured reports whether there is anything to say about p; a nil probe was left out.
func (p *probe) isMeasured() bool { return p != nil && len(p.samples) > 0 }

// group is a part of the table.
type group struct {
	title  string
	probes []*probe
	// rounds multiplies the number of rounds, 0 means 1.
	rounds int
	// note stands below the group.
	note  string
	close func()
}

// groupMaker knows how to set up a group.
type groupMaker struct {
	title string
	make  func(settings) (*group, error)
}

// measure sets a group up and measures it, all probes in turn in every round.
func (g groupMaker) measure(s settings) (*group, error) {
	made, err := g.make(s)
	if err != nil {
		return nil, err
	}
	made.title = g.title
	if made.close != nil {
		defer made.close()
	}
	sizes := make([]int, len(made.probes))
	for i, p := range made.probes {
		if sizes[i], err = p.size(s); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", p.who, p.work, err)
		}
	}
	for round := range s.rounds * max(1, made.rounds) {
		for i, p := range made.probes {
			if p.rounds > 0 && round >= p.rounds {
				continue
			}
			taken, err := p.measure(sizes[i])
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p.who, p.work, err)
			}
			p.samples = append(p.samples, taken)
		}
	}
	return made, nil
}

// size returns the number of operations that take as long as a round should, or fewer
// if too much has to be done in between. Finding out warms the probe up.
func (p *probe) size(s settings) (int, error) {
	if p.fixed > 0 {
		return p.fixed, nil
	}
	trial, err := p.measure(s.trial)
	if err != nil {
		return 0, err
	}
	n := float64(s.round.Nanoseconds()) / max(trial.value, 0.1)
	n = min(n, float64(s.trial)*float64(3*s.round)/float64(max(trial.took, 1)))
	return max(1, int(n)/s.trial) * s.trial, nil
}
