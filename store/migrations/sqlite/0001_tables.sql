-- Tables end in _rows and may change with the schema; the views over them are what people
-- read, and they stay. Times are unix milliseconds, durations milliseconds.

CREATE TABLE operation_rows (
  operation_id INTEGER PRIMARY KEY, -- 63 bits of a hash over the three names
  service      TEXT NOT NULL,
  span_kind    TEXT NOT NULL,
  operation    TEXT NOT NULL,
  last_seen    INTEGER NOT NULL -- when it was last written, to the day
) STRICT;
CREATE INDEX operation_rows_operation ON operation_rows (operation);

CREATE TABLE period_rows (
  period_id                 INTEGER PRIMARY KEY,
  period_key                BLOB NOT NULL UNIQUE, -- a hash over what the period is and holds
  monitor                   TEXT NOT NULL,
  instance                  TEXT NOT NULL,
  started_at                INTEGER NOT NULL,
  ended_at                  INTEGER NOT NULL,
  partial                   INTEGER NOT NULL,
  final                     INTEGER NOT NULL,
  missed                    INTEGER NOT NULL,
  operations                INTEGER NOT NULL,
  received                  INTEGER NOT NULL,
  dropped                   INTEGER NOT NULL,
  late                      INTEGER NOT NULL,
  early                     INTEGER NOT NULL,
  overflowed                INTEGER NOT NULL,
  in_flight                 INTEGER NOT NULL,
  untracked                 INTEGER NOT NULL,
  abandoned                 INTEGER NOT NULL,
  undelivered_periods       INTEGER NOT NULL,
  undelivered_notifications INTEGER NOT NULL,
  sampled_ratio             REAL NOT NULL
) STRICT;
CREATE INDEX period_rows_started_at ON period_rows (started_at);

CREATE TABLE summary_rows (
  summary_id           INTEGER PRIMARY KEY, -- period_id << 20 | its place in the period
  period_id            INTEGER NOT NULL,
  operation_id         INTEGER NOT NULL,
  started_at           INTEGER NOT NULL,
  ended_at             INTEGER NOT NULL,
  partial              INTEGER NOT NULL,
  calls                INTEGER NOT NULL,
  success              INTEGER NOT NULL,
  failure              INTEGER NOT NULL,
  cancelled            INTEGER NOT NULL,
  ignored              INTEGER NOT NULL,
  late                 INTEGER NOT NULL,
  success_ratio        REAL NOT NULL,
  min_ms               REAL NOT NULL,
  mean_ms              REAL NOT NULL,
  max_ms               REAL NOT NULL,
  p50_ms               REAL NOT NULL,
  p90_ms               REAL NOT NULL,
  p95_ms               REAL NOT NULL,
  p99_ms               REAL NOT NULL,
  untimed              INTEGER NOT NULL,
  slow_cancelled       INTEGER NOT NULL,
  own_time_calls       INTEGER NOT NULL,
  own_time_mean_ms     REAL NOT NULL,
  own_time_p50_ms      REAL NOT NULL,
  own_time_p99_ms      REAL NOT NULL,
  reasons              TEXT NOT NULL, -- JSON of messages and of what bad calls share, or null
  within_target        INTEGER NOT NULL,
  within_target_ratio  REAL NOT NULL,
  failure_mean_ms      REAL NOT NULL,
  failure_max_ms       REAL NOT NULL,
  distribution         TEXT NOT NULL, -- JSON: [[low_ms, high_ms or null, calls], ...]
  in_flight            INTEGER NOT NULL,
  oldest_in_flight_ms  REAL NOT NULL,
  stuck                INTEGER NOT NULL,
  typical_calls        INTEGER NOT NULL,
  burn_rate_5m         REAL NOT NULL,
  burn_rate_30m        REAL NOT NULL,
  burn_rate_1h         REAL NOT NULL,
  burn_rate_6h         REAL NOT NULL,
  burn_fast_insufficient INTEGER NOT NULL,
  burn_slow_insufficient INTEGER NOT NULL,
  verdict_availability TEXT NOT NULL,
  verdict_latency      TEXT NOT NULL,
  verdict_traffic      TEXT NOT NULL,
  verdict_stuck        TEXT NOT NULL,
  verdict_burn_rate    TEXT NOT NULL,
  target_success_ratio REAL NOT NULL,
  target_latency_ms    REAL NOT NULL,
  target_within_ratio  REAL NOT NULL,
  alert_after          INTEGER NOT NULL,
  recover_after        INTEGER NOT NULL,
  min_calls            INTEGER NOT NULL,
  confidence           REAL NOT NULL,
  alert_for_ms         REAL NOT NULL,
  min_traffic          INTEGER NOT NULL,
  min_traffic_ratio    REAL NOT NULL,
  stuck_after_ms       REAL NOT NULL,
  slo                  REAL NOT NULL,
  repeat_interval_ms   REAL NOT NULL,
  end_after_idle       INTEGER NOT NULL
) STRICT;
CREATE INDEX summary_rows_started_at ON summary_rows (started_at);
CREATE INDEX summary_rows_operation ON summary_rows (operation_id, started_at);

