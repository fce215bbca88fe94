package engine

import (
	"fmt"
	"testing"
	"time"
)

func TestReached(t *testing.T) {
	server := func(service string) *operation {
		return &operation{key: OperationKey{Service: service, SpanKind: SpanKindServer, Name: "/"}}
	}
	stock, price := server("stock"), server("price")
	tests := []struct {
		name         string
		stock, price int // calls, in this order
		want         *operation
	}{
		{"none", 0, 0, nil},
		{"too few", fewReached - 1, 0, nil},
		{"enough", fewReached, 0, stock},
		{"two services", 50, 1, nil},
		{"one of many is a mistake", 200, 1, stock},
		{"it moved", 200, 100_000, price},
	}
	for _, tt := range tests {
		var r reached
		for range tt.stock {
			r.add(stock)
		}
		for range tt.price {
			r.add(price)
		}
		if got := r.always(); got != tt.want {
			t.Errorf("%s: %v, want %v; %+v", tt.name, got, tt.want, r)
		}
		if r.calls > maxReached || r.others > maxReached {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
	if got := (*reached)(nil).always(); got != nil {
		t.Error(got)
	}
}

// A client whose server does not answer blames the service that it has always reached, be it known by the name of the
// call or by who makes it.
func TestUnansweredCallsBlameWhoWasCalled(t *testing.T) {
	const name, other = "GET", "POST"
	line := newTape(t, TimelineConfig{PeerServices: true, Grace: 5 * time.Second, Config: Config{Period: 10 * time.Second}}, noon)
	trace := byte(0)
	call := func(end float64, within, client, service string, answered bool) {
		trace++
		link := func(id, parent byte) Link {
			l := Link{Trace: [16]byte{trace, 15: 1}, Span: [8]byte{id}}
			if parent != 0 {
				l.Parent = [8]byte{parent}
			}
			return l
		}
		outcome, code := OutcomeSuccess, ""
		if !answered {
			outcome, code = OutcomeFailure, "refused"
		} else {
			line.Add(&Span{Service: service, Operation: "/" + service, SpanKind: SpanKindServer, Outcome: outcome, End: at(end), Link: link(3, 2)})
		}
		line.Add(&Span{Service: "shop", Operation: client, SpanKind: SpanKindClient, Outcome: outcome, Code: code, End: at(end), Link: link(2, 1)})
		line.Add(&Span{Service: "shop", Operation: within, SpanKind: SpanKindServer, Outcome: outcome, Code: code, End: at(end), Link: link(1, 0)})
	}
	line.to(1)
	for range 5 {
		call(1, "/order", name, "stock", true)
		call(1, "/offer", name, "price", true)
		call(1, "/mixed", name, "price", true)
		call(1, "/mixed", name, "stock", true)
		call(1, "/pay", other, "bank", true)
	}
	line.to(12)
	call(12, "/order", name, "", false)
	call(12, "/offer", name, "", false)
	call(12, "/mixed", name, "", false)
	call(12, "/else", other, "", false)
	call(12, "/else", "PUT", "", false)
	line.to(13)
	line.to(40)
	got := make(map[string]string)
	for _, p := range line.periods {
		for _, s := range p.Summaries {
			for _, c := range s.FailureCauses {
				got[s.Operation] += fmt.Sprintf("%s %s %s %d;", c.Service, c.Operation, c.Code, c.Count)
			}
		}
	}
	want := map[string]string{
		"/order":      "stock /stock refused 1;",
		"/offer":      "price /price refused 1;",
		"/mixed":      "shop GET refused 1;",
		"/else":       "bank /bank refused 1;shop PUT refused 1;",
		"GET > stock": "stock /stock refused 1;",
		"GET > price": "price /price refused 1;",
		"POST > bank": "bank /bank refused 1;",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestCallee(t *testing.T) {
	for _, tt := range []struct {
		key  OperationKey
		want string
		ok   bool
	}{
		{OperationKey{SpanKind: SpanKindClient, Name: "GET > stock"}, "stock", true},
		{OperationKey{SpanKind: SpanKindClient, Name: "a > b > stock"}, "stock", true},
		{OperationKey{SpanKind: SpanKindClient, Name: "GET"}, "", false},
		{OperationKey{SpanKind: SpanKindServer, Name: "GET > stock"}, "", false},
	} {
		if got, ok := PeerService(tt.key); got != tt.want || ok != tt.ok {
			t.Errorf("%v: %q, %v", tt.key, got, ok)
		}
	}
}
