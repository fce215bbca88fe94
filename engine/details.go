package engine

import "time"

// Details is what the span of a call tells beyond its code and its duration. The calls that
// failed or were slow have it, as far as their number allows. Nobody changes it once it is made,
// so those who hold it share it.
//
// All texts are bounded, and secrets are taken out of them, by whoever made the Details. They
// may hold any characters.
type Details struct {
	// Message says in words why the call failed: the message of its last exception or, without one,
	// the description of the span's status, which often is the same or says less.
	Message string `json:"message,omitempty"`
	// ExceptionType is the type of the last exception that was recorded, such as "*pgconn.PgError".
	ExceptionType string `json:"exception_type,omitempty"`
	// Frame is the innermost function of the program in that exception's stack trace, with file
	// and line.
	Frame string `json:"frame,omitempty"`
	// Events are the last of the span's other events.
	Events []EventNote `json:"events,omitempty"`
	// Attributes are those of the span, and of its resource, that may tell bad calls from good ones,
	// by key.
	Attributes []Attribute `json:"attributes,omitempty"`
}

// EventNote is one event of a span.
type EventNote struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"` // its attributes
	// Offset is the time from the start of the span to the event.
	Offset time.Duration `json:"offset_ns"`
}

// Attribute is one attribute as text.
type Attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Bounds of Details, for whoever makes them.
const (
	MaxDetailText       = 400 // bytes of a message
	MaxAttributeText    = 120 // bytes of a value
	MaxDetailAttributes = 16
	MaxDetailEvents     = 3
)
