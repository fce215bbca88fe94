// Package alertmanager sends alerts to Prometheus Alertmanager by its API v2, where they are
// grouped, silenced, routed and escalated.
//
// Every Alertmanager of a cluster gets every alert. A notification has succeeded if one of
// them took it. Alerts that fire are sent again and again: Alertmanager resolves an alert
// that it does not hear of any more. So an Alertmanager that was down or lost its memory
// knows everything that fires a minute after it is back, and when a process ends, its alerts
// end soon after.
//
// An alert's labels say what it is about: alertname (gomonitor_availability), service_name,
// operation, objective, monitor, span_kind, severity and those of [Config.Labels]. They are
// the same for the firing and the resolved alert. The annotations are summary,
// description, id, target, actual, causes, caused_by, trace_ids and evidence, which is JSON.
// Control characters and what is not UTF-8 are replaced by U+FFFD, and long values are cut.
package alertmanager
