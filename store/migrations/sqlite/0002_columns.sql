-- How long bad periods must last before an alert, calls that were counted in another period
-- than they ended in, and what was not delivered. Rows from before have 0, as have those of
-- processes that were running while the tables changed. New columns of a view come last.

ALTER TABLE period_rows ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE period_rows ADD COLUMN early INTEGER NOT NULL DEFAULT 0;
ALTER TABLE period_rows ADD COLUMN undelivered_periods INTEGER NOT NULL DEFAULT 0;
ALTER TABLE period_rows ADD COLUMN undelivered_notifications INTEGER NOT NULL DEFAULT 0;
ALTER TABLE summary_rows ADD COLUMN alert_for_ms REAL NOT NULL DEFAULT 0;

DROP VIEW periods;
CREATE VIEW periods AS
SELECT period_id, monitor, instance, started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%d %H:%M:%f', ended_at / 1000.0, 'unixepoch') AS ended_at,
       partial, missed, operations, received, dropped, overflowed,
       in_flight, untracked, abandoned, sampled_ratio,
       late, early, undelivered_periods, undelivered_notifications
FROM period_rows;

DROP VIEW summaries;
CREATE VIEW summaries AS
SELECT s.summary_id, s.period_id, p.monitor, p.instance, o.service, o.span_kind, o.operation,
       s.started_at AS started_ms,
       strftime('%Y-%m-%d %H:%M:%f', s.started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%d %H:%M:%f', s.ended_at / 1000.0, 'unixepoch') AS ended_at,
       s.partial, s.calls, s.success, s.failure, s.cancelled, s.ignored, s.success_ratio,
       s.min_ms, s.mean_ms, s.max_ms, s.p50_ms, s.p90_ms, s.p95_ms, s.p99_ms,
       s.within_target, s.within_target_ratio, s.failure_mean_ms, s.failure_max_ms,
       s.in_flight, s.oldest_in_flight_ms, s.stuck, s.typical_calls,
       s.burn_rate_5m, s.burn_rate_30m, s.burn_rate_1h, s.burn_rate_6h,
       s.verdict_availability, s.verdict_latency, s.verdict_traffic, s.verdict_stuck, s.verdict_burn_rate,
       s.target_success_ratio, s.target_latency_ms, s.target_within_ratio,
       s.alert_after, s.recover_after, s.min_calls, s.confidence, s.min_traffic, s.min_traffic_ratio,
       s.stuck_after_ms, s.slo, s.repeat_interval_ms, s.alert_for_ms
FROM summary_rows s
JOIN period_rows p ON p.period_id = s.period_id
JOIN operation_rows o ON o.operation_id = s.operation_id;
