package classify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestDetailsHoldNoSecrets(t *testing.T) {
	rules := classify.NewDetailRules(classify.DetailConfig{Dimensions: []string{"*"}})
	for text, want := range map[string]string{
		"redis timeout": "redis timeout",
		"GET https://bob:hunter2@example.com/a?token=s3cr3t&page=2 failed": "GET https://***@example.com/a?token=***&page=*** failed",
		"login failed, password=hunter2":                                   "login failed, password=***",
		`{"password": "hun ter2", "user": 7}`:                              `{"password": ***, "user": 7}`,
		"Authorization: Bearer abcdefghijkl":                               "Authorization: ***",
		"got Bearer abc.def-ghi~jkl instead":                               "got Bearer *** instead",
		"api_key is 12345":                                                 "api_key is ***",
	} {
		d := rules.Read(text)
		if got := d.Details().Message; got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	d := rules.Read("")
	for _, key := range []string{"http.request.header.authorization", "http.request.header.cookie", "db.password", "Set-Cookie", "access_token", "x.api-key"} {
		d.Attribute(key, "s3cr3t")
	}
	if got := d.Details(); got != nil {
		t.Errorf("secrets are kept: %+v", got)
	}
}

func TestDetailsAreBounded(t *testing.T) {
	rules := classify.NewDetailRules(classify.DetailConfig{Dimensions: []string{"tenant.id"}})
	d := rules.Read(strings.Repeat("ü", 8<<10))
	for i := range 100 {
		d.Attribute("http.x"+strings.Repeat("y", i), strings.Repeat("v", 8<<10))
		d.Event("retry", time.Second)
		for range 9 {
			d.EventAttribute("why", strings.Repeat("e", 8<<10))
		}
	}
	d.Attribute("tenant.id", "acme")
	d.Attribute("something.else", "not wanted")
	details := d.Details()
	if len(details.Message) > engine.MaxDetailText || len(details.Attributes) != engine.MaxDetailAttributes || len(details.Events) != engine.MaxDetailEvents {
		t.Errorf("%d bytes, %d attributes, %d events", len(details.Message), len(details.Attributes), len(details.Events))
	}
	if last := details.Attributes[len(details.Attributes)-1]; last != (engine.Attribute{Key: "tenant.id", Value: "acme"}) {
		t.Errorf("the key that was asked for has no room: %v", last)
	}
	for _, e := range details.Events {
		if len(e.Text) > engine.MaxAttributeText {
			t.Errorf("%s: %d bytes", e.Name, len(e.Text))
		}
	}
	for _, a := range details.Attributes {
		if len(a.Value) > engine.MaxAttributeText || a.Key == "something.else" {
			t.Errorf("%s: %d bytes", a.Key, len(a.Value))
		}
	}
}

func TestDetailsRedact(t *testing.T) {
	rules := classify.NewDetailRules(classify.DetailConfig{Redact: func(key, value string) string {
		switch key {
		case "server.address":
			return ""
		case "db.namespace":
			panic("no")
		}
		return strings.ToUpper(value)
	}})
	d := rules.Read("no route")
	d.Attribute("server.address", "10.0.0.1")
	d.Attribute("db.namespace", "orders")
	d.Attribute("http.route", "/a")
	d.Event("retry", time.Second)
	d.EventAttribute("server.address", "10.0.0.1")
	d.EventAttribute("session.id", "s3cr3t")
	d.EventAttribute("n", "two")
	details := d.Details()
	if got := details.Events[0]; got.Name != "RETRY" || got.Text != "n=TWO" {
		t.Errorf("the event is shown as %+v", got)
	}
	if details.Message != "NO ROUTE" || len(details.Attributes) != 1 || details.Attributes[0].Value != "/A" {
		t.Errorf("got %+v", details)
	}
}

func TestDetailsFrame(t *testing.T) {
	for name, test := range map[string]struct{ stack, want string }{
		"Go":      {"goroutine 7 [running]:\nruntime/debug.Stack()\n\t/go/src/runtime/debug/stack.go:26 +0x5e\ngo.opentelemetry.io/otel/sdk/trace.recordStackTrace()\n\t/m/span.go:1 +0x1\nexample.com/shop/orders.(*Store).Insert(0xc000, {0x1, 0x2})\n\t/src/shop/orders/store.go:42 +0x1a\nmain.main()\n\t/src/main.go:1\n", "orders.(*Store).Insert (store.go:42)"},
		"JVM":     {"java.lang.IllegalStateException: no\n\tat com.shop.Orders.insert(Orders.java:12)\n\tat com.shop.Main.main(Main.java:1)\n", "com.shop.Orders.insert(Orders.java:12)"},
		"Python":  {"Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in main\n    run()\n  File \"/app/shop/orders.py\", line 12, in insert\n    raise E\nE: no\n", "insert (orders.py:12)"},
		"nothing": {"what is this", ""},
	} {
		rules := classify.NewDetailRules(classify.DetailConfig{})
		d := rules.Read("m")
		d.Exception(classify.Exception{Type: "E", Message: "x"}, test.stack)
		details := d.Details()
		if details.Frame != test.want || details.Message != "x" || details.ExceptionType != "E" {
			t.Errorf("%s: got %+v, want %q", name, details, test.want)
		}
	}
}

func TestDetailConfigValidate(t *testing.T) {
	err := classify.DetailConfig{Dimensions: []string{"tenant.id", "", "auth.token"}}.Validate()
	for _, want := range []string{"dimensions[1]: must not be empty", `dimensions[2]: "auth.token" is never shown`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzDetails(f *testing.F) {
	f.Add("password=hunter2 https://a:b@c/?d=e", "goroutine\nmain.f()\n\t/a.go:1", "http.route", "/a")
	f.Add("\xff", "Traceback File \"", "db.\x00", "\xfe")
	rules := classify.NewDetailRules(classify.DetailConfig{Dimensions: []string{"*"}})
	f.Fuzz(func(t *testing.T, message, stack, key, value string) {
		d := rules.Read(message)
		d.Attribute(key, value)
		if d.Event(key, 1) {
			d.EventAttribute(key, value)
		}
		d.Exception(classify.Exception{Message: value}, stack)
		details := d.Details()
		if details == nil {
			return
		}
		if len(details.Message) > engine.MaxDetailText || len(details.Frame) > engine.MaxAttributeText {
			t.Errorf("%d, %d bytes", len(details.Message), len(details.Frame))
		}
	})
}
