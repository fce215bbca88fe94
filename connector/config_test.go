package gomonitorconnector

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/classify"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

// load reads a configuration as the Collector does: the defaults of the factory, the keys
// of the text, then everything in it that has a Validate.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	config := NewFactory().CreateDefaultConfig()
	if err := confmap.NewFromStringMap(raw).Unmarshal(&config); err != nil {
		return nil, err
	}
	if err := confmap.Validate(config); err != nil {
		return nil, err
	}
	return configOf(config)
}

func TestConfigStruct(t *testing.T) {
	if err := componenttest.CheckConfigStruct(&Config{}); err != nil {
		t.Error(err)
	}
	if err := componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()); err != nil {
		t.Error(err)
	}
}

func TestLoadConfig(t *testing.T) {
	tests := map[string]struct {
		text string
		want Config
	}{
		"nothing": {},
		"everything": {
			text: `
name: fleet
service: somebody
period: 30s
grace: 5s
histograms: true
max_operations: 500
objective: {success_ratio: 0.99, latency_target: 250ms, alert_after: 2, repeat_interval: 1h}
operations:
  GET /users/{id}: {latency_target: 100ms}
services:
  shop:
    objective: {success_ratio: 0.999}
    operations:
      POST /orders: {min_calls: 10}
codes:
  "404": {success: true, name: not there}
outcomes: {http_client_4xx: success}
kinds: [server, internal]
adjusted_counts: true
maintenance:
  - {from: "22:30", to: "01:00", days: [sat], time_zone: Europe/Berlin, operations: ["GET *"], services: [shop], reason: upkeep}
  - {start: 2026-12-01T22:00:00Z, end: "2026-12-02T04:00:00Z"}
delivery: {max_attempts: 3, initial_interval: 2s}
notifiers:
  - console:
  - console: {}
  - webhook: {url: "https://hooks.example.org/x", format: slack, headers: {X-Team: ops}}
  - alertmanager: {urls: ["http://127.0.0.1:9093"], resend_delay: 1m}
  - mail: {host: mail.example.org, encryption: tls, from: ops@example.org, to: [a@example.org, b@example.org]}
stores:
  - dsn: a.db
  - {dsn: "postgres://u:p@localhost/monitor", retention: 48h}
logs: {summaries: true}
`,
			want: Config{
				TimelineConfig: engine.TimelineConfig{
					Config: engine.Config{
						Name: "fleet", Service: "somebody", Period: 30 * time.Second, Histograms: true, MaxOperations: 500,
						Objective:  engine.Objective{SuccessRatio: 0.99, LatencyTarget: 250 * time.Millisecond, AlertAfter: 2, RepeatInterval: time.Hour},
						Operations: map[string]engine.Objective{"GET /users/{id}": {LatencyTarget: 100 * time.Millisecond}},
						Services: map[string]engine.ServiceObjectives{"shop": {
							Objective:  engine.Objective{SuccessRatio: 0.999},
							Operations: map[string]engine.Objective{"POST /orders": {MinCalls: 10}},
						}},
						Codes: map[string]engine.CodeFeature{"404": {Success: true, Name: "not there"}},
					},
					Grace: 5 * time.Second,
				},
				Outcomes:       classify.Outcomes{HTTPClient4xx: engine.OutcomeSuccess},
				Kinds:          []engine.SpanKind{engine.SpanKindServer, engine.SpanKindInternal},
				AdjustedCounts: true,
				Maintenance: []alert.Maintenance{
					{From: "22:30", To: "01:00", Days: []string{"sat"}, TimeZone: "Europe/Berlin", Operations: []string{"GET *"}, Services: []string{"shop"}, Reason: "upkeep"},
					{Start: time.Date(2026, 12, 1, 22, 0, 0, 0, time.UTC), End: time.Date(2026, 12, 2, 4, 0, 0, 0, time.UTC)},
				},
				Delivery: delivery.Config{MaxAttempts: 3, InitialInterval: 2 * time.Second},
				Notifiers: []NotifierConfig{
					{Console: &ConsoleConfig{}},
					{Console: &ConsoleConfig{}},
					{Webhook: &webhook.Config{URL: "https://hooks.example.org/x", Format: webhook.Slack, Headers: map[string]alert.Secret{"X-Team": "ops"}}},
					{Alertmanager: &alertmanager.Config{URLs: []string{"http://127.0.0.1:9093"}, ResendDelay: time.Minute}},
					{Mail: &mail.Config{Host: "mail.example.org", Encryption: mail.ImplicitTLS, From: "ops@example.org", To: []string{"a@example.org", "b@example.org"}}},
				},
				Stores: []store.Config{{DSN: "a.db"}, {DSN: "postgres://u:p@localhost/monitor", Retention: 48 * time.Hour}},
				Logs:   LogsConfig{Summaries: true},
			},
		},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			got, err := load(t, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// essence returns what an error says, without what the Collector says of every error of
// decoding.
func essence(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "'' ")
		if line != "" && line != "decoding failed due to the following error(s):" && line != "'' decoding failed due to the following error(s):" {
			lines = append(lines, strings.Replace(line, " decoding failed due to the following error(s):", ":", 1))
		}
	}
	return strings.Join(lines, "\n")
}

// A key with nothing behind it is there, with all its defaults.
func TestLoadKeysWithoutSettings(t *testing.T) {
	c, err := load(t, "notifiers: [{console: }]\nmetrics: {histogram: {explicit: }}")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Notifiers) != 1 || c.Notifiers[0].Console == nil || c.Metrics.Histogram.Explicit == nil {
		t.Errorf("%+v", c)
	}
}

