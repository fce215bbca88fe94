package learn

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/alert"
)

// write returns the proposal as YAML, with its reasons.
func (p *proposal) write(stats recording.Stats) ([]byte, error) {
	block := new(mapping)
	c, o := &p.config, &p.config.Objective
	block.add("period", text(alert.Exact(c.Period)), fmt.Sprintf("a %dth of the time within which alerts should come", periodsWithin))
	block.add("idle_periods", number(c.IdlePeriods), alert.Exact(time.Duration(c.IdlePeriods)*c.Period)+": operations that are called seldom keep their place")
	if c.MaxOperations > 0 {
		block.add("max_operations", number(c.MaxOperations), fmt.Sprintf("%d were called", len(p.traffic.operations)))
	}
	if c.PeerServices {
		block.add("peer_services", flag(true), "calls to each service are told apart, as clients mostly call them all by one name")
	}

	objective := new(mapping)
	objective.add("success_ratio", ratio(o.SuccessRatio), p.whySuccess(p.usualFailures, p.usualCalls))
	objective.add("latency_target", text(alert.Exact(o.LatencyTarget)), "for what was called too seldom to know better: as much as the slowest, "+nameOf(p.slowest))
	objective.add("within_target_ratio", ratio(o.WithinTargetRatio), p.whyShare())
	objective.add("alert_after", number(o.AlertAfter), "periods, those with calls alone")
	objective.add("alert_for", text(alert.Exact(o.AlertFor)), "how long they must have been bad: the bursts of a few seconds that healthy systems have don't fire")
	objective.add("recover_after", number(o.RecoverAfter), "as long")
	objective.add("min_calls", number(o.MinCalls), whyMinCalls(o.MinCalls))
	block.addMap("objective", objective, "confidence is off: how many periods were bad for how long says more where there are few calls in each")

	services := new(mapping)
	for i := range p.services {
		s := &p.services[i]
		operations := new(mapping)
		for j := range s.operations {
			p.writeOperation(operations, &s.operations[j])
		}
		service := new(mapping)
		if len(operations.node.Content) > 0 {
			service.addMap("operations", operations, "")
		}
		if isKey(s.name) {
			services.addMap(s.name, service, s.whyRare(p.settings))
		} else {
			services.foot(noKey + alert.Printable(s.name))
		}
	}
	block.addMap("services", services, "")

	connectors, root := new(mapping), new(mapping)
	connectors.addMap("gomonitor", block, "")
	root.addMap("connectors", connectors, "")
	root.node.HeadComment = p.head(stats)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&root.node); err != nil {
		return nil, err
	}
	err := e.Close()
	return b.Bytes(), err
}

// head says what the proposal was found from, and how to use it.
func (p *proposal) head(stats recording.Stats) string {
	t := p.traffic
	lines := []string{
		"Proposed by go-monitor learn from healthy traffic: " + fmt.Sprintf("%d spans, %d calls of %d operations in %d services,", stats.Spans, p.calls, len(t.operations), len(p.services)),
		fmt.Sprintf("%s to %s (%s).", t.first.UTC().Format(time.DateTime), t.last.UTC().Format(time.DateTime+" UTC"), alert.Exact(t.lasted().Round(time.Second))),
		"",
		fmt.Sprintf("An alert should come within %s of a fault. Each latency target is %v times the time below which %s of", alert.Exact(p.settings.Within), p.settings.Margin, alert.Percent(p.settings.Share)),
		fmt.Sprintf("the calls lie for sure (%s), as other days differ, and %s on top: %s of %d calls took no", alert.Percent(p.settings.Sure), alert.Rounded(p.noise), alert.Percent(noiseShare), p.noisy),
		"more than that beyond what is typical of their operation.",
		"",
		"Try it:    go-monitor replay --config THIS_FILE RECORDING",
		"Use it:    go-monitor --config SERVICE.yaml --config THIS_FILE",
	}
	if lasted := t.lasted(); lasted < 30*time.Minute {
		lines = append(lines, "", fmt.Sprintf("%s of traffic tell nothing of other hours and days: learn again from more when there is more.", alert.Exact(lasted.Round(time.Second))))
	}
	if t.overflowed > 0 {
		lines = append(lines, "", fmt.Sprintf("%d calls are of further operations, beyond %d, and nothing was learned of them.", t.overflowed, learnedOperations))
	}
	if stats.Late > 0 {
		lines = append(lines, "", fmt.Sprintf("%d spans came later than the grace.", stats.Late))
	}
	return strings.Join(lines, "\n")
}

