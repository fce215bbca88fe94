package engine

import (
	"encoding/json"
	"testing"
)

func TestCauseJSON(t *testing.T) {
	for _, tt := range []struct {
		c    Cause
		want string
	}{
		{query, `{"service":"shop","span_kind":"client","operation":"SELECT","code":"timeout"}`},
		{Cause{SpanKind: SpanKindServer, Operation: "GET /"}, `{"service":"","span_kind":"server","operation":"GET /"}`},
	} {
		got, err := json.Marshal(tt.c)
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v, want %s", got, err, tt.want)
		}
	}
	if got, want := query.Key(), (OperationKey{"shop", SpanKindClient, "SELECT"}); got != want {
		t.Errorf("the key of %v is %v, want %v", query, got, want)
	}
}
