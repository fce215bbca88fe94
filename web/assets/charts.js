// Pictures: sparklines on canvases of their own, and charts by uPlot (a global, see index.html).
import { h } from './dom.js';
import { percent, seconds, clock, count } from './format.js';

let palette = null;

// forgetColors is for when the theme changes.
export function forgetColors() { palette = null; }

export function colors() {
  if (!palette) {
    const style = getComputedStyle(document.documentElement);
    palette = {};
    for (const name of ['ink', 'muted', 'faint', 'line', 'bad', 'bad-soft', 'warn', 'good', 'accent', 'bar', 'card', 'heat-0', 'heat-1', 'p50', 'p95', 'p99']) {
      palette[name] = style.getPropertyValue(`--${name}`).trim();
    }
  }
  return palette;
}

// fit makes a canvas of a size in CSS pixels as fine as the screen, and returns its context, empty.
function fit(canvas, w, hgt) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(hgt * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(hgt * ratio);
  }
  const c = canvas.getContext('2d');
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, w, hgt);
  return c;
}

// eachSlot calls f for the place of each slot; the newest is at the right end.
function eachSlot(n, slots, w, f) {
  const step = w / slots;
  for (let i = 0; i < n; i++) f(i, w - (n - i) * step, step);
}

// spark draws one of the small pictures of a row, w by hgt pixels large. slots is how many there is
// room for.
export function spark(canvas, kind, s, slots, w, hgt) {
  const c = fit(canvas, w, hgt);
  if (!w || !s) return;
  const k = colors(), n = s.calls.length;
  const base = hgt - 1;
  if (kind === 'success') {
    c.fillStyle = k.line;
    c.fillRect(0, base - 0.5, w, 1);
    eachSlot(n, slots, w, (i, x, step) => {
      if (!s.calls[i]) return;
      const share = s.failures[i] / s.calls[i];
      c.fillStyle = share > 0 ? (s.bad[i] ? k.bad : k.warn) : k.good;
      const tall = share > 0 ? Math.max(2.5, Math.sqrt(share) * (hgt - 2)) : 1.5;
      c.fillRect(x + step * 0.1, base - tall + 0.5, Math.max(1, step * 0.8), tall);
    });
  } else if (kind === 'calls') {
    const top = Math.max(1, ...s.calls.map((v) => v || 0));
    eachSlot(n, slots, w, (i, x, step) => {
      if (!s.calls[i]) return;
      const tall = Math.max(1, s.calls[i] / top * (hgt - 2)), bad = s.failures[i] ? Math.max(1, s.failures[i] / top * (hgt - 2)) : 0;
      c.fillStyle = k.bar;
      c.fillRect(x + step * 0.1, base - tall + 0.5, Math.max(0.8, step * 0.8), tall - bad);
      if (bad) {
        c.fillStyle = k.bad;
        c.fillRect(x + step * 0.1, base - bad + 0.5, Math.max(0.8, step * 0.8), bad);
      }
    });
  } else if (kind === 'latency') {
    let low = Infinity, high = 0;
    for (let i = 0; i < n; i++) {
      if (s.p50[i] > 0) low = Math.min(low, s.p50[i]);
      if (s.p99[i] > 0) high = Math.max(high, s.p99[i]);
    }
    if (!(high > 0)) return;
    if (high < low * 4) { const middle = Math.sqrt(low * high); low = middle / 2; high = middle * 2; } // a steady one looks steady
    const y = (v) => base - (Math.log(v / low) / Math.log(high / low)) * (hgt - 3) - 1;
    c.fillStyle = k['heat-0'];
    eachSlot(n, slots, w, (i, x, step) => {
      if (!(s.p50[i] > 0)) return;
      c.fillRect(x, y(s.p99[i]), step + 0.3, Math.max(1, y(s.p50[i]) - y(s.p99[i])));
    });
    c.strokeStyle = k.accent;
    c.lineWidth = 1.4;
    c.lineJoin = 'round';
    c.beginPath();
    let isDown = false;
    eachSlot(n, slots, w, (i, x, step) => {
      if (!(s.p95[i] > 0)) { isDown = false; return; }
      if (isDown) c.lineTo(x + step / 2, y(s.p95[i]));
      else { c.moveTo(x + step / 2, y(s.p95[i])); isDown = true; }
    });
    c.stroke();
  }
}

