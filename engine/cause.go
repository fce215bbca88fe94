package engine

// Cause is the operation that explains a failed or slow call, and the code with which it
// ended.
type Cause struct {
	Service   string   `json:"service"`
	SpanKind  SpanKind `json:"span_kind"`
	Operation string   `json:"operation"`
	// Code is the code as it was reported: a slow call may have succeeded. [NetworkCode]
	// has a meaning of its own.
	Code string `json:"code,omitempty"`
}

// NetworkCode is the code of a cause whose time went by on the way to the operation and back,
// not in it: its client waited for more than twice as long as it took.
const NetworkCode = "_NETWORK"

// IsNetwork reports whether the way to the operation is the cause.
func (c *Cause) IsNetwork() bool { return c.Code == NetworkCode }

// Key returns the operation.
func (c *Cause) Key() OperationKey {
	return OperationKey{Service: c.Service, SpanKind: c.SpanKind, Name: c.Operation}
}

// isOf reports whether c, which is interned, is a call of the same operation as o.
func (c *Cause) isOf(o *Cause) bool {
	return c.SpanKind == o.SpanKind && c.Operation == operationName(o.Operation) && c.Service == TruncateName(o.Service)
}
