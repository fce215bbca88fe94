import { h, replace, update, glyph } from './dom.js';
import { get, post } from './api.js';
import { t, measured, causeText, valueText } from './text.js';
import { percent, nanos, seconds, count, clock, lasted } from './format.js';
import { back, whose, section, exemplars, codes, pictures } from './parts.js';
import { graph } from './graph.js';

export function incident(context, id) {
  const { state } = context;
  const headBox = h('div'), originBox = h('div'), chartsBox = h('div', { class: 'charts' }), box = h('div'), silencer = makeSilencer();
  let charts = [], isClosed = false, drawn = '';
  const view = { element: h('div', { class: 'page' }, back(), headBox, silencer, originBox, chartsBox, box), title: '', shown: load, update: load, close() { isClosed = true; clear(); } };

  function clear() {
    for (const c of charts) if (c.destroy) c.destroy();
    charts = [];
  }

  async function load() {
    let d, past = null;
    try {
      d = await get('incident', { id });
    } catch (error) {
      if (!isClosed && error.status === 404) update(box, h('p', { class: 'empty' }, t.notFound));
      return;
    }
    try {
      past = await get('history', { id: d.operation_id, range: pastRange(d) });
    } catch { /* the evidence is there all the same */ }
    if (isClosed) return;
    view.title = d.operation;
    if (silencer) silencer.hidden = !d.open;
    update(headBox, head(d));
    if (drawn !== JSON.stringify(d.graph)) {
      drawn = JSON.stringify(d.graph);
      replace(originBox, origin(d));
    }
    update(box, changed(d), wrong(d), happened(d), evidence(d), lookUp(d));
    if (charts.length && chartsBox.matches(':hover')) return; // somebody reads a chart
    view.redraw = () => drawCharts(d, past);
    view.redraw();
  }

  function drawCharts(d, past) {
    clear();
    const fired = d.alerts[0].fired;
    const last = fired.evidence[fired.evidence.length - 1];
    const usual = (fired.changes || []).find((c) => c.usual_high_ns > 0);
    charts = past && past.series.length && covers(past, d) ? pictures(cut(past, d), last && last.objective, d.objective, usual && usual.usual_high_ns / 1e9) : [];
    replace(chartsBox, charts.length ? charts : h('p', { class: 'hint' }, t.outOfMemory));
    for (const c of charts) if (c.draw) c.draw();
  }

  // makeSilencer returns what asks to be told no more of an incident.
  function makeSilencer() {
    if (!state.status.can_silence) return null;
    const time = h('select', { 'aria-label': t.silenceFor }, [[1800, '30 min'], [3600, t.hour], [4 * 3600, '4 h'], [86400, t.ranges[86400]]].map(([s, label]) => h('option', { value: s }, label)));
    const comment = h('input', { type: 'text', maxlength: 200, placeholder: t.silenceWhy, 'aria-label': t.silenceWhy });
    const said = h('span', { class: 'sub', role: 'status' });
    const form = h('form', { class: 'silence', on: { submit: async (e) => {
      e.preventDefault();
      try {
        const answer = await post('silence', { id, duration_ns: Number(time.value) * 1e9, comment: comment.value });
        said.textContent = t.silenced(clock(answer.until));
      } catch (error) {
        said.textContent = `${t.silenceFailed}: ${error.message}`;
      }
    } } }, h('span', null, t.silenceFor), time, comment, h('button', { class: 'button', type: 'submit' }, t.silence), said);
    return form;
  }

  // pastRange is the finer one, if that reaches back to before the incident.
  function pastRange(d) {
    const recent = 120 * state.status.period_ns / 1e6;
    return new Date(d.starts_at) > Date.now() - recent * 0.9 ? 'recent' : 'hour';
  }

  const covers = (past, d) => past.starts_ms.length > 0 && past.starts_ms[0] < new Date(d.resolved_at || Date.now());

  // cut returns the past from some time before the incident until some time after.
  function cut(past, d) {
    const begin = +new Date(d.starts_at), end = d.open ? Date.now() : +new Date(d.resolved_at);
    const around = Math.max((end - begin) * 0.6, 12 * past.resolution_ns / 1e6);
    const from = past.starts_ms.findIndex((ms) => ms >= begin - around);
    let to = past.ends_ms.findIndex((ms) => ms > end + around);
    if (to < 0) to = past.ends_ms.length;
    const part = (list) => (Array.isArray(list) ? list.slice(Math.max(0, from), to) : list);
    const s = past.series[0], copy = {};
    for (const key of Object.keys(s)) copy[key] = key === 'codes' ? s.codes.map((c) => ({ ...c, counts: part(c.counts) })) : part(s[key]);
    return { ...past, starts_ms: part(past.starts_ms), ends_ms: part(past.ends_ms), series: [copy] };
  }

  function head(d) {
    const kind = d.open ? (d.state === 'firing' ? 'firing' : d.dependents.some((a) => a.state === 'firing') ? 'firing' : d.state) : d.state;
    const begin = new Date(d.starts_at), end = d.ends_at ? new Date(d.ends_at) : new Date(Date.now() + (state.skew || 0));
    const fact = (label, value, sub) => h('div', { class: 'fact-box' }, h('dt', null, label), h('dd', null, value, sub ? h('span', { class: 'sub' }, ` ${sub}`) : null));
    const cause = causeText(d);
    return h('div', null,
      h('div', { class: `page-head is-${kind}` }, glyph(kind, null, 32), h('div', null,
        h('h1', { class: 'mono' }, h('a', { href: `?operation=${d.operation_id}`, 'data-link': '' }, d.operation)),
        h('p', { class: 'sub' }, [whose(d), t.kinds[d.objective] || d.objective, t.states[kind]].filter(Boolean).join(' · ')))),
      h('p', { class: 'lead' }, measured(d, d.state === 'firing' ? d.actual : d.worst_actual), cause ? h('span', { class: 'cause' }, ` — ${cause}`) : null),
      h('dl', { class: 'facts' },
        fact(t.began, clock(begin)), fact(t.alerted, clock(d.fired_at), t.after(lasted((new Date(d.fired_at) - begin) / 1000))),
        fact(t.over, d.ends_at ? clock(end) : d.state === 'lost' ? t.states.lost : t.ongoing), fact(t.duration, lasted((end - begin) / 1000)), fact(t.worst, valueText(d, d.worst_actual))),
      d.silenced_until && new Date(d.silenced_until) > Date.now() ? h('p', { class: 'hint' }, t.silenced(clock(d.silenced_until))) : null);
  }

  function origin(d) {
    if (d.graph.edges.length === 0) return null;
    return section(t.whereFrom, t.graphHint, graph(d.graph));
  }

  // changed lists what is no longer as usual, where alerts are about that.
  function changed(d) {
    const rows = d.alerts.flatMap(({ fired }) => (fired.changes || []).map((c) => ({ c, a: fired })));
    if (rows.length === 0) return null;
    const now = (c) => (c.kind === 'failures' ? percent(c.failure_ratio || 0) : c.kind === 'silence' ? lasted((c.waited_ns || 0) / 1e9) : `p50 ${nanos(c.p50_ns || 0)}`);
    const usual = (c) => (c.kind === 'failures' ? t.usually(percent(c.usual_failure_ratio || 0)) : c.kind === 'silence' ? t.within(lasted((c.usual_gap_ns || 0) / 1e9)) : `${t.usually(`p50 ${nanos(c.usual_p50_ns || 0)}`)}${c.usual_high_ns ? `, ${t.within(nanos(c.usual_high_ns))}` : ''}`);
    return section(t.changed, null, h('div', { class: 'scroll' }, h('table', { class: 'plain' }, h('tbody', null, rows.map(({ c, a }) => h('tr', null,
      h('td', { class: 'mono' }, a.operation), h('td', null, [t.changeKinds[c.kind] || c.kind, [c.peer_service, c.peer_operation].filter(Boolean).join(' ')].filter(Boolean).join(' → ')),
      h('td', null, h('b', null, now(c))), h('td', null, usual(c)), h('td', null, `${t.sinceThen} ${clock(c.since)}`), h('td', null, c.calls ? `${count(c.calls)} ${t.calls}` : '')))))));
  }

  function wrong(d) {
    const parts = [];
    const evidenceOf = d.alerts[0].fired.evidence;
    const sums = new Map();
    let whole = 0;
    for (const s of evidenceOf) {
      for (const c of s.failures || []) {
        const key = `${c.code}\u0000${c.name || ''}`;
        sums.set(key, { code: c.code, name: c.name, count: (sums.get(key)?.count || 0) + c.count });
        whole += c.count;
      }
    }
    const list = [...sums.values()].sort((a, b) => b.count - a.count);
    if (list.length) parts.push(section(t.failuresByCode, null, codes(list, whole)));
    return parts.length ? h('div', null, parts) : null;
  }

  // happened is the order of events, of all alerts of the incident.
  function happened(d) {
    const events = [];
    for (const a of [d, ...d.dependents]) {
      events.push({ at: a.starts_at, kind: 'pending', what: t.events.bad, a });
      events.push({ at: a.fired_at, kind: 'firing', what: t.events.fired, a, says: measured(a) });
      const full = d.alerts.find((f) => f.fired.id === a.id), end = full && full.last && (full.last.end_reason || full.last.ending);
      if (a.state !== 'firing') events.push({ at: a.resolved_at, kind: a.state, what: t.events[a.state] || a.state, a, says: [t.lastedFor(lasted((new Date(a.ends_at || a.resolved_at) - new Date(a.starts_at)) / 1000)), end && end !== 'recovered' ? t.endings[end] || end : ''].filter(Boolean).join(', ') });
    }
    events.sort((x, y) => new Date(x.at) - new Date(y.at));
    return section(t.whatHappened, null, h('ol', { class: 'events' }, events.map((e) => h('li', { class: `event is-${e.kind}` }, h('time', { datetime: e.at }, clock(e.at)), glyph(e.kind, null, 14),
      h('div', null, h('b', null, e.what), ' ', h('a', { class: 'mono', href: `?operation=${e.a.operation_id}`, 'data-link': '' }, e.a.operation), e.says ? h('div', { class: 'sub' }, e.says) : null)))));
  }

  function evidence(d) {
    const list = d.alerts[0].fired.evidence;
    if (list.length === 0) return null;
    const isStuck = d.objective === 'stuck', isLatency = d.objective === 'latency';
    const head = [t.when, t.calls, isLatency ? `≤ ${nanos(d.latency_target_ns)}` : t.succeed, 'p50', 'p99', t.codes];
    return section(t.evidence, null, h('div', { class: 'scroll' }, h('table', { class: 'plain numbers' },
      h('thead', null, h('tr', null, head.map((c) => h('th', { scope: 'col' }, c)), isStuck ? h('th', { scope: 'col' }, t.inFlight) : null)),
      h('tbody', null, list.map((s) => h('tr', null,
        h('td', null, `${clock(s.start)} – ${clock(s.end)}`), h('td', null, count(s.count)), h('td', null, isLatency ? percent(s.within_target_ratio, s.objective.within_target_ratio) : s.success + s.failure > 0 ? percent(s.success_ratio, s.objective.success_ratio) : '–'),
        h('td', null, s.success > 0 ? nanos(s.latency.p50_ns) : '–'), h('td', null, s.success > 0 ? nanos(s.latency.p99_ns) : '–'),
        h('td', { class: 'mono' }, (s.failures || []).slice(0, 3).map((c) => `${c.code || t.noCode} ×${c.count}`).join(', ') || '–'), isStuck ? h('td', null, `${count(s.in_flight || 0)} (${seconds((s.oldest_in_flight_ns || 0) / 1e9)})`) : null))))));
  }

  function lookUp(d) {
    const seen = new Set(), list = [];
    const key = { latency: ['slow_exemplars', 'slow'], stuck: ['stuck_exemplars', 'stuck'] }[d.objective] || ['failure_exemplars', 'failed'];
    for (const s of d.alerts[0].fired.evidence) {
      for (const c of s[key[0]] || []) if (!seen.has(c.span_id)) { seen.add(c.span_id); list.push({ ...c, why: key[1] }); }
    }
    list.sort((a, b) => b.sampled - a.sampled || b.duration_ns - a.duration_ns);
    return list.length ? section(t.lookUp, null, exemplars(list.slice(0, 8), state.status.trace_url)) : null;
  }

  return view;
}
