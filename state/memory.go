package state

import (
	"context"
	"slices"
)

// memory is a home that lives as long as the process.
type memory struct {
	data  []byte
	taken bool // Load was called, and Close was not
}

// Memory returns a home in memory. It hands the state of one monitor over to the next one in the
// same process, as where a configuration is read again.
func Memory() Store { return &memory{} }

func (m *memory) String() string { return "memory" }

func (m *memory) Load(context.Context) ([]byte, error) {
	if m.taken {
		return nil, ErrInUse
	}
	m.taken = true
	return slices.Clone(m.data), nil
}

func (m *memory) Save(_ context.Context, data []byte) error {
	m.data = slices.Clone(data)
	return nil
}

func (m *memory) SetAside(context.Context) (string, error) {
	m.data = nil
	return "", nil
}

func (m *memory) Close(context.Context) error {
	m.taken = false
	return nil
}