CREATE TABLE failure_rows (
  summary_id INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  code       TEXT NOT NULL,
  name       TEXT NOT NULL,
  calls      INTEGER NOT NULL,
  PRIMARY KEY (summary_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE cause_rows (
  summary_id      INTEGER NOT NULL,
  symptom         TEXT NOT NULL, -- failure, slow
  n               INTEGER NOT NULL,
  cause_service   TEXT NOT NULL,
  cause_span_kind TEXT NOT NULL,
  cause_operation TEXT NOT NULL,
  cause_code      TEXT NOT NULL,
  calls           INTEGER NOT NULL,
  share           REAL NOT NULL,
  PRIMARY KEY (summary_id, symptom, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE exemplar_rows (
  summary_id  INTEGER NOT NULL,
  symptom     TEXT NOT NULL, -- failure, slow, stuck
  n           INTEGER NOT NULL,
  trace_id    TEXT NOT NULL,
  span_id     TEXT NOT NULL,
  sampled     INTEGER NOT NULL,
  code        TEXT NOT NULL,
  duration_ms REAL NOT NULL,
  ended_at    INTEGER NOT NULL,
  details     TEXT NOT NULL, -- JSON of what else the span tells, or null
  PRIMARY KEY (summary_id, symptom, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_rows (
  alert_key         BLOB PRIMARY KEY, -- a hash over instance, alert_id, state and decided_at
  alert_id          TEXT NOT NULL,
  instance          TEXT NOT NULL,
  monitor           TEXT NOT NULL,
  service           TEXT NOT NULL,
  span_kind         TEXT NOT NULL,
  operation         TEXT NOT NULL,
  objective         TEXT NOT NULL,
  state             TEXT NOT NULL,
  repeat            INTEGER NOT NULL,
  end_reason        TEXT NOT NULL, -- empty while it fires
  last_sent_at      INTEGER, -- null unless it is a repeat
  calls_since       INTEGER NOT NULL,
  silenced          INTEGER NOT NULL, -- it was not sent
  silenced_until    INTEGER, -- null unless it was silenced
  silence_reason    TEXT NOT NULL,
  good_periods      INTEGER NOT NULL,
  flapping_count    INTEGER NOT NULL,
  flapping_since    INTEGER, -- null unless it flaps
  started_at        INTEGER NOT NULL,
  ended_at          INTEGER, -- null while it fires
  decided_at        INTEGER NOT NULL,
  target            REAL NOT NULL,
  actual            REAL NOT NULL,
  worst_actual      REAL NOT NULL,
  last_actual       REAL NOT NULL,
  latency_target_ms REAL NOT NULL,
  summary           TEXT NOT NULL,
  caused_by         TEXT NOT NULL,
  worst_exemplar    TEXT NOT NULL, -- JSON of an exemplar
  why               TEXT NOT NULL, -- JSON of what bad calls say
  causes            TEXT NOT NULL, -- JSON of a list of causes
  evidence          TEXT NOT NULL  -- JSON of a list of summaries
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_rows_decided_at ON alert_rows (decided_at);

CREATE TABLE state_rows (
  monitor   TEXT NOT NULL,
  set_aside TEXT NOT NULL, -- empty: what is written; otherwise when it was set aside
  instance  TEXT NOT NULL, -- which process wrote it
  saved_at  INTEGER NOT NULL,
  data      BLOB NOT NULL, -- as package state writes it
  PRIMARY KEY (monitor, set_aside)
) STRICT, WITHOUT ROWID;

CREATE VIEW operations AS
SELECT operation_id, service, span_kind, operation,
       strftime('%Y-%m-%d %H:%M:%f', last_seen / 1000.0, 'unixepoch') AS last_seen
FROM operation_rows;

CREATE VIEW periods AS
SELECT period_id, monitor, instance, started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%d %H:%M:%f', ended_at / 1000.0, 'unixepoch') AS ended_at,
       partial, final, missed, operations, received, dropped, late, early, overflowed,
       in_flight, untracked, abandoned, undelivered_periods, undelivered_notifications, sampled_ratio
FROM period_rows;

CREATE VIEW summaries AS
SELECT s.summary_id, s.period_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', s.started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%d %H:%M:%f', s.ended_at / 1000.0, 'unixepoch') AS ended_at,
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
       s.started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', s.started_at / 1000.0, 'unixepoch') AS started_at,
       f.code, f.name, f.calls
FROM failure_rows f
JOIN summary_rows s ON s.summary_id = f.summary_id
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;

CREATE VIEW causes AS
SELECT c.summary_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', s.started_at / 1000.0, 'unixepoch') AS started_at,
       c.symptom, c.cause_service, c.cause_span_kind, c.cause_operation, c.cause_code, c.calls, c.share
FROM cause_rows c
JOIN summary_rows s ON s.summary_id = c.summary_id
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;

CREATE VIEW exemplars AS
SELECT e.summary_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', s.started_at / 1000.0, 'unixepoch') AS started_at,
       e.symptom, e.trace_id, e.span_id, e.sampled, e.code, e.duration_ms,
       strftime('%Y-%m-%d %H:%M:%f', e.ended_at / 1000.0, 'unixepoch') AS ended_at, e.details
FROM exemplar_rows e
JOIN summary_rows s ON s.summary_id = e.summary_id
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;

CREATE VIEW distribution AS
SELECT s.summary_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', s.started_at / 1000.0, 'unixepoch') AS started_at,
       b.value ->> 0 AS low_ms, b.value ->> 1 AS high_ms, b.value ->> 2 AS calls
FROM summary_rows s
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id
JOIN json_each(s.distribution) b;

CREATE VIEW alerts AS
SELECT alert_id, instance, monitor, service, span_kind, operation, objective, state, repeat,
       silenced, silence_reason,
       strftime('%Y-%m-%d %H:%M:%f', silenced_until / 1000.0, 'unixepoch') AS silenced_until,
       end_reason, calls_since, good_periods, flapping_count,
       strftime('%Y-%m-%d %H:%M:%f', last_sent_at / 1000.0, 'unixepoch') AS last_sent_at,
       strftime('%Y-%m-%d %H:%M:%f', flapping_since / 1000.0, 'unixepoch') AS flapping_since,
       started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%d %H:%M:%f', ended_at / 1000.0, 'unixepoch') AS ended_at,
       strftime('%Y-%m-%d %H:%M:%f', decided_at / 1000.0, 'unixepoch') AS decided_at,
       (coalesce(ended_at, decided_at) - started_at) / 1000.0 AS lasted_s,
       target, actual, worst_actual, last_actual, latency_target_ms,
       summary, caused_by, worst_exemplar, why, causes, evidence
FROM alert_rows;