func TestConfigErrors(t *testing.T) {
	tests := map[string]struct {
		text string
		want string // the whole of it
	}{
		"unknown key":              {"perod: 1m", "perod: no such key, probably period is meant"},
		"unknown key in objective": {"objective: {succes_ratio: 0.9}", "objective.succes_ratio: no such key, probably success_ratio is meant"},
		"unknown key of operation": {"operations: {a: {latency: 1s}}", `operations["a"].latency: no such key, want one of alert_after, alert_for, confidence, end_after_idle, latency_target, min_calls, min_traffic, min_traffic_ratio, recover_after, repeat_interval, slo, stuck_after, success_ratio, within_target_ratio`},
		"unknown notifier":         {"notifiers: [{pager: {}}]", "notifiers[0].pager: no such key, want one of alertmanager, console, mail, webhook"},
		"unknown key of notifier":  {"notifiers: [{webhook: {link: x}}]", "notifiers[0].webhook.link: no such key, want one of block_private, content_type, dingtalk_secret, feishu_secret, format, headers, secrets, template, timeout, tls, url"},
		"unknown key of store":     {"stores: [{path: x}]", "stores[0].path: no such key, want one of buffer, buffer_summaries, dsn, instance, retention, timeout"},
		"key of another case":      {"Period: 1m", "Period: no such key, probably period is meant"},
		"not a duration":           {"period: soon", `period: want a duration such as 300ms, got "soon"`},
		"duration without a unit":  {"period: 60", "period: 60 has no unit, probably 60ms or 60s is meant"},
		"not a kind":               {"kinds: [server, clinet]", `kinds[1]: unknown span kind "clinet", want one of [unspecified internal server client producer consumer]`},
		"kind without spans":       {"kinds: [unspecified]", `kinds[0]: must be internal, server, client, producer or consumer, got "unspecified"`},
		"target without a unit":    {"objective: {latency_target: 300}", "objective.latency_target: 300 has no unit, probably 300ms or 300s is meant"},
		"units, all of them": {
			"grace: 5\nservices: {shop: {operations: {a: {alert_for: 0.5}}}}\ndistribution: {bounds: [1ms, 5]}\nstores: [{retention: -1}]\nnotifiers: [{webhook: {timeout: '30'}}]\nmetrics: {histogram: {explicit: {buckets: [7]}}}",
			`distribution.bounds[1]: 5 has no unit, probably 5ms or 5s is meant
grace: 5 has no unit, probably 5ms or 5s is meant
metrics.histogram.explicit.buckets[0]: 7 has no unit, probably 7ms or 7s is meant
notifiers[0].webhook.timeout: 30 has no unit, probably 30ms or 30s is meant
services["shop"].operations["a"].alert_for: 0.5 has no unit, probably 0.5ms or 0.5s is meant
stores[0].retention: -1 has no unit, probably -1s is meant`,
		},
		"a slip":                   {"objectve: {}\nobjective: {alert_after: 2.5}", "objective.alert_after: want a whole number, got \"2.5\"\nobjectve: no such key, probably objective is meant"},
		"no kinds":                 {"kinds: []", "kinds: must name at least one span kind"},
		"not an outcome":           {"outcomes: {grpc_not_found: fine}", `outcomes.grpc_not_found: unknown outcome "fine", want one of [unset success failure cancelled ignored]`},
		"not a list":               {"notifiers: {console: {}}", "notifiers: want a list, got keys below it"},
		"period":                   {"period: 1ms", "period: must be between 10ms and 1h, got 1ms"},
		"grace":                    {"grace: 2h", "grace: must be above 0s and at most 1h, got 2h0m0s"},
		"objective":                {"objective: {success_ratio: 2}", "objective.success_ratio: must be above 0 and at most 1, got 2"},
		"operation":                {"operations: {a b: {success_ratio: -1}}", `operations["a b"].success_ratio: must be above 0 and at most 1, got -1`},
		"service":                  {"services: {shop: {operations: {a: {success_ratio: -1}}}}", `services["shop"].operations["a"].success_ratio: must be above 0 and at most 1, got -1`},
		"delivery":                 {"delivery: {queue_size: -1, max_attempts: 5000}", "delivery.queue_size: must be between 1 and 10000, got -1\ndelivery.max_attempts: must be between 1 and 1000, got 5000"},
		"maintenance":              {"maintenance: [{from: '2', to: '03:00'}]", `maintenance[0].from: must be a time of day, such as 04:30, got "2"`},
		"no notifier":              {"notifiers: [{}]", "notifiers[0]: must name exactly one of console, webhook, alertmanager and mail, got none"},
		"two notifiers in one":     {"notifiers: [{console: {}}, {console: {}, webhook: {url: 'https://a.example.org'}}]", "notifiers[1]: must name exactly one of console, webhook, alertmanager and mail, got console and webhook"},
		"webhook without URL":      {"notifiers: [{webhook: {}}]", "notifiers[0].webhook.url: is required"},
		"secret in the URL":        {"notifiers: [{webhook: {url: 'ftp://u:hunter2@a.example.org/hunter2'}}]", "notifiers[0].webhook.url: must begin with http:// or https:// (it is not shown, as it may hold secrets)"},
		"secret of the wrong type": {"notifiers: [{mail: {host: a, from: a@b.c, to: [a@b.c], password: {hunter2: hunter2}}}]", "notifiers[0].mail.password: want a text, got keys below it"},
		"secret that is a number":  {"notifiers: [{mail: {host: a, from: a@b.c, to: [a@b.c], username: me, password: 11111}}]", "notifiers[0].mail.password: want a text, got a number or true or false"},
		"notifier of no settings":  {"notifiers: [{webhook: }]", "notifiers[0].webhook.url: is required"},
		"two without settings":     {"notifiers: [{console: , mail: }]", "notifiers[0]: must name exactly one of console, webhook, alertmanager and mail, got console and mail"},
		"alertmanager":             {"notifiers: [{alertmanager: {}}]", "notifiers[0].alertmanager.urls: must not be empty"},
		"mail": {"notifiers: [{console: {}}, {mail: {host: a, to: [nobody], password: hunter2}}]", `notifiers[1].mail.username: must be set where password is
notifiers[1].mail.from: must be set
notifiers[1].mail.to[0]: must be an address, got "nobody"`},
		"store": {"stores: [{dsn: a.db}, {dsn: 'mysql://u:hunter2@h/d', buffer: -1}]", `stores[1].dsn: unknown scheme "mysql", want a path, file: or postgres://
stores[1].buffer: must be between 1 and 100000, got -1`},
		"unknown key of histogram": {"metrics: {histogram: {explicit: {bounds: [1s]}}}", "metrics.histogram.explicit.bounds: no such key, want one of buckets"},
		"two forms of histograms":  {"metrics: {histogram: {exponential: {max_size: 100}, explicit: }}", "metrics.histogram: use either explicit or exponential, got both"},
		"metrics":                  {"metrics: {histogram: {unit: h}}", `metrics.histogram.unit: must be ms or s, got "h"`},
		"queue":                    {"queue_size: 100", "queue_size: has no effect in the Collector, where no call waits to be counted, got 100"},
		"calls in flight": {
			"objective: {stuck_after: 1m}\noperations: {a: {stuck_after: 2m}}\nservices: {shop: {objective: {stuck_after: 3m}, operations: {b: {stuck_after: 4m}}}}",
			`objective.stuck_after: has no effect in the Collector, which sees no call before its end, got 1m0s
operations["a"].stuck_after: has no effect in the Collector, which sees no call before its end, got 2m0s
services["shop"].objective.stuck_after: has no effect in the Collector, which sees no call before its end, got 3m0s
services["shop"].operations["b"].stuck_after: has no effect in the Collector, which sees no call before its end, got 4m0s`,
		},
		"everything at once": {"period: 1ms\nkinds: [unspecified]\noutcomes: {http_client_4xx: success}\nnotifiers: [{}]\nstores: [{timeout: 1ns}]", `period: must be between 10ms and 1h, got 1ms
kinds[0]: must be internal, server, client, producer or consumer, got "unspecified"
notifiers[0]: must name exactly one of console, webhook, alertmanager and mail, got none
stores[0].timeout: must be between 100ms and 10m, got 1ns; a number without a unit is nanoseconds, probably 1s is meant`},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			_, err := load(t, tt.text)
			if err == nil {
				t.Fatal("no error")
			}
			if got := essence(err); got != tt.want {
				t.Errorf("got the error\n%s\nwant\n%s", got, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "11111") {
				t.Errorf("the error holds a secret: %s", err)
			}
		})
	}
}

