package monitor

import (
	"context"
	"database/sql/driver"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Short words for the tables below.
const (
	kindServer   = trace.SpanKindServer
	kindClient   = trace.SpanKindClient
	kindInternal = trace.SpanKindInternal
	kindProducer = trace.SpanKindProducer
	kindConsumer = trace.SpanKindConsumer

	success = engine.OutcomeSuccess
	failure = engine.OutcomeFailure
	given   = engine.OutcomeCancelled // given up
	ignored = engine.OutcomeIgnored
)

// testEnd is when the spans of the tables end.
var testEnd = time.Date(2026, 11, 22, 15, 0, 1, 0, time.UTC)

// spanWith builds a finished span for the rules about codes and outcomes.
func spanWith(kind trace.SpanKind, status sdktrace.Status, attrs ...attribute.KeyValue) tracetest.SpanStub {
	return tracetest.SpanStub{
		Name:       "work",
		SpanKind:   kind,
		StartTime:  testEnd.Add(-time.Second),
		EndTime:    testEnd,
		Status:     status,
		Attributes: attrs,
	}
}

func unset() sdktrace.Status { return sdktrace.Status{Code: codes.Unset} }
func okay() sdktrace.Status  { return sdktrace.Status{Code: codes.Ok} }
func failed(description string) sdktrace.Status {
	return sdktrace.Status{Code: codes.Error, Description: description}
}

// raising adds an exception event so long after the span's end.
func raising(s tracetest.SpanStub, after time.Duration, typ, message string) tracetest.SpanStub {
	s.Events = append(s.Events, sdktrace.Event{Name: "exception", Time: s.EndTime.Add(after), Attributes: []attribute.KeyValue{
		attribute.String("exception.type", typ),
		attribute.String("exception.message", message),
	}})
	return s
}

const (
	beforeEnd   = -time.Microsecond
	maxPanicGap = time.Second // the longest after which an exception is taken for a panic
)

// skippedMessage is what a driver says that lacks a short cut.
var skippedMessage = driver.ErrSkip.Error()

// ruleRows are spans, and what the default rules say of them.
type ruleRows []ruleRow

type ruleRow struct {
	test    string
	span    tracetest.SpanStub
	code    string
	outcome engine.Outcome
}

func (rows *ruleRows) add(test string, span tracetest.SpanStub, code string, outcome engine.Outcome) {
	*rows = append(*rows, ruleRow{test, span, code, outcome})
}

func (rows ruleRows) run(t *testing.T) {
	for _, r := range rows {
		t.Run(r.test, func(t *testing.T) {
			c := newClassifier(nil, Outcomes{}, nil)
			_, result := c.classify(context.Background(), r.span.Snapshot(), r.span.SpanKind, r.span.EndTime)
			code, outcome := result.Code, result.Outcome
			if code != r.code || outcome != r.outcome {
				t.Errorf("%s %q, want %s %q", outcome, code, r.outcome, r.code)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	keys := []attribute.Key{
		"rpc.response.status_code", "rpc.status_code", "rpc.grpc.status_code", "http.response.status_code", "http.status_code",
		"db.response.status_code", "pgx.sql_state", "error.type", "http.request.method", "http.method", "server.address", "net.peer.name",
	}
	f.Add(uint8(2), uint8(0), "GET /", "", uint16(1<<3), uint32(1<<6), "GET", int64(200), "", "", int64(0))
	f.Add(uint8(3), uint8(1), "HTTP GET", "context canceled", uint16(0xfff), uint32(0), "GET", int64(0), "*url.Error", "context canceled", int64(-1))
	f.Add(uint8(3), uint8(1), "HTTP GET", "EOF", uint16(1<<5|1<<7), uint32(1<<10), "208", int64(208), "OK", "", int64(1))
	f.Add(uint8(1), uint8(0), "work", "", uint16(0), uint32(0), "", int64(0), ".string", "kaboom", int64(1000))
	f.Add(uint8(1), uint8(2), "work", "", uint16(1<<2), uint32(1<<4), "1", int64(1), "", "", int64(0))
	f.Add(uint8(3), uint8(1), "q", skippedMessage, uint16(0xff), uint32(0xffff), "\xff\x80", int64(math.MinInt64), "", skippedMessage, int64(-5))

	c := newClassifier(nil, Outcomes{}, nil)
	f.Fuzz(func(t *testing.T, kind, status uint8, name, description string, has uint16, types uint32, text string, number int64, exceptionType, message string, after int64) {
		s := spanWith(trace.SpanKind(kind%7), sdktrace.Status{Code: codes.Code(status % 4), Description: description})
		s.Name = name
		database := make(map[string]bool) // codes that a database gave
		for i, key := range keys {
			if has>>i&1 == 0 {
				continue
			}
			kv := attribute.KeyValue{Key: key}
			code := text
			switch types >> (2 * i) & 3 {
			case 0:
				kv.Value = attribute.StringValue(text)
			case 1:
				kv.Value = attribute.Int64Value(number)
				code = strconv.FormatInt(number, 10)
			case 2:
				kv.Value = attribute.BoolValue(number > 0)
			case 3:
				kv.Value = attribute.StringSliceValue([]string{text})
			}
			if key == "db.response.status_code" || key == "pgx.sql_state" {
				database[code] = true
			}
			s.Attributes = append(s.Attributes, kv)
		}
		if has>>12&1 != 0 {
			s = raising(s, time.Duration(after), exceptionType, message)
		}
		if has>>13&1 != 0 {
			s.Events = append(s.Events, sdktrace.Event{Name: text, Time: testEnd})
		}

		operation, result := c.classify(context.Background(), s.Snapshot(), s.SpanKind, s.EndTime)
		code, outcome := result.Code, result.Outcome
		checkClosely(t, c, s.Snapshot(), operation, result)
		if s.SpanKind != kindClient && operation != name {
			t.Errorf("operation %q of a %s span named %q", operation, s.SpanKind, name)
		}
		if !strings.HasPrefix(operation, name) || len(operation) > len(name)+1+engine.MaxNameBytes {
			t.Errorf("operation %q of a span named %q", operation, name)
		}
		if code == "" {
			t.Error("empty code")
		}
		switch outcome {
		case success:
		case failure, given, ignored:
			if code == "0" || code == "OK" || code == "00000" {
				t.Errorf("%s with code %q", outcome, code)
			}
			if n, err := strconv.Atoi(code); err == nil && len(code) == 3 && 100 <= n && n < 400 && !database[code] {
				t.Errorf("%s with code %q", outcome, code)
			}
		default:
			t.Errorf("outcome %s", outcome)
		}
		again, resultAgain := c.classify(context.Background(), s.Snapshot(), s.SpanKind, s.EndTime)
		if again != operation && !strings.HasSuffix(again, " _OTHER") || resultAgain != result {
			t.Errorf("%q %+v, then %q %+v", operation, result, again, resultAgain)
		}
	})
}

// What the quick way for HTTP leaves to the rules: whatever else may hold a code.
func TestQuickHTTPGivesWay(t *testing.T) {
	const status = attribute.Key("http.response.status_code")
	ok := status.Int(200)
	for _, attrs := range [][]attribute.KeyValue{
		nil,
		{ok},
		{ok, status.Int(503)},
		{status.Int(503), ok},
		{ok, attribute.String("error.type", "EOF")},
		{attribute.String("error.type", "EOF"), ok},
		{attribute.Int("db.response.status_code", 123)},
		{ok, attribute.Int("rpc.grpc.status_code", 2)},
		{attribute.Int("http.status_code", 503), ok},
		{status.String("503")},
		{status.Bool(true)},
		{status.Float64(200)},
		{status.Float64(math.Float64frombits(200))},
	} {
		for _, kind := range []trace.SpanKind{kindInternal, kindServer, kindClient, kindProducer, kindConsumer} {
			s := tracetest.SpanStub{Name: "call", SpanKind: kind, Attributes: attrs, EndTime: testEnd}.Snapshot()
			c := newClassifier(nil, Outcomes{}, nil)
			operation, result := c.classify(context.Background(), s, kind, testEnd)
			checkClosely(t, c, s, operation, result)
		}
	}
}

// checkClosely checks that all of the rules say of a span what the quick way said of it.
func checkClosely(t *testing.T, c classifier, s sdktrace.ReadOnlySpan, operation string, result classify.Result) {
	t.Helper()
	closely, closelyResult := c.closely(context.Background(), s, s.SpanKind(), s.EndTime(), s.Name(), s.Attributes(), s.Status())
	if !strings.HasSuffix(closely, " _OTHER") && closely != operation || closelyResult != result {
		t.Errorf("%q %+v, and closely %q %+v", operation, result, closely, closelyResult)
	}
}
