package engine

// Cause is what a failed or slow call is blamed on.
type Cause struct {
	Service   string `json:"service"`
	Kind      Kind   `json:"kind"`
	Operation string `json:"operation"`
	Code      string `json:"code,omitempty"`
}

// Key returns the operation.
func (c *Cause) Key() OperationKey {
	return OperationKey{Service: c.Service, Kind: c.Kind, Name: c.Operation}
}
