package nesting

// tooMuchJSON reports whether a text of JSON is nested deeper than MaxDepth levels, or has more than
// MaxParts objects and arrays. What is no JSON is left to the decoder.
func tooMuchJSON(text []byte) bool {
	depth, parts, isInString := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isInString && c == '\\':
			i++
		case c == '"':
			isInString = !isInString
		case isInString:
		case c == '{' || c == '[':
			depth, parts = depth+1, parts+1
			if depth > MaxDepth || parts > MaxParts {
				return true
			}
		case c == '}' || c == ']':
			depth = max(0, depth-1)
		}
	}
	return false
}
