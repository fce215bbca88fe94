package otlpwire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	gocmpopts "github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func jsonOf(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	b, err := new(ptrace.JSONMarshaler).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readJSON returns all spans of a request.
func readJSON(request []byte) (spans []Span, err error) {
	err = NewReader(everything).JSON(request, func(s *Span) { spans = append(spans, clone(s)) })
	return spans, err
}

func TestJSON(t *testing.T) {
	td := full()
	got, err := readJSON(jsonOf(t, td))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(viaPdata(td), got, gocmp.AllowUnexported(Attribute{}), gocmpopts.IgnoreUnexported(Span{})); diff != "" {
		t.Errorf("(-pdata +wire):\n%s", diff)
	}
}

// compareJSON compares what is read of a request with what pdata's decoder says. That one also
// takes some of what is not well-formed.
func compareJSON(t *testing.T, request []byte) {
	t.Helper()
	got, err := readJSON(request)
	if errors.Is(err, errTooDeep) || errors.Is(err, errRepeat) {
		return
	}
	want := ptraceotlp.NewExportRequest()
	wantErr := want.UnmarshalJSON(request)
	if err != nil {
		if wantErr == nil && json.Valid(request) && !strings.Contains(string(request), `""`) {
			t.Fatalf("error %v, but pdata reads %s", err, request)
		}
		return
	}
	if wantErr != nil {
		t.Fatalf("no error, but pdata says %v of %s", wantErr, request)
	}
	if diff := gocmp.Diff(viaPdata(want.Traces()), got, gocmp.AllowUnexported(Attribute{}), gocmpopts.IgnoreUnexported(Span{})); diff != "" {
		t.Fatalf("%s\n(-pdata +wire):\n%s", request, diff)
	}
}

func TestJSONMutations(t *testing.T) {
	td := ptrace.NewTraces()
	full().ResourceSpans().At(0).CopyTo(td.ResourceSpans().AppendEmpty())
	td.ResourceSpans().At(0).ScopeSpans().RemoveIf(func(s ptrace.ScopeSpans) bool { return s.Scope().Name() == "scope-0" })
	request := jsonOf(t, td)
	for i := 0; i < len(request); i += 7 {
		if _, err := readJSON(request[:i]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("error %v of %s", err, request[:i])
		}
		for _, b := range []byte{'"', '\\', '}', '7', request[i] ^ 1} {
			changed := append([]byte(nil), request...)
			changed[i] = b
			compareJSON(t, changed)
		}
	}
}

