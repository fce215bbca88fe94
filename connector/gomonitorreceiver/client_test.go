package gomonitorreceiver

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
)

// calls returns spans of several services and operations that ended at a time, as unlike as
// spans are: of all kinds and outcomes, in traces that go through several services.
func calls(end time.Time, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	for service := range 3 {
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprintf("shop-%d", service))
		spans := resource.ScopeSpans().AppendEmpty().Spans()
		for i := range n {
			s := spans.AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1, byte(i), byte(i >> 8), 15: 1})
			s.SetSpanID(pcommon.SpanID{byte(service + 1), byte(i), byte(i >> 8), 7: 1})
			if service > 0 {
				s.SetParentSpanID(pcommon.SpanID{byte(service), byte(i), byte(i >> 8), 7: 1})
			}
			s.SetName(fmt.Sprintf("GET /%d/ä\"", i%5))
			s.SetKind(ptrace.SpanKind(2 + (i+service)%4))
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Duration(1+i%7*100) * time.Millisecond)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
			s.Attributes().PutStr("http.request.method", "GET")
			s.Attributes().PutStr("server.address", "stock.example")
			switch i % 6 {
			case 0:
				s.Attributes().PutInt("http.response.status_code", 503)
				s.Status().SetCode(ptrace.StatusCodeError)
			case 1:
				s.Attributes().PutStr("error.type", "timeout")
				s.Status().SetCode(ptrace.StatusCodeError)
			case 2:
				e := s.Events().AppendEmpty()
				e.SetName("exception")
				e.Attributes().PutStr("exception.type", "*net.OpError")
				s.Status().SetCode(ptrace.StatusCodeError)
			case 3:
				s.Status().SetCode(ptrace.StatusCodeError)
				s.Status().SetMessage("context canceled")
			default:
				s.Attributes().PutInt("http.response.status_code", 200)
			}
		}
	}
	return td
}

func protobufOf(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func jsonOf(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
func (rawCodec) Name() string { return "proto" }

func dial(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// sendGRPC sends a request as it is.
func sendGRPC(ctx context.Context, conn *grpc.ClientConn, request []byte, options ...grpc.CallOption) error {
	var answer []byte
	return conn.Invoke(ctx, "/"+serviceName+"/"+methodName, request, &answer, options...)
}

// post sends a request by HTTP.
func post(t testing.TB, address, contentType, encoding string, request []byte) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+defaultPath, bytes.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // It was only read.
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, text
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var to bytes.Buffer
	w := gzip.NewWriter(&to)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // Nothing is left in it.
	return w.EncodeAll(b, nil)
}
