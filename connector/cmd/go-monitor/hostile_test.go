package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// nested returns a request with one span, with one attribute that is a map in a map in a map.
func nested(maps int) []byte {
	var reversed []byte
	wrap := func(field byte) {
		length := protowire.AppendVarint(nil, uint64(len(reversed)))
		slices.Reverse(length)
		reversed = append(append(reversed, length...), field<<3|2)
	}
	for range maps {
		wrap(2) // a key's value
		wrap(1) // a map's first key
		wrap(6) // a value that is a map
	}
	for _, field := range []byte{2, 9, 2, 2, 1} { // value, attribute, span, scope, resource
		wrap(field)
	}
	slices.Reverse(reversed)
	return reversed
}

// nestedJSON is the same, as JSON.
func nestedJSON(maps int) []byte {
	return []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":` +
		strings.Repeat(`{"kvlistValue":{"values":[{"key":"a","value":`, maps) + `{}` + strings.Repeat(`}]}}`, maps) + `}]}]}]}]}`)
}

// post sends a body, and returns the status and the answer.
func post(t *testing.T, url, contentType string, body []byte, isZipped bool) (status int, answer string) {
	t.Helper()
	if isZipped {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		body = zipped.Bytes()
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if isZipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("no answer: %v", err)
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// raw is a codec of messages that are bytes.
type raw struct{ encoding.CodecV2 }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
func (raw) Name() string                         { return "proto" }

// ownOTLP is a config of one's own with the Collector's receiver, with nothing said of limits.
const ownOTLP = "yaml:{receivers: {otlp/own: {protocols: {grpc: {endpoint: %s}, http: {endpoint: %s, max_request_body_size: 33554432}}}}, service: {pipelines: {traces: {receivers: [gomonitor/otlp, otlp/own]}}}}"

// A request that is nested a million levels deep is refused, and the service lives on, with the
// default config and with one of one's own.
func TestNestedRequest(t *testing.T) {
	a := newAddresses(t)
	own := newAddresses(t)
	p := startDefault(t, a, fmt.Sprintf(ownOTLP, own.grpc, own.http))
	for name, addr := range map[string]addresses{"default": a, "own": own} {
		t.Run(name, func(t *testing.T) {
			url := "http://" + addr.http + "/v1/traces"
			for _, levels := range []int{1_000, 100_000, 1_000_000} {
				for _, isZipped := range []bool{false, true} {
					code, answer := post(t, url, "application/x-protobuf", nested(levels), isZipped)
					if code != http.StatusBadRequest && code != http.StatusRequestEntityTooLarge {
						t.Errorf("protobuf, %d levels: %d %q", levels, code, answer)
					}
				}
				code, answer := post(t, url, "application/json", nestedJSON(levels), true)
				if levels > 10_000 && code/100 != 4 {
					t.Errorf("JSON, %d levels: %d %q", levels, code, answer)
				}
			}
			conn, err := grpc.NewClient(addr.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for _, levels := range []int{1_000, 200_000, 1_000_000} {
				err := conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", nested(levels), nil, grpc.ForceCodecV2(raw{}))
				if c := status.Code(err); c != codes.InvalidArgument && c != codes.ResourceExhausted && c != codes.Internal {
					t.Errorf("gRPC, %d levels: %v", levels, err)
				}
			}
			// What is nested as far as is allowed, and what is not nested, is taken.
			if code, answer := post(t, url, "application/x-protobuf", nested(30), true); code != http.StatusOK {
				t.Errorf("30 levels: %d %q", code, answer)
			}
			byGRPC(t, addr.grpc).report(t, call{})
		})
	}
	if err := p.stop(); err != nil {
		t.Errorf("the service ended: %v", err)
	}
}

// Every config that is shipped bounds what a sender may send, how much and how long.
func TestShippedConfigsAreBounded(t *testing.T) {
	configs := map[string]string{"default.yaml": string(defaultConfig)}
	for _, name := range []string{"analysis.yaml", "first-tier.yaml"} {
		text, err := os.ReadFile("../../deploy/" + name)
		if err != nil {
			t.Fatal(err)
		}
		configs[name] = string(text)
	}
	all := manifests(t)
	for _, name := range []string{"analysis", "first-tier"} {
		configs["kubernetes/"+name] = object[corev1.ConfigMap](t, all, "ConfigMap/go-monitor-"+name).Data["config.yaml"]
	}
	for name, text := range configs {
		var c struct {
			Receivers map[string]struct {
				Protocols map[string]map[string]any
			}
		}
		if err := yaml.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		servers := 0
		for receiver, r := range c.Receivers {
			for protocol, settings := range r.Protocols {
				servers++
				keys := []string{"max_recv_msg_size_mib", "max_concurrent_streams", "keepalive"}
				if protocol == "http" {
					keys = []string{"max_request_body_size", "read_header_timeout", "read_timeout"}
				}
				for _, key := range keys {
					if settings[key] == nil {
						t.Errorf("%s: %s by %s has no %s", name, receiver, protocol, key)
					}
				}
			}
		}
		if servers == 0 {
			t.Errorf("%s receives nothing", name)
		}
	}
}

// A request that comes byte by byte ends when its time is over, and nobody else waits for it.
func TestSlowBody(t *testing.T) {
	a, own := newAddresses(t), newAddresses(t)
	startDefault(t, a, fmt.Sprintf(ownOTLP, own.grpc, own.http), "yaml:{receivers: {otlp/own: {protocols: {http: {read_timeout: 300ms}}}}}")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", own.http)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	byHTTP(own.http).report(t, call{})
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection is still there: %q, %v", answer, err)
	}
}
