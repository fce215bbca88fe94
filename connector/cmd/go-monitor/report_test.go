package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// call is what a test reports of one operation.
type call struct {
	service, operation string
	succeed, fail      int
}

// spans returns calls that end now, as OTLP has them.
func spans(calls ...call) ptrace.Traces {
	td := ptrace.NewTraces()
	end := time.Now()
	for _, c := range calls {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", c.service)
		list := rs.ScopeSpans().AppendEmpty().Spans()
		for i := range c.succeed + c.fail {
			s := list.AppendEmpty()
			var id [24]byte
			_, _ = rand.Read(id[:]) // never fails
			s.SetTraceID(pcommon.TraceID(id[:16]))
			s.SetSpanID(pcommon.SpanID(id[16:]))
			s.SetName(c.operation)
			s.SetKind(ptrace.SpanKindServer)
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-10 * time.Millisecond)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
			if i >= c.succeed {
				s.Status().SetCode(ptrace.StatusCodeError)
				s.Attributes().PutStr("error.type", "timeout")
			}
		}
	}
	return td
}

// reporter sends spans to an address.
type reporter func(ctx context.Context, td ptrace.Traces) error

// byHTTP returns a reporter that posts JSON.
func byHTTP(addr string) reporter {
	return func(ctx context.Context, td ptrace.Traces) error {
		body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalJSON()
		if err != nil {
			return err
		}
		return postRequest(ctx, addr, "application/json", body)
	}
}

// postRequest posts a request as it is.
func postRequest(ctx context.Context, addr, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return err
}

// byGRPC returns a reporter that calls, over one connection.
func byGRPC(t testing.TB, addr string) reporter {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := ptraceotlp.NewGRPCClient(conn)
	return func(ctx context.Context, td ptrace.Traces) error {
		_, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		return err
	}
}

// report sends calls that end now.
func (r reporter) report(t *testing.T, calls ...call) {
	t.Helper()
	if err := r(t.Context(), spans(calls...)); err != nil {
		t.Fatal(err)
	}
}

// keepReporting sends calls ten times a second until it is told to stop; stop returns how
// many times it did.
func (r reporter) keepReporting(t *testing.T, calls ...call) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		times := 0
		defer func() { done <- times }()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			if err := r(context.Background(), spans(calls...)); err != nil {
				t.Errorf("report: %v", err)
				return
			}
			times++
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	var times int
	stopped := false
	stop = func() int {
		if !stopped {
			stopped = true
			cancel()
			times = <-done
		}
		return times
	}
	t.Cleanup(func() { stop() })
	return stop
}
