import { h, replace, update, glyph } from './dom.js';
import { get } from './api.js';
import { t, measured, causeText } from './text.js';
import { percent, nanos, rate, count, clock, lasted } from './format.js';
import { spark, overview } from './charts.js';
import { alertLine } from './parts.js';

const order = { firing: 0, recovering: 1, pending: 2, good: 3, unknown: 4, idle: 5 };

// columns of the table: how a row is sorted by each, and what it shows.
const columns = [
  { key: 'state', label: () => t.state, value: (r) => order[r.state] },
  { key: 'operation', label: () => t.operation, value: (r) => r.operation.toLowerCase() },
  { key: 'success', label: () => t.success, value: (r) => r.success_ratio ?? 2 },
  { key: 'own', label: () => t.own, value: (r) => -(r.own_time_ns || r.p50_ns) },
  { key: 'p50', label: () => t.p50, value: (r) => -r.p50_ns },
  { key: 'p95', label: () => t.p95, value: (r) => -r.p95_ns },
  { key: 'p99', label: () => t.p99, value: (r) => -r.p99_ns },
  { key: 'rate', label: () => t.perSecond, value: (r) => -r.calls_per_second },
  { key: 'flight', label: () => t.flight, value: (r) => -r.in_flight },
];

// worst compares two rows: the worst first.
function worst(a, b) {
  return order[a.state] - order[b.state]
    || (a.success_ratio ?? 2) - (b.success_ratio ?? 2)
    || (a.within_target_ratio ?? 2) - (b.within_target_ratio ?? 2)
    || b.calls - a.calls
    || compare(a.operation, b.operation) || compare(a.service, b.service) || compare(a.span_kind, b.span_kind);
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// past keeps the sparklines of the rows that were seen, by id.
const past = new Map();
let pastSeq = -1;

export function home(context) {
  const { state, go } = context;
  const query = context.query;
  const filter = { q: query.get('q') || '', service: query.get('service') || '', kind: query.get('kind') || '', state: query.get('state') || '', sort: query.get('sort') || '' };
  const hero = h('section', { class: 'hero' });
  const incidents = h('section', { class: 'incidents', 'aria-label': t.openIncidents });
  const strip = h('canvas', { class: 'strip', role: 'img' });
  const stripTitle = h('h2');
  const stripReadout = h('span', { class: 'readout' });
  const hour = h('section', { class: 'hour' }, h('div', { class: 'section-head' }, stripTitle, stripReadout), strip);
  let total = null, hover = null;

  // Incidents that have ended are asked for when somebody wants to see them.
  const ended = h('ul', { class: 'events' });
  const history = h('details', { class: 'ended', on: { toggle: askEnded } }, h('summary', null, t.pastIncidents), ended);

  async function askEnded() {
    if (!history.open) return;
    try {
      const got = (await get('incidents')).incidents.filter((i) => !i.open).slice(0, 30);
      update(ended, got.length ? got.map((i) => alertLine(i, false)) : h('li', { class: 'hint' }, t.noPast));
    } catch { /* the next period asks again */ }
  }

  const search = h('input', { type: 'search', placeholder: t.search, 'aria-label': t.search, value: filter.q, spellcheck: 'false', autocomplete: 'off', on: { input: () => { filter.q = search.value; changed(); } } });
  const select = (key, all) => h('select', { 'aria-label': all, 'data-key': key, on: { change: (e) => { filter[key] = e.target.value; changed(); } } });
  const services = select('service', t.service), kinds = select('kind', t.kind), states = select('state', t.state);
  const shown = h('span', { class: 'shown', role: 'status' });
  const bar = h('div', { class: 'bar' }, h('label', { class: 'search' }, searchSign(), search, h('kbd', null, '/')), states, services, kinds, shown);
  const head = h('div', { class: 'row head', role: 'row', 'aria-rowindex': '1' });
  const body = h('div', { class: 'rows', role: 'rowgroup' });
  const table = h('div', { class: 'table', role: 'table', 'aria-label': t.operations(2) }, h('div', { role: 'rowgroup' }, head), body);
  const element = h('div', { class: 'home' }, hero, incidents, hour, h('section', { class: 'list', id: 'operations' }, bar, table), history);

  let list = [], height = 0, chosen = -1, isAsking = false, isPrinted = false, sorted = { at: 0, states: '' };
  const live = new Map(); // the rows on the screen, by id

  function changed() {
    const q = new URLSearchParams();
    for (const [key, value] of Object.entries(filter)) if (value) q.set(key, value);
    go(q.toString(), true);
    chosen = -1;
    arrange();
  }

  function fillSelects() {
    const all = [...state.rows.values()];
    const options = (el, key, label, values, names) => {
      const wanted = ['', ...values];
      if (filter[key] && !wanted.includes(filter[key])) wanted.push(filter[key]);
      if (el.options.length === wanted.length && wanted.every((v, i) => el.options[i].value === v)) return;
      replace(el, wanted.map((v) => h('option', { value: v }, v ? (names ? names[v] : v) : label)));
      el.value = filter[key];
    };
    const distinct = (f) => [...new Set(all.map(f))].filter(Boolean).sort();
    options(states, 'state', t.stateAll, ['firing', 'recovering', 'pending', 'good', 'unknown', 'idle'], t.states);
    const named = distinct((r) => r.service);
    options(services, 'service', t.serviceAll, named);
    services.hidden = named.length < 2 && !filter.service;
    options(kinds, 'kind', t.kindAll, distinct((r) => r.span_kind));
  }

  // arrange filters and sorts the rows, and shows those on the screen.
  function arrange() {
    const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
    list = [...state.rows.values()].filter((r) => (!filter.service || r.service === filter.service) && (!filter.kind || r.span_kind === filter.kind) && (!filter.state || r.state === filter.state)
      && words.every((w) => r.operation.toLowerCase().includes(w) || r.service.toLowerCase().includes(w)));
    shown.textContent = t.shown(list.length, state.rows.size);
    table.setAttribute('aria-rowcount', String(list.length + 1));
    const isDown = filter.sort.startsWith('-');
    const column = columns.find((c) => c.key === filter.sort.replace('-', ''));
    if (!column || column.key === 'state') list.sort((a, b) => (isDown ? worst(b, a) : worst(a, b)));
    else list.sort((a, b) => { const d = compare(column.value(a), column.value(b)); return (isDown ? -d : d) || worst(a, b); });
    sorted = { at: Date.now(), states: statesText() };
    renderHead();
    draw(true);
  }

  // rearrange is arrange after a period. Rows keep their places unless a state has changed, or
  // some time has passed and nobody points at them: what moves all the time can't be read.
  function rearrange() {
    if (statesText() !== sorted.states || (Date.now() - sorted.at > 10000 && !body.matches(':hover'))) return arrange();
    list = list.map((r) => state.rows.get(r.id)).filter(Boolean);
    draw(true);
  }

  const statesText = () => { let text = ''; for (const r of state.rows.values()) text += `${r.id}${order[r.state]}`; return text; };

  function renderHead() {
    const key = filter.sort.replace('-', '') || 'state', isDown = filter.sort.startsWith('-');
    const cell = (c, extra) => h('div', { class: `c-${c.key} ${extra || ''}`, role: 'columnheader', 'aria-sort': key === c.key ? (isDown ? 'descending' : 'ascending') : null },
      h('button', { type: 'button', class: key === c.key ? 'sorted' : '', 'aria-label': t.sortBy(c.label()), title: t.sortBy(c.label()), on: { click: () => sortBy(c.key) } }, c.key === 'state' ? glyph('firing', null, 12) : c.label(), key === c.key && c.key !== 'state' ? h('span', { class: 'arrow', 'aria-hidden': 'true' }, isDown ? ' ↓' : ' ↑') : null));
    replace(head, columns.map((c) => cell(c)));
  }

  function sortBy(key) {
    if (key === 'state') filter.sort = filter.sort === '' ? '-state' : '';
    else filter.sort = filter.sort === key ? `-${key}` : filter.sort === `-${key}` ? '' : key;
    changed();
  }

  const isNarrow = () => window.innerWidth < 760;

  // draw shows the rows that are on the screen, and no others.
  function draw(isNew) {
    height = isNarrow() ? 84 : 44;
    body.style.height = `${list.length * height}px`;
    if (list.length === 0) {
      live.clear();
      const isFiltered = filter.q || filter.service || filter.kind || filter.state;
      body.style.height = 'auto';
      replace(body, h('div', { class: 'empty', role: 'row' }, h('div', { role: 'cell' }, isFiltered ? [t.none, ' ', h('button', { class: 'link', type: 'button', on: { click: clear } }, t.clear)] : t.noCalls)));
      return;
    }
    if (body.firstChild && body.firstChild.className === 'empty') replace(body);
    const top = body.getBoundingClientRect().top, spare = 6;
    const from = isPrinted ? 0 : Math.max(0, Math.floor(-top / height) - spare);
    const to = isPrinted ? Math.min(list.length, 300) : Math.min(list.length, Math.ceil((window.innerHeight - top) / height) + spare);
    const wanted = list.slice(from, to), keep = new Set(wanted.map((r) => r.id)), fresh = [];
    const free = []; // rows that have left the screen show others
    for (const [id, row] of live) if (!keep.has(id)) { live.delete(id); free.push(row); }
    wanted.forEach((r, i) => {
      let row = live.get(r.id);
      const isFresh = !row;
      if (isFresh) {
        row = free.pop();
        if (!row) { row = makeRow(); body.append(row.element); }
        live.set(r.id, row);
      }
      row.place(from + i, from + i === chosen);
      if (isFresh || isNew) { row.fill(r); fresh.push(row); }
    });
    for (const row of free) row.element.remove();
    for (const row of fresh) row.draw();
    askPast();
  }

  function clear() {
    Object.assign(filter, { q: '', service: '', kind: '', state: '' });
    search.value = '';
    for (const s of [services, kinds, states]) s.value = '';
    changed();
  }

  function makeRow() {
    let id = '';
    const sign = h('div', { class: 'c-state', role: 'cell' }), sub = h('span', { class: 'sub' });
    const link = h('a', { class: 'name', href: '?', 'data-link': '' });
    const element = h('div', { class: 'row', role: 'row' },
      sign,
      h('div', { class: 'c-operation', role: 'cell' }, link, sub),
      figure('success', t.success, 'success'), figure('own', t.own), figure('p50', t.p50), figure('p95', t.p95), figure('p99', t.p99, 'latency'), figure('rate', t.perSecond, 'calls'), figure('flight', t.flight));
    element.addEventListener('click', (e) => { if (!e.target.closest('a') && String(getSelection()) === '') link.click(); });
    const values = {}, canvases = [...element.querySelectorAll('canvas')];
    for (const c of columns) values[c.key] = element.querySelector(`.c-${c.key} .value`);
    const text = (el, v) => { if (el.textContent !== v) el.textContent = v; };
    let state = '';
    return {
      element,
      place(i, isChosen) {
        element.style.transform = `translateY(${i * height}px)`;
        element.setAttribute('aria-rowindex', String(i + 2));
        element.classList.toggle('chosen', isChosen);
      },
      fill(r) {
        if (id !== r.id) {
          id = r.id;
          link.href = `?operation=${id}`;
          text(link, r.operation);
          text(sub, [r.service, r.span_kind === 'UNSPECIFIED' ? '' : r.span_kind.toLowerCase()].filter(Boolean).join(' · '));
        }
        if (state !== r.state) {
          if (state) element.classList.remove(`is-${state}`);
          state = r.state;
          element.classList.add(`is-${state}`);
          replace(sign, glyph(state, t.states[state], 16));
        }
        const set = (key, v, isBad) => { text(values[key], v); values[key].classList.toggle('bad', Boolean(isBad)); };
        set('success', r.success_ratio === null ? '–' : percent(r.success_ratio, r.success_target), r.bad_availability);
        const has = r.within_target_ratio !== null && r.p50_ns > 0;
        set('own', has ? nanos(r.own_time_ns || r.p50_ns) : '–');
        set('p50', has ? nanos(r.p50_ns) : '–');
        set('p95', has ? nanos(r.p95_ns) : '–', r.bad_latency);
        set('p99', has ? nanos(r.p99_ns) : '–');
        set('rate', r.current ? rate(r.calls_per_second) : '–');
        set('flight', r.current && r.in_flight ? count(r.in_flight) : '–', r.stuck > 0);
      },
      draw() {
        if (isNarrow()) return; // there is no room for pictures
        const s = past.get(id);
        for (const canvas of canvases) spark(canvas, canvas.dataset.kind, s, sparkSlots(), 84, 24);
      },
    };
  }

  function figure(key, label, picture) {
    return h('div', { class: `c-${key} figure`, role: 'cell' }, h('span', { class: 'label', 'aria-hidden': 'true' }, label), h('span', { class: 'value' }), picture ? h('canvas', { 'data-kind': picture, 'aria-hidden': 'true' }) : null);
  }

  const sparkSlots = () => Math.min(60, slots());
  const slots = () => Math.max(48, Math.min(120, Math.floor(3600e9 / state.status.period_ns)));

  // askPast asks for the past of the rows on the screen that is not known yet.
  async function askPast() {
    const wanted = [...state.status.incidents.slice(0, 20).map((i) => i.operation_id), ...live.keys()];
    const missing = wanted.filter((id) => !past.has(id)).slice(0, 60);
    if (isAsking || missing.length === 0) return;
    isAsking = true;
    try {
      const seq = state.status.seq;
      const got = await get('history', { id: missing, range: 'recent' });
      for (const s of got.series) past.set(s.id, { calls: s.calls, failures: s.failures, p50: s.p50_s, p95: s.p95_s, p99: s.p99_s, states: s.states, bad: s.states.map((v) => v === 'firing' || v === 'pending' || v === 'recovering') });
      for (const id of missing) if (!past.has(id)) past.set(id, emptyPast());
      if (pastSeq < 0) pastSeq = seq;
      for (const row of live.values()) row.draw();
      drawCards();
    } catch { /* the next period asks again */ } finally {
      isAsking = false;
    }
    if ([...live.keys()].some((id) => !past.has(id))) askPast();
  }

  // grow adds the newest period to the past of the rows that have one.
  function grow() {
    const s = state.status;
    if (pastSeq >= 0 && s.seq === pastSeq) return;
    if (pastSeq >= 0 && s.seq !== pastSeq + 1) past.clear(); // some were missed
    else {
      for (const [id, p] of past) {
        const r = state.rows.get(id);
        if (!r) { past.delete(id); continue; }
        const is = r.current;
        push(p, { calls: is ? r.calls : null, failures: is ? r.failures : null, p50: is && r.p50_ns ? r.p50_ns / 1e9 : null, p95: is && r.p95_ns ? r.p95_ns / 1e9 : null, p99: is && r.p99_ns ? r.p99_ns / 1e9 : null, states: r.state, bad: ['firing', 'pending', 'recovering'].includes(r.state) });
      }
    }
    pastSeq = s.seq;
  }

  function push(p, values) {
    for (const key of Object.keys(values)) {
      p[key].push(values[key]);
      if (p[key].length > slots()) p[key].shift();
    }
  }

  const emptyPast = () => ({ calls: [], failures: [], p50: [], p95: [], p99: [], states: [], bad: [] });

  function renderHero() {
    const s = state.status, n = s.incidents.length, pending = s.operations_by_state.pending || 0;
    const isFiring = s.incidents.some((i) => i.state === 'firing');
    let kind = 'good', line = t.allWell;
    if (!s.last_period) { kind = 'unknown'; line = t.waiting; } else if (n > 0) { kind = isFiring && s.state !== 'recovering' ? 'firing' : 'recovering'; line = t.incidentsOpen(n); } else if (pending > 0) { kind = 'pending'; line = t.pendingOnly(pending); } else if (state.rows.size === 0) { kind = 'unknown'; line = t.noCalls; } else if (!s.operations_by_state.good) { kind = 'unknown'; line = s.last_period.partial ? t.firstWhole : s.last_period.calls > 0 ? t.tooFew : t.silent; }
    const facts = [];
    if (state.rows.size > 0) facts.push(t.operations(state.rows.size));
    const last = s.last_period;
    if (last) {
      const length = (new Date(last.end) - new Date(last.start)) / 1000;
      if (last.calls > 0) facts.push(t.callsPerSecond(last.calls / Math.max(length, 0.001)), last.failures ? t.failedShare(last.failures / last.calls) : t.noneFailed);
      if (last.partial && kind === 'unknown') facts.push(t.wholeEnds(clock(s.next_period_end)));
      else facts.push(t.lastPeriod(clock(last.start, s.period_ns < 60e9), clock(last.end, s.period_ns < 60e9)));
    } else facts.push(t.firstEnds(clock(s.next_period_end)));
    hero.className = `hero is-${kind}`;
    update(hero, glyph(kind, null, 40), h('div', null, h('h1', { 'aria-live': 'polite' }, line), h('p', null, facts.map((f, i) => [i ? h('span', { class: 'dot', 'aria-hidden': 'true' }, ' · ') : null, h('span', { class: 'fact' }, f)]))));
  }

  function renderIncidents() {
    const s = state.status;
    const isOpen = new Set([...incidents.querySelectorAll('details[open]')].map((d) => d.dataset.id));
    update(incidents, s.incidents.map((i) => card(i, isOpen.has(i.id))));
    drawCards();
  }

  function card(i, isOpen) {
    const since = lasted((Date.now() + (state.skew || 0) - new Date(i.starts_at)) / 1000);
    const where = [i.service !== state.status.service ? i.service : '', i.span_kind === 'UNSPECIFIED' ? '' : i.span_kind.toLowerCase()].filter(Boolean).join(' · ');
    const cause = causeText(i);
    const r = state.rows.get(i.operation_id);
    const kind = i.state === 'firing' ? (r && r.state === 'recovering' ? 'recovering' : 'firing') : i.state;
    const picture = h('canvas', { class: 'card-picture', 'data-id': i.operation_id, 'data-kind': i.objective === 'latency' ? 'latency' : i.objective === 'traffic' ? 'calls' : 'success', 'aria-hidden': 'true' });
    return h('article', { class: `card incident is-${kind}` },
      h('div', { class: 'card-sign' }, glyph(kind, t.states[kind], 22)),
      h('div', { class: 'card-text' },
        h('h2', null, h('a', { href: `?incident=${i.id}`, 'data-link': '' }, i.operation), ' ', h('span', { class: 'sub' }, where)),
        h('p', { class: 'says' }, measured(i), cause ? h('span', { class: 'cause' }, ` — ${cause}`) : null),
        h('p', { class: 'when' }, t.since(clock(i.starts_at)), ', ', t.for(since)),
        i.dependents.length > 0 ? h('details', { open: isOpen, 'data-id': i.id }, h('summary', null, t.explains(i.dependents.length)),
          h('ul', null, i.dependents.map((d) => h('li', null, glyph(d.state, t.states[d.state], 13), h('a', { href: `?operation=${d.operation_id}`, 'data-link': '' }, d.operation), ' ', h('span', { class: 'sub' }, measured(d)))))) : null),
      picture);
  }

  function drawCards() {
    for (const canvas of incidents.querySelectorAll('canvas')) spark(canvas, canvas.dataset.kind, past.get(canvas.dataset.id), sparkSlots(), canvas.clientWidth, canvas.clientHeight);
  }

  function renderStrip() {
    const s = state.status;
    const length = slots() * s.period_ns / 1e9;
    stripTitle.textContent = Math.abs(length - 3600) < 1 ? t.hourTitle : t.recentTitle(lasted(length));
    strip.setAttribute('aria-label', stripTitle.textContent);
    hour.hidden = !s.last_period;
    if (!total) { if (s.last_period) askTotal(); return; }
    overview(strip, total, slots(), hover);
    const at = hover ?? total.calls.length - 1;
    const calls = total.calls[at], failures = total.failures[at];
    stripReadout.textContent = calls === undefined ? '' : `${total.ends ? `${clock(total.starts[at])} – ${clock(total.ends[at])}: ` : ''}${count(calls || 0)} ${t.calls}, ${count(failures || 0)} ${t.failures}`;
    strip.setAttribute('aria-label', stripReadout.textContent);
  }

  async function askTotal() {
    try {
      const got = await get('history', { id: 'total', range: 'recent' });
      const s = got.series[0];
      total = { calls: s.calls, failures: s.failures, states: s.states, starts: got.starts_ms, ends: got.ends_ms };
      renderStrip();
    } catch { /* the next period asks again */ }
  }

  // growTotal adds the newest period to the strip.
  function growTotal() {
    const s = state.status, last = s.last_period;
    if (!last || new Date(last.end) <= total.ends[total.ends.length - 1]) return;
    const values = { calls: last.calls, failures: last.failures, states: s.state, starts: +new Date(last.start), ends: +new Date(last.end) };
    for (const key of Object.keys(values)) {
      total[key].push(values[key]);
      if (total[key].length > slots()) total[key].shift();
    }
  }

  strip.addEventListener('pointermove', (e) => {
    if (!total) return;
    const box = strip.getBoundingClientRect(), step = box.width / slots();
    const i = Math.floor((e.clientX - box.left) / step) - (slots() - total.calls.length);
    hover = i >= 0 && i < total.calls.length ? i : null;
    renderStrip();
  });
  strip.addEventListener('pointerleave', () => { hover = null; renderStrip(); });

  let isDue = false;
  const onScroll = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => { isDue = false; draw(false); });
  };
  const onResize = () => { live.forEach((r) => r.element.remove()); live.clear(); draw(true); renderStrip(); };

  function choose(i) {
    if (list.length === 0) return;
    chosen = Math.max(0, Math.min(list.length - 1, i));
    const y = body.getBoundingClientRect().top + chosen * height;
    if (y < 110 || y > window.innerHeight - 2 * height) window.scrollBy(0, y - window.innerHeight / 2);
    draw(false);
    const row = live.get(list[chosen].id);
    if (row) row.element.querySelector('a').focus({ preventScroll: true });
  }

  return {
    element, title: '',
    redraw(isPrinting) { isPrinted = Boolean(isPrinting); onResize(); drawCards(); },
    shown() {
      renderHero(); renderIncidents(); fillSelects(); grow(); arrange(); renderStrip();
      window.addEventListener('scroll', onScroll, { passive: true });
      window.addEventListener('resize', onResize);
    },
    update(isWhole) {
      if (isWhole) total = null; else grow();
      if (isWhole && state.status.seq !== pastSeq) { past.clear(); pastSeq = state.status.seq; }
      if (total) growTotal();
      renderHero(); renderIncidents(); fillSelects(); rearrange(); renderStrip(); askEnded();
    },
    close() {
      window.removeEventListener('scroll', onScroll);
      window.removeEventListener('resize', onResize);
    },
    key(e, isTyping) {
      if (isTyping) {
        if (e.key === 'Enter' && e.target === search) { choose(0); return true; }
        if (e.key === 'ArrowDown' && e.target === search) { choose(0); return true; }
        return false;
      }
      if (e.key === '/') { search.focus(); search.select(); return true; }
      if (e.key === 'j' || e.key === 'ArrowDown') { choose(chosen + 1); return true; }
      if (e.key === 'k' || (e.key === 'ArrowUp' && chosen >= 0)) { choose(chosen - 1); return true; }
      return false;
    },
  };
}

function searchSign() {
  return h('svg', { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true', class: 'sign' }, h('path', { d: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm3.3 7.8L14 14' }));
}
