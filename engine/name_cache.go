package engine

import (
	"math/bits"
	"unsafe"
)

// nameCache finds operations by names that were looked up before, faster than a map does. It
// works for two kinds of names:
//
//   - A program that reports the same strings again and again: they are found by their
//     address.
//   - A program that builds the string anew for each report: there is no address to
//     remember, so they are found by their first and last bytes.
//
// Which of them it has to do with, it finds out by how often it fails.
type nameCache struct {
	known    []knownNames
	victim   uint         // counts the names that were remembered, to choose which one gives way
	built    []*operation // those found by their bytes, by builtIndex; nil if it is not used
	missed   int          // names running that were not remembered
	skip     int          // lookups for which addresses are not tried
	nextSkip int          // how many those will be the next time
}

// knownName remembers the operation that a name led to. The name is compared
// by its address and length: as long as the entry keeps the string alive, nothing
// else can be at that address, and strings don't change, so the same address and
// length are the same name. Another string with the same bytes is looked up.
type knownName struct {
	name *byte
	op   *operation // whose name is as long
}

// knownNames are those that share a place. They fill a cache line.
type knownNames [4]knownName

const (
	// minKnown and maxKnown are bounds of the number of places. There is room for at least
	// twice as many names as there are operations, up to the largest size.
	minKnown = 1 << 6
	maxKnown = 1 << 15
	// manyMissed is the number of names running that were not remembered after which names
	// count as built anew.
	manyMissed = 32
	// mostSkipped bounds the number of lookups for which addresses are then not tried.
	mostSkipped = 1 << 12
	// builtOperations is the number of places for names that are found by their bytes, a
	// power of two.
	builtOperations = 1 << 12
)

// knownIndex returns the place of a name in a table of n places, a power of two, by
// Fibonacci hashing of its address (Knuth, The Art of Computer Programming,
// volume 3, section 6.4). The address is only ever a number here.
func knownIndex(name string, n int) int {
	address := uint64(uintptr(unsafe.Pointer(unsafe.StringData(name))))
	return int(address * 0x9E3779B97F4A7C15 >> 32 & uint64(n-1))
}

// builtIndex returns the place of a name in a table of builtOperations places. It looks at
// both ends of the name, where names mostly differ. Names that don't are slower, but found.
func builtIndex(name string) int {
	n := len(name)
	var x uint64
	if n >= 8 {
		x = word(name) ^ bits.RotateLeft64(word(name[n-8:]), 29)
	} else {
		for i := range n {
			x = x<<8 | uint64(name[i])
		}
	}
	return int((x ^ uint64(n)) * 0x9E3779B97F4A7C15 >> 52)
}

// word returns the first eight bytes of a string.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// find returns the operation of a name in its group, or nil if there is none yet. The caller
// has looked for the name by its address, unless skip says that this is useless. operations is
// the number of all operations.
func (c *nameCache) find(g *group, name string, operations int) *operation {
	if c.skip == 0 {
		op := g.byName[name]
		if op != nil {
			c.remember(&c.known[knownIndex(name, len(c.known))], name, op)
		}
		return op
	}
	c.skip--
	if operations > builtOperations/2 { // the names' bytes would find too few of them
		return g.byName[name]
	}
	if c.built == nil {
		c.built = make([]*operation, builtOperations)
	}
	built := &c.built[builtIndex(name)]
	if op := *built; op != nil && op.found == g.number|uint64(len(name)) && op.key.Name == name {
		return op
	}
	op := g.byName[name]
	if op != nil {
		*built = op
	}
	return op
}

// remember puts a name among those that share its place, if need be instead of one of them.
//
// Where one name after the other was not remembered, they are most likely built anew for each
// report, and to remember them is useless. Then addresses are not tried for a while, and
// for twice as long each time that nothing has changed.
func (c *nameCache) remember(k *knownNames, name string, op *operation) {
	c.victim++
	i := c.victim % uint(len(k))
	for j := range k {
		if k[j].op == nil {
			i = uint(j)
			break
		}
	}
	k[i] = knownName{name: unsafe.StringData(name), op: op}
	if c.missed == 0 {
		c.nextSkip = manyMissed
	}
	if c.missed++; c.missed%manyMissed == 0 {
		c.skip, c.nextSkip = c.nextSkip, min(2*c.nextSkip, mostSkipped)
	}
}

// grow makes room for the names of so many operations.
func (c *nameCache) grow(operations int) {
	if n := len(c.known); 2*operations > n*len(knownNames{}) && n < maxKnown {
		c.known = make([]knownNames, 2*n)
	}
}

// forget forgets all names.
func (c *nameCache) forget() {
	clear(c.known)
	clear(c.built)
}