// overview draws the bars of all calls with a row of states below.
export function overview(canvas, s, slots, hover) {
  const w = canvas.clientWidth, hgt = canvas.clientHeight;
  const c = fit(canvas, w, hgt);
  if (!w || !s) return;
  const k = colors(), n = s.calls.length;
  const strip = 5, base = hgt - strip - 4;
  const top = Math.max(1, ...s.calls.map((v) => v || 0));
  c.fillStyle = k.line;
  eachSlot(slots, slots, w, (i, x, step) => c.fillRect(x + step * 0.12, base + 4, step * 0.76, strip));
  eachSlot(n, slots, w, (i, x, step) => {
    const left = x + step * 0.12, wide = Math.max(1, step * 0.76);
    const calls = s.calls[i] || 0, tall = calls / top * (base - 2);
    const bad = s.failures[i] ? Math.max(1.5, s.failures[i] / top * (base - 2)) : 0;
    c.globalAlpha = hover === i || hover === null ? 1 : 0.55;
    c.fillStyle = k.bar;
    c.fillRect(left, base - tall, wide, Math.max(0, tall - bad));
    c.fillStyle = k.bad;
    c.fillRect(left, base - bad, wide, bad);
    c.fillStyle = { firing: k.bad, recovering: k.warn, pending: k.warn, good: k.good }[s.states[i]] || k.line;
    const isBad = s.states[i] === 'firing';
    c.fillRect(left, base + 4 - (isBad ? 1 : 0), wide, isBad ? strip + 1 : strip);
    c.globalAlpha = 1;
  });
}