func TestJSONOddities(t *testing.T) {
	span := func(fields string) string {
		return `{"resourceSpans":[{"scopeSpans":[{"spans":[{` + fields + `}]}]}]}`
	}
	for name, tt := range map[string]struct {
		request string
		ok      bool
	}{
		"empty object":               {`{}`, true},
		"null":                       {`null`, true},
		"nothing":                    {``, false},
		"list":                       {`[]`, false},
		"more behind":                {`{} {}`, false},
		"space around":               {" {\n\t\"resourceSpans\" : [ ] }\r\n", true},
		"snake case":                 {`{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"","start_time_unix_nano":1}]}]}]}`, true},
		"nulls":                      {`{"resourceSpans":[null,{"resource":null,"scopeSpans":[{"spans":[null,{"name":null,"attributes":null}]}]}]}`, true},
		"unknown keys":               {`{"a":[1,{"b":null}],"resourceSpans":[{"x":"y","scopeSpans":[{"z":-1.5e+3,"spans":[{"q":true}]}]}]}`, true},
		"resource comes last":        {`{"resourceSpans":[{"scopeSpans":[{"spans":[{}],"scope":{"name":"s"}}],"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}}]}`, true},
		"resource in the middle":     {`{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}],"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[{}]}]}]}`, true},
		"escaped":                    {span(`"n\u0061me":"GET \"\/\\\b\f\n\r\t\u00e4\ud83d\ude00\ud800\u0041\udc00\ud800"`), true},
		"two surrogates":             {span(`"name":"\ud800\ud800\udc00"`), true},
		"bad escape":                 {span(`"name":"\x"`), false},
		"bad code unit":              {span(`"name":"\u00g0"`), false},
		"control character":          {span("\"name\":\"a\x1fb\""), false},
		"control in a long text":     {span("\"name\":\"0123456789\nabcdefghij\""), false},
		"invalid UTF-8":              {span("\"name\":\"\xff\""), true},
		"numbers as text":            {span(`"kind":2,"startTimeUnixNano":"1780000000000000000","endTimeUnixNano":1780000000000000001,"flags":"257"`), true},
		"names of enums":             {span(`"kind":"SPAN_KIND_CONSUMER","status":{"code":"STATUS_CODE_ERROR","message":"m"}`), true},
		"unknown enum":               {span(`"kind":"SPAN_KIND_OTHER"`), false},
		"kind without its prefix":    {span(`"kind":"SERVER"`), false},
		"negative kind":              {span(`"kind":-3`), true},
		"kind of 33 bits":            {span(`"kind":4294967296`), false},
		"fraction":                   {span(`"startTimeUnixNano":1.5`), false},
		"leading zero":               {span(`"startTimeUnixNano":01`), false},
		"negative time":              {span(`"startTimeUnixNano":-1`), false},
		"time of 65 bits":            {span(`"startTimeUnixNano":18446744073709551616`), false},
		"time is null":               {span(`"startTimeUnixNano":null`), false},
		"short id":                   {span(`"traceId":"0102"`), false},
		"no hexadecimal digit":       {span(`"spanId":"010203040506070g"`), false},
		"upper case id":              {span(`"spanId":"0102030405060A0B"`), true},
		"id is null":                 {span(`"spanId":null`), false},
		"text is a number":           {span(`"name":5`), false},
		"list is an object":          {span(`"attributes":{}`), false},
		"comma at the end of a list": {span(`"attributes":[{},]`), false},
		"comma at the end":           {span(`"name":"a",`), false},
		"double":                     {span(`"attributes":[{"key":"a","value":{"doubleValue":"NaN"}},{"key":"b","value":{"doubleValue":1e3}}]`), true},
		"no double":                  {span(`"attributes":[{"key":"a","value":{"doubleValue":"x"}}]`), false},
		"bytes":                      {span(`"attributes":[{"key":"a","value":{"bytesValue":"AQI="}}]`), true},
		"no bytes":                   {span(`"attributes":[{"key":"a","value":{"bytesValue":"?"}}]`), false},
		"two in a value":             {span(`"attributes":[{"key":"a","value":{"stringValue":"v","intValue":"7"}}]`), true},
		"unknown in a value":         {span(`"attributes":[{"key":"a","value":{"stringValue":"v","x":"7"}}]`), true},
		"links and entities":         {`{"resourceSpans":[{"resource":{"entityRefs":[{"type":"t","idKeys":["a"],"descriptionKeys":[]}],"droppedAttributesCount":1},"schemaUrl":"u","deprecatedScopeSpans":[{"spans":[{"name":"x"}]}],"scopeSpans":[{"schemaUrl":"u","scope":{"version":"v","attributes":[{"key":"a"}]},"spans":[{"links":[{"traceId":"","flags":1}]}]}]}]}`, true},
		"link of a wrong type":       {span(`"links":[{"flags":"x"}]`), false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readJSON([]byte(tt.request)); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v", err)
			}
			compareJSON(t, []byte(tt.request))
		})
	}
}

func TestJSONDepth(t *testing.T) {
	value := func(depth int) string {
		return strings.Repeat(`{"arrayValue":{"values":[`, depth-1) + `{"intValue":1}` + strings.Repeat(`]}}`, depth-1)
	}
	request := func(v string) []byte {
		return []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":` + v + `}]}]}]}]}`)
	}
	if _, err := readJSON(request(value(MaxDepth))); err != nil {
		t.Error(err)
	}
	for _, r := range [][]byte{request(value(MaxDepth + 1)), request(value(1_000_000)), []byte(`{"x":` + strings.Repeat("[", 1_000_000)), []byte(`{"x":` + strings.Repeat(`{"a":`, 1_000_000))} {
		if _, err := readJSON(r); !errors.Is(err, errTooDeep) {
			t.Errorf("%v, want %v", err, errTooDeep)
		}
	}
}

func TestJSONAllocatesNothing(t *testing.T) {
	request := jsonOf(t, traffic(10))
	r := NewReader(everything)
	n := 0
	each := func(*Span) { n++ }
	if allocated := testing.AllocsPerRun(100, func() {
		if err := r.JSON(request, each); err != nil {
			t.Fatal(err)
		}
	}); allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(jsonOf(f, full()))
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\u00e4"}],"scope":{"name":"s"}}]}]}`))
	f.Fuzz(compareJSON)
}