// writeOperation writes what is expected of one operation.
func (p *proposal) writeOperation(to *mapping, o *operationProposal) {
	var seen []string
	for _, s := range o.seen {
		kind := ""
		if len(o.seen) > 1 {
			kind = s.key.SpanKind.String() + ": "
		}
		d := &s.durations
		seen = append(seen, fmt.Sprintf("%s%d calls, p50 %s, p99 %s, max %s", kind, s.success+s.failure, alert.Rounded(d.quantile(0.5)), alert.Rounded(d.quantile(0.99)), alert.Rounded(d.longest)))
	}
	own := new(mapping)
	if o.objective.LatencyTarget > 0 {
		own.add("latency_target", text(alert.Exact(o.objective.LatencyTarget)), fmt.Sprintf("%s; typically below %s", strings.Join(seen, "; "), alert.Rounded(o.typical)))
	}
	if o.objective.SuccessRatio > 0 {
		var failures, calls uint64
		for _, s := range o.seen {
			failures, calls = failures+s.failure, calls+s.success+s.failure
		}
		own.add("success_ratio", ratio(o.objective.SuccessRatio), p.whySuccess(failures, calls))
	}
	if o.objective.Confidence > 0 {
		own.add("confidence", ratio(o.objective.Confidence), "as it hardly ever succeeds")
	}
	if o.objective.MinTraffic > 0 {
		own.add("min_traffic", number(o.objective.MinTraffic), fmt.Sprintf("calls a period; there were %d at least, %.3g in the mean", o.seen[0].fewest, float64(o.seen[0].whole)/float64(o.seen[0].with)))
	}
	if o.objective.MinTrafficRatio > 0 {
		own.add("min_traffic_ratio", ratio(o.objective.MinTrafficRatio), "of the usual number of calls")
	}
	if isKey(o.name) {
		to.addMap(o.name, own, "")
	} else {
		to.foot(noKey + alert.Printable(o.name))
	}
}

func (p *proposal) whySuccess(failures, calls uint64) string {
	return fmt.Sprintf("%d of %d calls failed; %d times as many as that can stand for are accepted, and %s at least", failures, calls, failureMargin, alert.Percent(leastFailures))
}

func (p *proposal) whyShare() string {
	if p.settings.Share == 0.5 {
		return "the typical call decides, as a few calls tell enough about it"
	}
	return "as asked for"
}

func whyMinCalls(n int) string {
	if n == 1 {
		return "every period with a call counts"
	}
	return "with fewer, one slow call would miss the share"
}

// whyRare names the operations of which too little is known.
func (s *serviceProposal) whyRare(settings Settings) string {
	if len(s.rare) == 0 {
		return ""
	}
	const most = 10
	lines := []string{fmt.Sprintf("Called fewer than %d times, so that the objective above holds for them:", fewest(settings.Share, settings.Sure))}
	for i, r := range s.rare {
		if i == most {
			lines = append(lines, fmt.Sprintf("  and %d more", len(s.rare)-most))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s (%s, %d)", alert.Printable(r.key.Name), r.key.SpanKind, r.calls))
	}
	return strings.Join(lines, "\n")
}

// noKey says that something can't be named in a configuration.
const noKey = "left out, as two colons have a meaning in a Collector's configuration: "

// isKey reports whether a name can be a key of a Collector's configuration, which takes two colons
// for the border between two keys.
func isKey(name string) bool {
	return name != "" && !strings.Contains(name, "::") && !strings.HasSuffix(name, ":")
}

// mapping is a YAML map that keeps its order.
type mapping struct{ node yaml.Node }

func (m *mapping) key(name string) *yaml.Node {
	key := new(yaml.Node)
	key.SetString(name)
	isOdd := func(r rune) bool { return r < ' ' || r > '~' }
	if name == "<<" || strings.ContainsFunc(name, isOdd) {
		// Else the first means that another map is merged into this one, and others are written in ways
		// that can't be read again.
		key.Style = yaml.DoubleQuotedStyle
	}
	m.node.Kind = yaml.MappingNode
	return key
}

// add adds a value, with its reason at the end of the line.
func (m *mapping) add(name string, value *yaml.Node, why string) {
	value.LineComment = why
	m.node.Content = append(m.node.Content, m.key(name), value)
}

// addMap adds another map, with what is said about it above it.
func (m *mapping) addMap(name string, value *mapping, about string) {
	key := m.key(name)
	key.HeadComment = about
	if len(value.node.Content) == 0 {
		value.node = yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	}
	m.node.Content = append(m.node.Content, key, &value.node)
}

// foot adds a comment below.
func (m *mapping) foot(about string) {
	m.node.FootComment = strings.TrimPrefix(m.node.FootComment+"\n"+about, "\n")
}

func text(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	return n
}

func scalar(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }
func number(n int) *yaml.Node    { return scalar(strconv.Itoa(n)) }
func flag(on bool) *yaml.Node    { return scalar(strconv.FormatBool(on)) }
func ratio(r float64) *yaml.Node { return scalar(strconv.FormatFloat(r, 'f', -1, 64)) }
