-- Tables end in _rows and may change with the schema; the views over them are what people
-- read, and they stay. Times are exact to the millisecond, durations are milliseconds.

CREATE TABLE operation_rows (
  operation_id bigint PRIMARY KEY, -- 63 bits of a hash over the three names
  service      text NOT NULL,
  span_kind    text NOT NULL,
  operation    text NOT NULL,
  last_seen    timestamptz NOT NULL -- when it was last written, to the day
);
CREATE INDEX operation_rows_operation ON operation_rows USING hash (operation); -- a name may be too long for a B-tree

CREATE TABLE period_rows (
  period_id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period_key                bytea NOT NULL UNIQUE, -- a hash over what the period is and holds
  monitor                   text NOT NULL,
  instance                  text NOT NULL,
  started_at                timestamptz NOT NULL,
  ended_at                  timestamptz NOT NULL,
  partial                   boolean NOT NULL,
  final                     boolean NOT NULL,
  missed                    bigint NOT NULL,
  operations                bigint NOT NULL,
  received                  bigint NOT NULL,
  dropped                   bigint NOT NULL,
  late                      bigint NOT NULL,
  early                     bigint NOT NULL,
  overflowed                bigint NOT NULL,
  in_flight                 bigint NOT NULL,
  untracked                 bigint NOT NULL,
  abandoned                 bigint NOT NULL,
  undelivered_periods       bigint NOT NULL,
  undelivered_notifications bigint NOT NULL,
  sampled_ratio             double precision NOT NULL
);
CREATE INDEX period_rows_started_at ON period_rows (started_at);

CREATE TABLE summary_rows (
  summary_id           bigint PRIMARY KEY, -- period_id << 20 | its place in the period
  period_id            bigint NOT NULL,
  operation_id         bigint NOT NULL,
  started_at           timestamptz NOT NULL,
  ended_at             timestamptz NOT NULL,
  partial              boolean NOT NULL,
  calls                bigint NOT NULL,
  success              bigint NOT NULL,
  failure              bigint NOT NULL,
  cancelled            bigint NOT NULL,
  ignored              bigint NOT NULL,
  late                 bigint NOT NULL,
  success_ratio        double precision NOT NULL,
  min_ms               double precision NOT NULL,
  mean_ms              double precision NOT NULL,
  max_ms               double precision NOT NULL,
  p50_ms               double precision NOT NULL,
  p90_ms               double precision NOT NULL,
  p95_ms               double precision NOT NULL,
  p99_ms               double precision NOT NULL,
  untimed              bigint NOT NULL,
  slow_cancelled       bigint NOT NULL,
  own_time_calls       bigint NOT NULL,
  own_time_mean_ms     double precision NOT NULL,
  own_time_p50_ms      double precision NOT NULL,
  own_time_p99_ms      double precision NOT NULL,
  reasons              jsonb NOT NULL, -- JSON of messages and of what bad calls share, or null
  within_target        bigint NOT NULL,
  within_target_ratio  double precision NOT NULL,
  failure_mean_ms      double precision NOT NULL,
  failure_max_ms       double precision NOT NULL,
  distribution         json NOT NULL, -- JSON: [[low_ms, high_ms or null, calls], ...]
  in_flight            bigint NOT NULL,
  oldest_in_flight_ms  double precision NOT NULL,
  stuck                bigint NOT NULL,
  typical_calls        bigint NOT NULL,
  burn_rate_5m         double precision NOT NULL,
  burn_rate_30m        double precision NOT NULL,
  burn_rate_1h         double precision NOT NULL,
  burn_rate_6h         double precision NOT NULL,
  burn_fast_insufficient boolean NOT NULL,
  burn_slow_insufficient boolean NOT NULL,
  verdict_availability text NOT NULL,
  verdict_latency      text NOT NULL,
  verdict_traffic      text NOT NULL,
  verdict_stuck        text NOT NULL,
  verdict_burn_rate    text NOT NULL,
  target_success_ratio double precision NOT NULL,
  target_latency_ms    double precision NOT NULL,
  target_within_ratio  double precision NOT NULL,
  alert_after          bigint NOT NULL,
  recover_after        bigint NOT NULL,
  min_calls            bigint NOT NULL,
  confidence           double precision NOT NULL,
  alert_for_ms         double precision NOT NULL,
  min_traffic          bigint NOT NULL,
  min_traffic_ratio    double precision NOT NULL,
  stuck_after_ms       double precision NOT NULL,
  slo                  double precision NOT NULL,
  repeat_interval_ms   double precision NOT NULL,
  end_after_idle       integer NOT NULL
);
CREATE INDEX summary_rows_started_at ON summary_rows (started_at);
CREATE INDEX summary_rows_operation ON summary_rows (operation_id, started_at);

CREATE TABLE failure_rows (
  summary_id bigint NOT NULL,
  n          integer NOT NULL,
  code       text NOT NULL,
  name       text NOT NULL,
  calls      bigint NOT NULL,
  PRIMARY KEY (summary_id, n)
);

CREATE TABLE cause_rows (
  summary_id      bigint NOT NULL,
  symptom         text NOT NULL, -- failure, slow
  n               integer NOT NULL,
  cause_service   text NOT NULL,
  cause_span_kind text NOT NULL,
  cause_operation text NOT NULL,
  cause_code      text NOT NULL,
  calls           bigint NOT NULL,
  share           double precision NOT NULL,
  PRIMARY KEY (summary_id, symptom, n)
);

CREATE TABLE exemplar_rows (
  summary_id  bigint NOT NULL,
  symptom     text NOT NULL, -- failure, slow, stuck
  n           integer NOT NULL,
  trace_id    text NOT NULL,
  span_id     text NOT NULL,
  sampled     boolean NOT NULL,
  code        text NOT NULL,
  duration_ms double precision NOT NULL,
  ended_at    timestamptz NOT NULL,
  details     jsonb NOT NULL, -- JSON of what else the span tells, or null
  PRIMARY KEY (summary_id, symptom, n)
);

