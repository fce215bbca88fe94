package gomonitorexporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/internal/undecoded"
	"github.com/blurooo/go-monitor/connector/otlpwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is an instance that takes spans.
type server struct {
	ptraceotlp.UnimplementedGRPCServer
	address string
	grpc    *grpc.Server

	mu    sync.Mutex
	calls int
	err   error          // the answer to the next calls
	got   map[string]int // spans by "service kind name"
}

func (s *server) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return ptraceotlp.NewExportResponse(), s.err
	}
	for _, resource := range req.Traces().ResourceSpans().All() {
		service, _ := resource.Resource().Attributes().Get("service.name")
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				s.got[fmt.Sprintf("%s %s %s", service.Str(), span.Kind(), span.Name())]++
			}
		}
	}
	return ptraceotlp.NewExportResponse(), nil
}

func (s *server) answer(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *server) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// serve starts a server, at an address if that is not empty.
func serve(t *testing.T, address string) *server {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String(), grpc: grpc.NewServer(), got: map[string]int{}}
	ptraceotlp.RegisterGRPCServer(s.grpc, s)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.grpc.Serve(l) })
	t.Cleanup(func() { s.grpc.Stop(); serving.Wait() })
	return s
}

// configOf returns a configuration for servers.
func configOf(servers ...*server) *Config {
	c := defaultConfig().(*Config)
	for _, s := range servers {
		c.Endpoints = append(c.Endpoints, s.address)
	}
	c.GRPC.TLS.Insecure = true
	c.BatchTimeout, c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, time.Millisecond, 10*time.Millisecond
	return c
}

func start(t *testing.T, c *Config) (e exporter.Traces, shutdown func(context.Context) error) {
	t.Helper()
	e, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(gomonitorconnector.Type), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	once := sync.Once{}
	shutdown = func(ctx context.Context) (err error) {
		once.Do(func() { err = e.Shutdown(ctx) })
		return err
	}
	t.Cleanup(func() { _ = shutdown(context.Background()) })
	return e, shutdown
}

// spans returns spans of several services, kinds and operations.
func spans(services, operations int) ptrace.Traces {
	td := ptrace.NewTraces()
	for s := range services {
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprintf("shop-%d", s))
		list := resource.ScopeSpans().AppendEmpty().Spans()
		for o := range operations {
			span := list.AppendEmpty()
			span.SetName(fmt.Sprintf("GET /%d", o))
			span.SetKind(ptrace.SpanKind(1 + o%5))
			span.SetSpanID(pcommon.SpanID{1, byte(s), byte(o)})
		}
	}
	return td
}

// Each span comes once, to the instance that all of its service, or its operation, go to.
func TestSpread(t *testing.T) {
	for name, split := range map[string][]string{"by service": nil, "by operation": {All}, "mixed": {"shop-0", "shop-1"}} {
		t.Run(name, func(t *testing.T) {
			servers := []*server{serve(t, ""), serve(t, ""), serve(t, "")}
			c := configOf(servers...)
			c.SplitServices = split
			e, shutdown := start(t, c)
			const times, services, operations = 5, 20, 10
			td := spans(services, operations)
			for i := range times {
				if i%2 == 0 {
					if err := e.ConsumeTraces(t.Context(), td); err != nil {
						t.Fatal(err)
					}
					continue
				}
				text, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				offer := undecoded.NewOffer(undecoded.Request{Bytes: text, Encoding: undecoded.JSON})
				if err := e.ConsumeTraces(undecoded.Context(t.Context(), offer), ptrace.NewTraces()); err != nil {
					t.Fatal(err)
				}
				if isTaken, n := offer.End(); !isTaken || n != td.SpanCount() {
					t.Errorf("taken: %t, %d spans", isTaken, n)
				}
			}
			if err := shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			at := map[string]int{}          // where an operation went
			by := map[string]map[int]bool{} // where a service went
			work := map[int]bool{}
			for i, s := range servers {
				for operation, n := range s.got {
					if _, ok := at[operation]; ok || n != times {
						t.Errorf("%s: %d spans at %d, and at %d", operation, n, i, at[operation])
					}
					service, _, _ := strings.Cut(operation, " ")
					if by[service] == nil {
						by[service] = map[int]bool{}
					}
					at[operation], by[service][i], work[i] = i, true, true
				}
			}
			if len(at) != services*operations || len(work) != len(servers) {
				t.Errorf("%d operations at %d servers", len(at), len(work))
			}
			for service, servers := range by {
				isSplit := len(split) > 0 && (split[0] == All || service == "shop-0" || service == "shop-1")
				if !isSplit && len(servers) != 1 {
					t.Errorf("%s went to %d servers", service, len(servers))
				}
			}
		})
	}
}

