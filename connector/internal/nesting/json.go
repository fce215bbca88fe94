package nesting

// tooDeepJSON reports whether a text of JSON is nested deeper than MaxDepth levels. What is no JSON
// is left to the decoder.
func tooDeepJSON(text []byte) bool {
	depth, isInString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isInString && c == '\\':
			i++
		case c == '"':
			isInString = !isInString
		case isInString:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth = max(0, depth-1)
		}
	}
	return false
}