// Whatever a configuration says, it is taken or refused with an error that is not endless, and
// what is taken holds what the engine asks for.
func FuzzConfig(f *testing.F) {
	f.Add("period: 30s\nobjective: {success_ratio: 0.99}\nservices: {shop: {operations: {GET /: {latency_target: 1s}}}}")
	f.Add("kinds: [server, 7]\ncodes: {500: {success: true}}\noutcomes: {}")
	f.Add("notifiers: [{console: {}}, {webhook: {url: 'http://u:p@h'}}, {mail: null}]\nstores: [{dsn: 'u:p@h'}]")
	f.Add("metrics: {histogram: {explicit: {buckets: [1s, 1ms]}}}\nlogs: {summaries: yes}\nshards: -1")
	f.Add("objective: {latency_target: 300, slo: 0.001, alert_for: -1ns}\ngrace: 1h\nrecent_spans: 99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		var raw map[string]any
		if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
			return
		}
		config := NewFactory().CreateDefaultConfig()
		err := confmap.NewFromStringMap(raw).Unmarshal(&config)
		if err == nil {
			err = confmap.Validate(config)
		}
		if err != nil {
			if n := len(err.Error()); n > 10_000+100*len(text) {
				t.Errorf("an error of %d bytes for %d", n, len(text))
			}
			return
		}
		c, err := configOf(config)
		if err != nil {
			return
		}
		if err := c.TimelineConfig.Validate(); err != nil {
			t.Errorf("taken, but %v", err)
		}
	})
}