// What an instance does not take for now is sent again; what it never takes is lost, and logged.
func TestRetry(t *testing.T) {
	s := serve(t, "")
	s.answer(status.Error(codes.Unavailable, "not now"))
	e, shutdown := start(t, configOf(s))
	if err := e.ConsumeTraces(t.Context(), spans(1, 10)); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return s.called() >= 3 })
	s.answer(nil)
	if err := shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(s.got) != 10 {
		t.Errorf("%d operations, want 10", len(s.got))
	}
}

func TestNeverTaken(t *testing.T) {
	s := serve(t, "")
	s.answer(status.Error(codes.InvalidArgument, "never"))
	e, shutdown := start(t, configOf(s))
	if err := e.ConsumeTraces(t.Context(), spans(1, 10)); err != nil {
		t.Fatal(err)
	}
	if err := shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s.called() != 1 {
		t.Errorf("%d calls, want 1", s.called())
	}
}

// waitUntil waits until something has happened on another goroutine.
func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for again := time.NewTicker(time.Millisecond); !ok(); {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("waited in vain")
		}
	}
}

// If there is no room for all of a request, nothing of it is taken, and that is said.
func TestFull(t *testing.T) {
	s, other := serve(t, ""), serve(t, "")
	for _, s := range []*server{s, other} {
		s.answer(status.Error(codes.Unavailable, "not now"))
	}
	c := configOf(s, other)
	c.MaxQueueMiB = 1
	e, shutdown := start(t, c)
	td := spans(200, 20)
	taken, refused := 0, 0
	for range 50 {
		err := e.ConsumeTraces(t.Context(), td)
		switch {
		case err == nil:
			taken++
		case errors.Is(err, errBusy):
			refused++
		default:
			t.Fatal(err)
		}
	}
	if taken == 0 || refused == 0 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
	s.answer(nil)
	other.answer(nil)
	if err := shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range []*server{s, other} {
		for _, of := range s.got {
			n += of
		}
	}
	if n != taken*td.SpanCount() {
		t.Errorf("%d spans came, want %d", n, taken*td.SpanCount())
	}
	if err := e.ConsumeTraces(t.Context(), td); !errors.Is(err, errNotRunning) {
		t.Errorf("after the end: %v, want %v", err, errNotRunning)
	}
}

// Shutdown ends with its context, whatever hangs.
func TestShutdownEnds(t *testing.T) {
	s := serve(t, "")
	s.answer(status.Error(codes.Unavailable, "never"))
	e, shutdown := start(t, configOf(s))
	if err := e.ConsumeTraces(t.Context(), spans(1, 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func TestMalformed(t *testing.T) {
	e, _ := start(t, configOf(serve(t, "")))
	for _, r := range []undecoded.Request{{Bytes: []byte("\x0a\x05a")}, {Bytes: []byte("{"), Encoding: undecoded.JSON}} {
		err := e.ConsumeTraces(undecoded.Context(t.Context(), undecoded.NewOffer(r)), ptrace.NewTraces())
		if !errors.Is(err, otlpwire.ErrMalformed) {
			t.Errorf("%v, want %v", err, otlpwire.ErrMalformed)
		}
	}
}

// Few services go elsewhere when an instance is added.
func TestRoutingIsSteady(t *testing.T) {
	three, four := newRouting(&Config{Endpoints: []string{"a:1", "b:1", "c:1"}}), newRouting(&Config{Endpoints: []string{"d:1", "c:1", "a:1", "b:1"}})
	const n = 3000
	moved, counts := 0, map[string]int{}
	for i := range n {
		name := fmt.Sprintf("service-%d", i)
		x, _ := three.service(name)
		y, _ := four.service(name)
		from, to := []string{"a", "b", "c"}[x], []string{"d", "c", "a", "b"}[y]
		counts[from]++
		if from != to {
			if moved++; to != "d" {
				t.Errorf("%s went from %s to %s", name, from, to)
			}
		}
	}
	if moved < n/5 || moved > n*3/10 {
		t.Errorf("%d of %d services went elsewhere", moved, n)
	}
	for _, c := range counts {
		if c < n*3/10 || c > n*37/100 {
			t.Errorf("services by instance: %v", counts)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	c := defaultConfig().(*Config)
	if err := componenttest.CheckConfigStruct(c); err != nil {
		t.Error(err)
	}
	c.Endpoints, c.SplitServices = []string{"a:1", "a:1", ""}, []string{""}
	c.GRPC.Endpoint, c.Timeout, c.MaxQueueMiB = "x", -1, 0
	want := `endpoints[1]: "a:1" is there twice
endpoints[2]: must not be empty
split_services[0]: must not be empty
grpc.endpoint: is of no use, endpoints are; got "x"
timeout: must be above 0s and at most 1h, got -1ns
max_queue_mib: must be between 1 and 1048576, got 0`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
	if err := (&Config{Timeout: 1, BatchTimeout: 1, MaxQueueMiB: 1}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "endpoints: must name at least one instance") {
		t.Error(err)
	}
}
