package fieldtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Calls of Connect: its codes are spelled its own way, and its servers say of a handler's plain error,
// the context's among them, that it is UNKNOWN.
func TestConnect(t *testing.T) {
	w := watch(t)
	instrumented, err := otelconnect.NewInterceptor(otelconnect.WithTracerProvider(w), otelconnect.WithPropagator(propagator))
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{})
	handle := map[string]func(context.Context) error{
		"/shop.S/Ok":       func(context.Context) error { return nil },
		"/shop.S/NotFound": func(context.Context) error { return connect.NewError(connect.CodeNotFound, errors.New("none")) },
		"/shop.S/Plain":    func(context.Context) error { return errors.New("plain") },
		"/shop.S/Wait": func(ctx context.Context) error {
			close(arrived)
			<-ctx.Done()
			return ctx.Err()
		},
	}
	mux := http.NewServeMux()
	for path, f := range handle {
		mux.Handle(path, connect.NewUnaryHandler(path, func(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
			if err := f(ctx); err != nil {
				return nil, err
			}
			return connect.NewResponse(new(emptypb.Empty)), nil
		}, connect.WithInterceptors(instrumented)))
	}
	server := httptest.NewServer(mux)
	call := func(ctx context.Context, path string) error {
		client := connect.NewClient[emptypb.Empty, emptypb.Empty](server.Client(), server.URL+path, connect.WithInterceptors(instrumented))
		_, err := client.CallUnary(ctx, connect.NewRequest(new(emptypb.Empty)))
		return err
	}
	for path, want := range map[string]connect.Code{"/shop.S/Ok": 0, "/shop.S/NotFound": connect.CodeNotFound, "/shop.S/Plain": connect.CodeUnknown} {
		if err := call(t.Context(), path); err == nil != (want == 0) || err != nil && connect.CodeOf(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if err := call(ctx, "/shop.S/Wait"); connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("got the error %v", err)
	}
	server.CloseClientConnections()
	server.Close() // waits for the handlers

	clients, servers := w.end(t, engine.SpanKindClient), w.end(t, engine.SpanKindServer)
	check(t, clients, "shop.S/Ok", counts{success: 1})
	check(t, servers, "shop.S/Ok", counts{success: 1})
	check(t, clients, "shop.S/NotFound", counts{failure: 1})
	check(t, servers, "shop.S/NotFound", counts{success: 1})
	check(t, clients, "shop.S/Plain", counts{failure: 1})
	check(t, servers, "shop.S/Plain", counts{failure: 1})
	check(t, clients, "shop.S/Wait", counts{cancelled: 1})
	check(t, servers, "shop.S/Wait", counts{cancelled: 1})
}
