package alert

import "github.com/blurooo/go-monitor/v2/engine"

// Labels returns the labels that say what an alert is about, as Prometheus and Alertmanager
// name them: alertname ("gomonitor_" and the objective), objective, monitor, service_name,
// operation, span_kind and severity, see [Severity]. They are the same while the alert fires
// and when it is resolved. Empty ones are left out. Names are as they are: whoever sends
// them must bound them.
func Labels(a *Alert) map[string]string {
	labels := map[string]string{
		"alertname": "gomonitor_" + a.Objective.String(),
		"objective": a.Objective.String(),
		"severity":  Severity(a.Objective),
	}
	for name, value := range map[string]string{"monitor": a.Monitor, "service_name": a.Service, "operation": a.Operation} {
		if value != "" {
			labels[name] = value
		}
	}
	if a.SpanKind != engine.SpanKindUnspecified {
		labels["span_kind"] = a.SpanKind.String()
	}
	return labels
}

// Severity returns warning for latency, since slow calls still succeed, and critical
// otherwise.
func Severity(k ObjectiveKind) string {
	if k == Latency {
		return "warning"
	}
	return "critical"
}
