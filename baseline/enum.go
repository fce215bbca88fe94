package baseline

import "fmt"

// enumName returns the name of v, or Type(v) for a value outside the table.
func enumName[T ~uint8](typeName string, names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", typeName, uint8(v))
}

// parseEnum sets v to the value whose name is text.
func parseEnum[T ~uint8](what string, names []string, text []byte, v *T) error {
	for i, name := range names {
		if name == string(text) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("unknown %s %q, want one of %v", what, text, names)
}
