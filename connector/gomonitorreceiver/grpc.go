package gomonitorreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
)

// message is a request as gRPC received it, or the answer to one, which is always empty.
type message struct {
	bytes  mem.Buffer // nil if there was no room for it
	budget *budget
}

// free gives back the memory of a request.
func (m *message) free() {
	if m.bytes != nil {
		m.budget.give(m.bytes.Len())
		m.bytes.Free()
	}
}

// codec leaves messages as they are.
type codec struct{}

// Marshal returns the answer.
func (codec) Marshal(any) (mem.BufferSlice, error) { return nil, nil }

// Unmarshal takes a request if there is room for it.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("gomonitor: not a message of it: %T", v)
	}
	if m.budget.take(data.Len()) {
		m.bytes = data.MaterializeToBuffer(memory{})
	}
	return nil
}

// Name returns the name of the encoding.
func (codec) Name() string { return "proto" }

// grpcService is OTLP's service of spans.
type grpcService struct {
	intake *intake
	report *receiverhelper.ObsReport
	budget *budget
}

// tracesService is what the methods of the service are for.
type tracesService interface {
	export(ctx context.Context, m *message) (*message, error)
}

const (
	serviceName = "opentelemetry.proto.collector.trace.v1.TraceService"
	methodName  = "Export"
)

// register makes the service known to a server.
func (s *grpcService) register(server *grpc.Server) {
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		HandlerType: (*tracesService)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: methodName, Handler: s.handle}},
	}, s)
}

// handle deals with one request.
func (s *grpcService) handle(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) { //nolint:revive // The order is that of gRPC.
	m := &message{budget: s.budget}
	defer m.free()
	if err := decode(m); err != nil {
		return nil, err
	}
	if interceptor == nil {
		return s.export(ctx, m)
	}
	info := &grpc.UnaryServerInfo{Server: s, FullMethod: "/" + serviceName + "/" + methodName}
	return interceptor(ctx, m, info, func(ctx context.Context, m any) (any, error) { return s.export(ctx, m.(*message)) })
}

// export hands on a request.
func (s *grpcService) export(ctx context.Context, m *message) (*message, error) {
	if m.bytes == nil {
		return nil, statusOf(errBusy).Err()
	}
	if err := s.intake.consume(ctx, undecoded.Request{Bytes: m.bytes.ReadOnlyData()}, s.report); err != nil {
		return nil, statusOf(err).Err()
	}
	return &message{}, nil
}
