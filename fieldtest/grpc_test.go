package fieldtest

import (
	"context"
	"net"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Calls of gRPC that succeed and that find nothing, and a stream that is given up.
func TestGRPC(t *testing.T) {
	w := watch(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It is a test's.
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(w))))
	service := health.NewServer()
	service.SetServingStatus("shop", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, service)
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(w))))
	if err != nil {
		t.Fatal(err)
	}
	client := healthpb.NewHealthClient(conn)

	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "shop"}); err != nil {
		t.Error(err)
	}
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "none"}); status.Code(err) != codes.NotFound {
		t.Errorf("got the error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{Service: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Error(err)
	}
	service.Shutdown() // which the stream is told
	if _, err := stream.Recv(); err != nil {
		t.Error(err)
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("got the error %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	server.GracefulStop()
	if err := <-served; err != nil {
		t.Error(err)
	}

	const checking, watching = "grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"
	clients, servers := w.end(t, engine.SpanKindClient), w.end(t, engine.SpanKindServer)
	check(t, clients, checking, counts{success: 1, failure: 1})
	check(t, servers, checking, counts{success: 2})
	check(t, clients, watching, counts{cancelled: 1})
	check(t, servers, watching, counts{cancelled: 1})
}