// chart draws lines, bars or a heat map over time.
//
//   title, format(v), height
//   times: {starts, ends} in ms
//   series: [{label, values, color, dash, width, bars, fill, hidden}]
//   range: [low, high] or f(low, high); log
//   target: {value, label}; usualHigh; bad: [bool]; heat: [[bucket, count], ...]
//   readout(i): what stands behind the title for a slot
export function chart(o) {
  const k = colors();
  const x = o.times.starts.map((s, i) => (s + o.times.ends[i]) / 2000);
  const readout = h('span', { class: 'readout' });
  const canvasBox = h('div', { class: 'plot' });
  const last = lastFilled(o.series);
  const say = (i) => { readout.textContent = i === null || i === undefined || i < 0 ? '' : o.readout(i); };
  const figure = h('figure', { class: 'chart' },
    h('figcaption', null, h('span', { class: 'chart-title' }, o.title), h('span', { class: 'legend' }, o.series.filter((s) => s.label).map((s) =>
      h('span', { class: `key ${s.bars ? 'bars' : ''} ${s.dash ? 'dashed' : ''}`, style: { '--key': s.color } }, s.label))), readout),
    canvasBox);
  canvasBox.setAttribute('role', 'img');
  canvasBox.setAttribute('aria-label', `${o.title}: ${last >= 0 ? o.readout(last) : ''}`);
  say(last);

  const plot = (u) => u.bbox;
  const shade = (u) => {
    const c = u.ctx, b = plot(u);
    c.save();
    c.beginPath();
    c.rect(b.left, b.top, b.width, b.height);
    c.clip();
    const at = (ms) => u.valToPos(ms / 1000, 'x', true);
    if (o.bad) {
      c.fillStyle = k['bad-soft'];
      for (let i = 0; i < o.bad.length; i++) {
        if (!o.bad[i]) continue;
        const from = i;
        while (o.bad[i + 1]) i++; // one piece, without seams
        c.fillRect(at(o.times.starts[from]), b.top, at(o.times.ends[i]) - at(o.times.starts[from]), b.height);
      }
    }
    if (o.heat) drawHeat(u, o, at);
    for (const bars of o.series.filter((s) => s.bars)) {
      c.fillStyle = bars.color;
      const zero = u.valToPos(0, 'y', true);
      bars.values.forEach((v, i) => {
        if (!v) return;
        const left = at(o.times.starts[i]), wide = at(o.times.ends[i]) - left, top = u.valToPos(v, 'y', true);
        c.fillRect(left + wide * 0.09, top, Math.max(1, wide * 0.82), zero - top);
      });
    }
    if (o.usualHigh) { // the usual band: up to what usually is not exceeded
      const top = u.valToPos(o.usualHigh, 'y', true);
      c.fillStyle = k['heat-0'];
      c.fillRect(b.left, top, b.width, b.top + b.height - top);
    }
    c.restore();
  };
  const drawTarget = (u) => {
    if (!o.target || o.target.value === null || o.target.value === undefined) return;
    const c = u.ctx, b = plot(u), y = u.valToPos(o.target.value, 'y', true), ratio = window.devicePixelRatio || 1;
    if (y < b.top - 1 || y > b.top + b.height + 1) return;
    c.save();
    c.strokeStyle = k.ink;
    c.lineWidth = ratio;
    c.setLineDash([5 * ratio, 4 * ratio]);
    c.beginPath();
    c.moveTo(b.left, y);
    c.lineTo(b.left + b.width, y);
    c.stroke();
    c.textAlign = 'left';
    c.textBaseline = 'alphabetic';
    c.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    const wide = c.measureText(o.target.label).width;
    const above = y - 14 * ratio > b.top;
    c.fillStyle = k.card;
    c.globalAlpha = 0.8;
    c.fillRect(b.left + 3 * ratio, above ? y - 15 * ratio : y + 2 * ratio, wide + 6 * ratio, 13 * ratio);
    c.globalAlpha = 1;
    c.fillStyle = k.ink;
    c.fillText(o.target.label, b.left + 6 * ratio, above ? y - 5 * ratio : y + 12 * ratio);
    c.restore();
  };

  const axis = { stroke: k.muted, font: `11px ${getComputedStyle(document.body).fontFamily}`, grid: { stroke: k.line, width: 1 }, ticks: { show: false } };
  const options = {
    width: 600, height: o.height || 180, padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'time' }, points: { size: 6, show: true }, drag: { x: false, y: false }, y: false },
    scales: {
      x: { time: true, range: () => [o.times.starts[0] / 1000, o.times.ends[o.times.ends.length - 1] / 1000] },
      y: o.log ? { distr: 3, log: 10, range: (u, low, high) => o.range(low, high) } : { range: (u, low, high) => (typeof o.range === 'function' ? o.range(low, high) : o.range) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, space: 70, values: (u, splits, a, b, step) => splits.map((v) => clock(v * 1000, step < 60)) },
      { ...axis, size: 62, space: 30, values: (u, splits) => splits.map((v) => (v === null ? '' : o.format(v))), ...(o.log ? { splits: logSplits, filter: (u, s) => s } : {}), ...(o.splits ? { splits: o.splits } : {}) },
    ],
    series: [{}, ...o.series.map((s) => ({
      label: s.label || '', stroke: s.color, width: s.bars ? 0 : s.width || 1.6, dash: s.dash, fill: s.fill,
      // A value without neighbours is no line; it is shown as a point.
      points: { show: false, size: 4, fill: s.color, filter: s.bars ? () => null : (u, n) => alone(u.data[n]) }, spanGaps: false,
      ...(s.bars ? { paths: () => null } : {}),
    }))],
    hooks: { drawClear: [shade], draw: [drawTarget], setCursor: [(u) => say(u.cursor.idx === null || u.cursor.left < 0 ? last : u.cursor.idx)] },
  };
  if (x.length === 0) return figure;
  let u = null;
  // draw draws it as wide as there is room; there is none before it stands on the page.
  figure.draw = () => {
    const wide = canvasBox.clientWidth;
    if (!wide) return;
    if (!u) u = new uPlot({ ...options, width: wide }, [x, ...o.series.map((s) => s.values)], canvasBox);
    else if (u.width !== wide) u.setSize({ width: wide, height: options.height });
  };
  const resize = new ResizeObserver(figure.draw);
  resize.observe(canvasBox);
  figure.destroy = () => { resize.disconnect(); if (u) u.destroy(); };
  return figure;
}

