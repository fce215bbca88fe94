// Package alertmanager sends alerts to Prometheus Alertmanager by its API v2, so that they
// are grouped, silenced, routed and escalated there.
//
// Every Alertmanager of a cluster gets every alert; a notification has succeeded if one of
// them took it. What fires is sent again and again, as Alertmanager expects: an alert that
// it does not hear of any more it takes for resolved. So an Alertmanager that was down or has
// lost its memory knows all that fires a minute after it is back, and a process
// that ends leaves no alert behind that fires for ever.
//
// An alert's labels say what it is about: alertname (gomonitor_availability), service_name,
// operation, objective, monitor, span_kind, severity and those of [Config.Labels]. They are
// the same from the firing to the resolved alert. The rest are annotations, all
// of them texts: summary, description, id, target, actual, causes, caused_by, trace_ids and
// evidence, which is JSON. Control characters and what is not UTF-8 are replaced by U+FFFD,
// and long values are cut.
package alertmanager
