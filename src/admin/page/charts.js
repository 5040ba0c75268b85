// Lines of ten minutes, drawn as SVG.

import { at, h, mark, say, svg } from './dom.js';
import { NONE, milliseconds, rate } from './format.js';
import { steps, track } from './series.js';

/** People who asked for less motion see lines that change twice a minute. */
const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** A line. Its numbers always stand beside it as text, so readers skip it. */
export function spark(kind) {
  const area = svg('path', { class: 'area' });
  const line = svg('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
  const element = svg('svg', { class: `spark ${kind}`, viewBox: '0 0 100 24', preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false' }, area, line);
  let drawn = -Infinity;
  return { element, draw };

  function draw(values, top) {
    const known = values.some(value => value != null);
    if (known && performance.now() - drawn < (calm.matches ? 30_000 : 900)) return;
    if (known) drawn = performance.now();
    const x = index => ((index / (values.length - 1)) * 100).toFixed(1);
    const y = value => (23 - (value / (top || 1)) * 22).toFixed(1);
    let [path, fill, from] = ['', '', null];
    values.forEach((value, index) => {
      if (value == null) {
        if (from != null) fill += `V24H${x(from)}Z`;
        from = null;
        return;
      }
      path += `${from == null ? 'M' : 'L'}${x(index)} ${y(value)}`;
      fill += from == null ? `M${x(index)} 24V${y(value)}` : `L${x(index)} ${y(value)}`;
      from ??= index;
    });
    if (from != null) fill += `V24H${x(from)}Z`;
    mark(line, 'd', path);
    mark(area, 'd', fill);
  }
}

export const highest = values => values.reduce((most, value) => Math.max(most, value ?? 0), 0);

const CHARTS = [
  { key: 'requests', label: 'Requests/s', tell: rate },
  { key: 'errors', label: '5xx/s', tell: rate },
  { key: 'p95', label: 'p95', tell: milliseconds },
];
const STEPS = 120;
const made = new Map();

/** Everything that goes through Weir. */
export function drawCharts() {
  const known = track('all');
  for (const { key, label, tell } of CHARTS) {
    if (!made.has(key)) made.set(key, make(key, label));
    const { line, most } = made.get(key);
    const values = steps(known?.[key] ?? [], STEPS);
    const top = highest(values);
    // Few errors among many requests are drawn as few.
    line.draw(values, key === 'errors' ? Math.max(top, highest(steps(known?.requests ?? [], STEPS)) / 20) : top);
    say(most, values.some(value => value != null) ? `most ${tell(top)}` : NONE);
  }
}

function make(key, label) {
  const line = spark(key);
  const most = h('span', { class: 'quiet' }, NONE);
  at('charts').append(h('figure', {}, h('figcaption', {}, h('span', {}, label), most), line.element));
  return { line, most };
}
