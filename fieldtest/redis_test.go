package fieldtest

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"

	"github.com/blurooo/go-monitor/v2/engine"
)

// go-redis offers every new connection what this server does not know, tries scripts that it does not
// have, and waits for work.
func TestRedis(t *testing.T) {
	w := watch(t)
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	if err := redisotel.InstrumentTracing(client, redisotel.WithTracerProvider(w)); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), "a", "b", 0).Err(); err != nil {
		t.Error(err)
	}
	if err := client.Get(t.Context(), "none").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("got the error %v", err)
	}
	if err := redis.NewScript("return 1").Run(t.Context(), client, nil).Err(); err != nil {
		t.Error(err)
	}
	if _, err := server.Lpush("queue", "work"); err != nil {
		t.Error(err)
	}
	if err := client.BLPop(t.Context(), time.Second, "queue").Err(); err != nil {
		t.Error(err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	server.Close()

	summaries := w.end(t, engine.SpanKindClient)
	check(t, summaries, "set", counts{success: 1})
	check(t, summaries, "get", counts{success: 1})
	check(t, summaries, "evalsha", counts{ignored: 1})
	check(t, summaries, "eval", counts{success: 1})
	check(t, summaries, "blpop", counts{success: 1, untimed: 1})
	for name, s := range summaries {
		if s.Failure > 0 {
			t.Errorf("%s: %+v", name, s.Failures)
		}
	}
}
