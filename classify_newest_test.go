//go:build newest

package monitor

import "go.opentelemetry.io/otel/attribute"

func init() {
	oddValues = append(oddValues,
		attribute.ByteSliceValue([]byte("500")), attribute.SliceValue(attribute.IntValue(500)), attribute.MapValue(attribute.Int("a", 500)))
}
