package gomonitorreceiver

import (
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/blurooo/go-monitor/connector/otlpwire"
)

// retryDelay is when a sender should try again what was refused for now.
const retryDelay = time.Second

var (
	errBusy     = errors.New("too much at once: try again later")
	errNotTaken = errors.New("nothing at the end of the pipelines took the request")
)

// statusOf returns what a sender is told of an error. One that may be over soon is not its
// fault: it is told to try again.
func statusOf(err error) *status.Status {
	if errors.Is(err, otlpwire.ErrMalformed) {
		return status.New(codes.InvalidArgument, err.Error())
	}
	if s, ok := status.FromError(err); ok {
		return s
	}
	if consumererror.IsPermanent(err) {
		return status.New(codes.Internal, err.Error())
	}
	s := status.New(codes.ResourceExhausted, err.Error())
	if told, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)}); err == nil {
		return told
	}
	return s
}

// httpStatusOf returns the HTTP status for a status, by the OTLP specification.
func httpStatusOf(s *status.Status) int {
	switch s.Code() {
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return http.StatusServiceUnavailable
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.Unimplemented:
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}
