// The operations of an incident and who waits for whom, from left to right or, where it is narrow,
// from top to bottom.
import { h, glyph } from './dom.js';
import { t } from './text.js';
import { percent } from './format.js';

export function graph(g) {
  const box = h('div', { class: 'graph scroll' });
  let drawn = 0;
  new ResizeObserver(() => {
    const wide = box.clientWidth;
    if (!wide || Math.abs(wide - drawn) < 2) return;
    drawn = wide;
    box.replaceChildren(draw(g, wide));
  }).observe(box);
  return box;
}

// layers puts each node behind all that wait for it.
function layers(g) {
  const depth = new Map(g.nodes.map((n) => [n.id, 0]));
  for (let round = 0; round < g.nodes.length; round++) {
    let isSettled = true;
    for (const e of g.edges) {
      const d = depth.get(e.from) + 1;
      if (d > depth.get(e.to) && d < g.nodes.length) { depth.set(e.to, d); isSettled = false; }
    }
    if (isSettled) break;
  }
  const list = [];
  for (const n of g.nodes) (list[depth.get(n.id)] ||= []).push(n);
  return list.filter(Boolean);
}

function draw(g, wide) {
  const columns = layers(g), isDown = wide < 620;
  const nodeHeight = 58, label = 92, gap = 16;
  const most = Math.max(...columns.map((c) => c.length));
  let nodeWidth, width, height;
  if (isDown) {
    nodeWidth = Math.min(wide - 2, 420);
    width = wide;
    height = columns.reduce((sum, c) => sum + c.length * (nodeHeight + gap) + 44, 0) - 44;
  } else {
    nodeWidth = Math.min(300, Math.max(190, (wide - (columns.length - 1) * label) / columns.length));
    width = columns.length * nodeWidth + (columns.length - 1) * label;
    height = most * (nodeHeight + gap) - gap + 4;
  }
  const place = new Map();
  let top = 2;
  columns.forEach((column, i) => {
    const offset = isDown ? top : (height - (column.length * (nodeHeight + gap) - gap)) / 2;
    column.forEach((n, j) => place.set(n.id, { x: isDown ? 1 : i * (nodeWidth + label) + 1, y: offset + j * (nodeHeight + gap) }));
    if (isDown) top += column.length * (nodeHeight + gap) + 28;
  });
  const edges = g.edges.map((e) => {
    const a = place.get(e.from), b = place.get(e.to);
    const what = `${percent(e.share)}${e.network ? ` ${t.network}` : e.code ? ` ${short(e.code, 12)}` : ''}`;
    const line = Math.max(1.2, e.share * 4);
    if (isDown) {
      const x = 28 + 1, y1 = a.y + nodeHeight, y2 = b.y;
      return h('g', { class: 'edge' }, h('path', { d: `M${x} ${y1}V${y2 - 6}`, 'stroke-width': line }), h('path', { class: 'tip', d: `M${x - 4} ${y2 - 7}h8l-4 7z` }), h('text', { x: x + 12, y: (y1 + y2) / 2 + 4 }, what));
    }
    const x1 = a.x + nodeWidth - 1, x2 = b.x, y1 = a.y + nodeHeight / 2, y2 = b.y + nodeHeight / 2, middle = (x1 + x2) / 2;
    return h('g', { class: 'edge' }, h('path', { d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2 - 7} ${y2}`, 'stroke-width': line }), h('path', { class: 'tip', d: `M${x2 - 8} ${y2 - 4.5}v9l8-4.5z` }),
      h('text', { x: middle, y: (y1 + y2) / 2 - 8, 'text-anchor': 'middle' }, what));
  });
  const room = Math.floor((nodeWidth - 54) / 7.6);
  const nodes = g.nodes.map((n) => {
    const p = place.get(n.id);
    const state = n.state || 'idle', where = [n.service, n.span_kind === 'UNSPECIFIED' ? '' : n.span_kind.toLowerCase()].filter(Boolean).join(' · ');
    const sign = n.root ? 'root' : n.alert_id ? state : 'idle';
    const mark = glyph(sign, null, 18);
    mark.setAttribute('x', 14);
    mark.setAttribute('y', 13);
    return h('g', { class: `node ${n.root ? 'is-root' : ''} ${n.alert_id ? `is-${state}` : ''}`, transform: `translate(${p.x} ${p.y})` },
      h('title', null, `${n.operation} · ${where}`), h('rect', { width: nodeWidth - 2, height: nodeHeight, rx: 9 }), mark,
      h('text', { x: 42, y: 25, class: 'node-name' }, short(n.operation, room)),
      h('text', { x: 42, y: 43, class: 'node-sub' }, short([n.root ? t.root : n.alert_id ? t.states[state] : '', where].filter(Boolean).join(' · '), Math.floor((nodeWidth - 54) / 6.2))));
  });
  const text = g.edges.map((e) => `${name(g, e.from)} → ${name(g, e.to)} ${percent(e.share)}`).join('; ');
  return h('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${t.whereFrom}: ${text}` }, edges, nodes);
}

const name = (g, id) => g.nodes.find((n) => n.id === id)?.operation || '';

function short(text, room) {
  const letters = [...text];
  return letters.length <= room ? text : `${letters.slice(0, Math.max(1, room - 1)).join('')}…`;
}