// alone returns the indexes of values whose neighbours are unknown.
function alone(values) {
  const is = (v) => v !== null && v !== undefined;
  return values.flatMap((v, i) => (is(v) && !is(values[i - 1]) && !is(values[i + 1]) ? [i] : []));
}

function lastFilled(series) {
  for (let i = (series[0]?.values.length || 0) - 1; i >= 0; i--) {
    if (series.some((s) => s.values[i] !== null && s.values[i] !== undefined)) return i;
  }
  return -1;
}

// logSplits returns 1, 2 and 5 times the powers of ten, or the powers alone if those are many.
function logSplits(u, axis, low, high) {
  const decades = Math.log10(high / low);
  const steps = decades > 3.2 ? [1] : decades > 1.6 ? [1, 3] : [1, 2, 5];
  const list = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    for (const s of steps) {
      const v = s * 10 ** e;
      if (v >= low * 0.999 && v <= high * 1.001) list.push(Number(v.toPrecision(3)));
    }
  }
  return list;
}

// drawHeat draws how many calls of each slot fell into each bucket: bucket i is from 2^(i/4) to
// 2^((i+1)/4) seconds.
function drawHeat(u, o, at) {
  const c = u.ctx, k = colors();
  let most = 0;
  for (const cells of o.heat) for (const [, n] of cells || []) most = Math.max(most, n);
  if (!most) return;
  o.heat.forEach((cells, i) => {
    if (!cells) return;
    const left = at(o.times.starts[i]), wide = at(o.times.ends[i]) - left;
    for (const [bucket, n] of cells) {
      const top = u.valToPos(2 ** ((bucket + 1) / 4), 'y', true), bottom = u.valToPos(2 ** (bucket / 4), 'y', true);
      c.globalAlpha = 0.12 + 0.88 * Math.log1p(n) / Math.log1p(most);
      c.fillStyle = k['heat-1'];
      c.fillRect(left + 0.5, top + 0.5, Math.max(1, wide - 1), Math.max(1, bottom - top - 1));
    }
  });
  c.globalAlpha = 1;
}

// latencyRange returns a range for latencies on a logarithmic axis that also shows the target.
export function latencyRange(heat, target, lists) {
  let low = Infinity, high = 0;
  for (const cells of heat || []) for (const [bucket] of cells || []) { low = Math.min(low, 2 ** (bucket / 4)); high = Math.max(high, 2 ** ((bucket + 1) / 4)); }
  for (const list of lists) for (const v of list) if (v > 0) { low = Math.min(low, v); high = Math.max(high, v); }
  if (!(high > 0)) return () => [0.001, 1];
  // A few calls that took next to no time would squeeze all others.
  const least = Math.min(...lists[0].filter((v) => v > 0));
  if (least > 0 && least < Infinity) low = Math.max(low, least / 30);
  // A target far away would squeeze all else into a corner.
  if (target > 0 && target < high * 12 && target > low / 12) { low = Math.min(low, target / 1.3); high = Math.max(high, target * 1.3); }
  return () => [low / 1.15, high * 1.15];
}

// ratioRange leaves room for the target and what is below, and never cuts the axis unseen: it ends
// at 100 %.
export function ratioRange(values, target) {
  const filled = values.filter((v) => v !== null && v !== undefined);
  const low = Math.min(target ?? 1, ...filled, 1);
  const from = low > 0.98 ? 0.97 : low > 0.9 ? 0.88 : Math.max(0, Math.floor((low - 0.08) * 10) / 10);
  return [from, 1 + (1 - from) * 0.06];
}

export { percent, seconds, count };