CREATE TABLE alert_rows (
  alert_key         bytea PRIMARY KEY, -- a hash over instance, alert_id, state and decided_at
  alert_id          text NOT NULL,
  instance          text NOT NULL,
  monitor           text NOT NULL,
  service           text NOT NULL,
  span_kind         text NOT NULL,
  operation         text NOT NULL,
  objective         text NOT NULL,
  state             text NOT NULL,
  repeat            boolean NOT NULL,
  end_reason        text NOT NULL, -- empty while it fires
  last_sent_at      timestamptz, -- null unless it is a repeat
  calls_since       bigint NOT NULL,
  silenced          boolean NOT NULL, -- it was not sent
  silenced_until    timestamptz, -- null unless it was silenced
  silence_reason    text NOT NULL,
  good_periods      integer NOT NULL,
  flapping_count    integer NOT NULL,
  flapping_since    timestamptz, -- null unless it flaps
  started_at        timestamptz NOT NULL,
  ended_at          timestamptz, -- null while it fires
  decided_at        timestamptz NOT NULL,
  target            double precision NOT NULL,
  actual            double precision NOT NULL,
  worst_actual      double precision NOT NULL,
  last_actual       double precision NOT NULL,
  latency_target_ms double precision NOT NULL,
  summary           text NOT NULL,
  caused_by         text NOT NULL,
  worst_exemplar    jsonb NOT NULL, -- JSON of an exemplar
  why               jsonb NOT NULL, -- JSON of what bad calls say
  causes            jsonb NOT NULL, -- JSON of a list of causes
  evidence          jsonb NOT NULL  -- JSON of a list of summaries
);
CREATE INDEX alert_rows_decided_at ON alert_rows (decided_at);

CREATE TABLE state_rows (
  monitor   text NOT NULL,
  set_aside text NOT NULL, -- empty: what is written; otherwise when it was set aside
  instance  text NOT NULL, -- which process wrote it
  saved_at  timestamptz NOT NULL,
  data      bytea NOT NULL, -- as package state writes it
  PRIMARY KEY (monitor, set_aside)
);

CREATE VIEW operations AS
SELECT operation_id, service, span_kind, operation, last_seen
FROM operation_rows;

CREATE VIEW periods AS
SELECT period_id, monitor, instance, started_at, ended_at,
       partial, final, missed, operations, received, dropped, late, early, overflowed,
       in_flight, untracked, abandoned, undelivered_periods, undelivered_notifications, sampled_ratio
FROM period_rows;

CREATE VIEW summaries AS
SELECT s.summary_id, s.period_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at, s.ended_at,
       s.partial, s.calls, s.success, s.failure, s.cancelled, s.ignored, s.late, s.success_ratio,
       s.min_ms, s.mean_ms, s.max_ms, s.p50_ms, s.p90_ms, s.p95_ms, s.p99_ms,
       s.untimed, s.slow_cancelled, s.own_time_calls, s.own_time_mean_ms, s.own_time_p50_ms, s.own_time_p99_ms, s.reasons,
       s.within_target, s.within_target_ratio, s.failure_mean_ms, s.failure_max_ms,
       s.in_flight, s.oldest_in_flight_ms, s.stuck, s.typical_calls,
       s.burn_rate_5m, s.burn_rate_30m, s.burn_rate_1h, s.burn_rate_6h,
       s.burn_fast_insufficient, s.burn_slow_insufficient,
       s.verdict_availability, s.verdict_latency, s.verdict_traffic, s.verdict_stuck, s.verdict_burn_rate,
       s.target_success_ratio, s.target_latency_ms, s.target_within_ratio,
       s.alert_after, s.recover_after, s.min_calls, s.confidence, s.alert_for_ms,
       s.min_traffic, s.min_traffic_ratio, s.stuck_after_ms, s.slo, s.repeat_interval_ms, s.end_after_idle
FROM summary_rows s
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;

CREATE VIEW failures AS
SELECT f.summary_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at, f.code, f.name, f.calls
FROM failure_rows f
JOIN summary_rows s ON s.summary_id = f.summary_id
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;

CREATE VIEW causes AS
SELECT c.summary_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at, c.symptom, c.cause_service, c.cause_span_kind, c.cause_operation, c.cause_code, c.calls, c.share
FROM cause_rows c
JOIN summary_rows s ON s.summary_id = c.summary_id
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;

CREATE VIEW exemplars AS
SELECT e.summary_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at, e.symptom, e.trace_id, e.span_id, e.sampled, e.code, e.duration_ms, e.ended_at, e.details
FROM exemplar_rows e
JOIN summary_rows s ON s.summary_id = e.summary_id
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;

CREATE VIEW distribution AS
SELECT s.summary_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at,
       (b.value ->> 0)::double precision AS low_ms,
       (b.value ->> 1)::double precision AS high_ms, (b.value ->> 2)::bigint AS calls
FROM summary_rows s
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id
CROSS JOIN json_array_elements(s.distribution) AS b (value);

CREATE VIEW alerts AS
SELECT alert_id, instance, monitor, service, span_kind, operation, objective, state, repeat,
       silenced, silence_reason, silenced_until,
       end_reason, calls_since, good_periods, flapping_count, last_sent_at, flapping_since,
       started_at, ended_at, decided_at,
       extract(epoch FROM coalesce(ended_at, decided_at) - started_at)::double precision AS lasted_s,
       target, actual, worst_actual, last_actual, latency_target_ms,
       summary, caused_by, worst_exemplar, why, causes, evidence
FROM alert_rows;
