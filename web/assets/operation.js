import { h, replace, update, glyph } from './dom.js';
import { get } from './api.js';
import { t } from './text.js';
import { percent, nanos, rate, count } from './format.js';
import { back, whose, section, exemplars, codes, pictures, alertLine } from './parts.js';

export function operation(context, id) {
  const { state } = context;
  const headBox = h('div'), picturesBox = h('div', { class: 'charts' }), rest = h('div'), note = h('p', { class: 'hint' });
  let charts = [], isClosed = false, asked = 0, lastLoad = 0;
  // range is recent, hour, or a number of seconds that the store is asked for; until is its end,
  // empty for now.
  const isShort = 3600e9 / state.status.period_ns > 120;
  let range = isShort ? 'recent' : 'hour', until = '', shown = '';
  const picker = rangePicker();
  const element = h('div', { class: 'page' }, back(), headBox, h('div', { class: 'section-head charts-head' }, note, picker), picturesBox, rest);
  const view = {
    element, title: '',
    shown() { renderHead(); load(); },
    update() {
      renderHead();
      // Older periods change little, and cost the store something.
      if (typeof range === 'string' || (!until && Date.now() - lastLoad > 60000)) load();
    },
    close() { isClosed = true; clear(); },
  };

  function rangePicker() {
    const choices = [];
    if (isShort) choices.push(['recent', nanos(120 * state.status.period_ns)]);
    choices.push(['hour', t.hour]);
    if (state.status.has_store) for (const seconds of Object.keys(t.ranges)) choices.push([Number(seconds), t.ranges[seconds]]);
    if (choices.length < 2) return null;
    const buttons = choices.map(([key, label]) => h('button', { type: 'button', 'aria-pressed': String(range === key), 'data-range': key, on: { click: () => choose(key, typeof key === 'string' ? '' : until) } }, label));
    const time = h('input', { type: 'datetime-local', 'aria-label': t.until, on: { change: () => choose(typeof range === 'string' ? 21600 : range, time.value) } });
    const now = h('button', { type: 'button', class: 'plain', on: { click: () => choose(range, '') } }, t.now);
    function choose(key, end) {
      range = key;
      until = end;
      time.value = end;
      for (const [i, b] of buttons.entries()) b.setAttribute('aria-pressed', String(choices[i][0] === range));
      load();
    }
    return h('div', { class: 'ranges' }, state.status.has_store ? h('label', { class: 'until' }, h('span', null, t.until), time, now) : null, h('div', { class: 'switch', role: 'group', 'aria-label': t.range }, buttons));
  }

  // query is what to ask the history for.
  function query() {
    if (typeof range === 'string') return { id, range };
    const end = until ? new Date(until) : new Date();
    const second = (d) => `${d.toISOString().slice(0, 19)}Z`;
    return { id, from: second(new Date(end - range * 1000)), to: second(end) };
  }

  function renderHead() {
    const r = state.rows.get(id);
    if (!r) return;
    view.title = r.operation;
    const tile = (label, value, sub, isBad) => h('div', { class: `tile ${isBad ? 'bad' : ''}` }, h('span', { class: 'tile-label' }, label), h('span', { class: 'tile-value' }, isBad ? glyph('firing', null, 16) : null, value), h('span', { class: 'tile-sub' }, sub));
    const has = r.within_target_ratio !== null && r.p50_ns > 0;
    update(headBox,
      h('div', { class: `page-head is-${r.state}` }, glyph(r.state, null, 32), h('div', null, h('h1', { class: 'mono' }, r.operation), h('p', { class: 'sub' }, [whose(r), t.states[r.state]].filter(Boolean).join(' · ')))),
      h('div', { class: 'tiles' },
        tile(t.success, r.success_ratio === null ? '–' : percent(r.success_ratio, r.success_target), `${t.target} ${percent(r.success_target)}`, r.bad_availability),
        tile(t.latency, has ? nanos(r.p95_ns) : '–', has ? `p50 ${nanos(r.p50_ns)} · p99 ${nanos(r.p99_ns)}` : 'p95', r.bad_latency),
        r.latency_target_ns > 0 ? tile(t.withinChart, r.within_target_ratio === null ? '–' : percent(r.within_target_ratio, 1), `≤ ${nanos(r.latency_target_ns)}`, false) : null,
        tile(t.perSecond, r.current ? rate(r.calls_per_second) : '–', `${count(r.calls)} ${t.calls}`, false),
        tile(t.flight, r.current ? count(r.in_flight) : '–', r.oldest_in_flight_ns ? t.oldest(nanos(r.oldest_in_flight_ns)) : '\u00a0', r.stuck > 0)));
  }

  function clear() {
    for (const c of charts) if (c.destroy) c.destroy();
    charts = [];
  }

  function drawCharts(past, objective) {
    clear();
    charts = pictures(past, objective);
    replace(picturesBox, charts);
    for (const c of charts) if (c.draw) c.draw();
  }

  async function load() {
    const mine = ++asked;
    lastLoad = Date.now();
    let detail, past;
    try {
      [detail, past] = await Promise.all([get('operation', { id }), get('history', query())]);
    } catch (error) {
      if (!isClosed && mine === asked) {
        if (error.status === 404) replace(rest, h('p', { class: 'empty' }, t.notFound));
        else if (error.status >= 500) { clear(); replace(picturesBox, h('p', { class: 'empty' }, t.readFailed)); }
      }
      return;
    }
    if (isClosed || mine !== asked) return; // another range was chosen meanwhile
    const objective = detail.last && detail.last.objective;
    if (charts.length === 0 || !picturesBox.matches(':hover') || shown !== String(range) + until) { // nobody reads a chart
      view.redraw = () => drawCharts(past, objective);
      view.redraw();
      shown = String(range) + until;
    }
    note.textContent = (past.series[0]?.latency_counts || []).some(Boolean) ? (isDark() ? t.heatDark : t.heat) : '';
    const isOpen = Boolean(rest.querySelector('details[open]'));
    update(rest, budget(detail.error_budget), expected(detail, objective, isOpen), failures(past), calls(detail), incidents(detail));
  }

  // budget shows what is left of an error budget, and how fast it burns.
  function budget(b) {
    if (!b) return null;
    const left = b.left_ratio;
    const number = (v) => String(Number(v.toPrecision(v < 10 ? 2 : 3)));
    const limit = { minutes_5: 14.4, hour_1: 14.4, minutes_30: 6, hours_6: 6 };
    return section(t.budget, null,
      h('div', { class: 'card budget' },
        left === undefined ? null : h('div', { class: 'budget-left' },
          h('div', { class: 'meter', role: 'meter', 'aria-label': t.budget, 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': Math.round(100 * Math.max(0, Math.min(1, left))) }, h('span', { class: left < 0.2 ? 'low' : '', style: { width: `${100 * Math.max(0, Math.min(1, left))}%` } })),
          h('p', null, h('b', null, left > 0 ? t.budgetLeft(percent(left)) : t.budgetGone), h('span', { class: 'sub' }, ` SLO ${percent(b.slo)} · ${count(b.failures)} ${t.failures} / ${count(b.calls)} ${t.calls}`))),
        h('dl', { class: 'facts' }, h('div', null, h('dt', null, 'SLO'), h('dd', null, percent(b.slo))),
          Object.keys(t.burnOver).map((key) => { const v = b.burn_rates[key] || 0, isBad = v > limit[key]; return h('div', { class: isBad ? 'bad' : '' }, h('dt', null, `${t.burnTitle} ${t.burnOver[key]}`), h('dd', null, isBad ? glyph('firing', null, 12) : null, isBad ? ' ' : null, t.burn(number(v)))); }))));
  }

  const isDark = () => (document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';

  function failures(past) {
    const list = (past.series[0]?.codes || []).map((c) => ({ code: c.code, name: c.name, count: c.counts.reduce((a, b) => a + b, 0) })).sort((a, b) => b.count - a.count);
    const whole = list.reduce((a, c) => a + c.count, 0);
    return list.length ? section(t.failuresByCode, null, codes(list, whole)) : null;
  }

  function calls(detail) {
    return detail.exemplars.length ? section(t.lookUp, null, exemplars(detail.exemplars.slice(0, 12), state.status.trace_url)) : null;
  }

  function incidents(detail) {
    return detail.incidents.length ? section(t.incidents, null, h('ul', { class: 'events' }, detail.incidents.map((i) => alertLine(i, i.open)))) : null;
  }

  function expected(detail, o, isOpen) {
    if (!o) return null;
    const target = {
      availability: () => `${percent(o.success_ratio)} ${t.succeed}`,
      latency: () => `${percent(o.within_target_ratio)} ≤ ${nanos(o.latency_target_ns)}`,
      traffic: () => (o.min_traffic > 0 ? `≥ ${count(o.min_traffic)} ${t.calls}` : `≥ ${percent(o.min_traffic_ratio)} · ${t.usual}`),
      stuck: () => `≤ ${nanos(o.stuck_after_ns)}`,
      burn_rate: () => `${percent(o.slo)} · 30 d`,
    };
    return section(t.expected, t.alertRule(o.alert_after, o.recover_after), h('div', { class: 'scroll' }, h('table', { class: 'plain' },
      h('thead', null, h('tr', null, [t.objective, t.target, t.verdict, t.phase].map((c) => h('th', { scope: 'col' }, c)))),
      h('tbody', null, detail.objectives.map((b) => h('tr', null, h('td', null, t.kinds[b.objective] || b.objective), h('td', null, target[b.objective] ? target[b.objective]() : ''),
        h('td', { class: b.verdict === 'bad' ? 'bad' : '' }, b.verdict === 'bad' ? glyph('firing', null, 12) : null, t.verdicts[b.verdict]),
        h('td', { class: b.phase === 'normal' ? '' : 'bad' }, b.phase === 'normal' ? null : glyph(b.phase, null, 12), t.phases[b.phase])))))),
      settings(detail.settings, isOpen));
  }

  // settings lists what is expected in full, and where each value was set.
  function settings(list, isOpen) {
    if (list.length === 0) return null;
    const text = (s) => (s.unit === 'ns' ? nanos(s.value) : s.unit === 'ratio' ? percent(s.value) : String(s.value));
    return h('details', { open: isOpen }, h('summary', null, t.settings), h('div', { class: 'scroll' }, h('table', { class: 'plain' },
      h('thead', null, h('tr', null, [t.settings, t.value, t.setBy].map((c) => h('th', { scope: 'col' }, c)))),
      h('tbody', null, list.map((s) => h('tr', null, h('td', { class: 'mono' }, s.key), h('td', null, text(s)), h('td', null, t.origins[s.from] || h('span', { class: 'mono' }, s.from))))))));
  }

  return view;
}
