package engine

import "encoding/binary"

// TraceRef is the identity of one span, in the W3C sizes.
type TraceRef struct {
	TraceID [16]byte
	SpanID  [8]byte
	// Sampled says that the span is exported, so that it can be looked up.
	Sampled bool
}

// IsZero reports whether r refers to no span.
func (r TraceRef) IsZero() bool { return r.TraceID == [16]byte{} }

// Link places a span in its trace.
type Link struct {
	Trace [16]byte
	Span  [8]byte
	// Parent is the span's parent, zero if it has none.
	Parent [8]byte
	// RemoteParent says that the parent came in with a request: mostly it lives
	// in another process.
	RemoteParent bool
}

// spanID is a trace and a span in it, as numbers.
type spanID struct{ high, low, span uint64 }

func (l *Link) span() spanID {
	return spanID{binary.LittleEndian.Uint64(l.Trace[:]), binary.LittleEndian.Uint64(l.Trace[8:]), binary.LittleEndian.Uint64(l.Span[:])}
}

func (l *Link) parent() spanID {
	id := l.span()
	id.span = binary.LittleEndian.Uint64(l.Parent[:])
	return id
}

func (l *Link) hasParent() bool { return l.Parent != [8]byte{} }
