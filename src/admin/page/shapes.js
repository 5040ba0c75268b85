// A shape for each state, so that a state is known without its colour; and the icon of the page's tab.

import { svg } from './dom.js';

// Each is drawn into 16 × 16. A filled shape serves; an outline does not, and is not wrong; corners are trouble.
const SHAPES = {
  active: ['ok', 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z'],
  standby: ['calm', 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2a4 4 0 1 1 0 8 4 4 0 0 1 0-8Z'],
  unused: ['calm', 'M3 7h10v2H3z'],
  checking: ['warn', 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2v4h4a4 4 0 1 1-4-4Z'],
  draining: ['busy', 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2v8a4 4 0 0 1 0-8Z'],
  safe: ['ok', 'M6.4 13 1.5 8.1 3.3 6.3l3.1 3.1 6.3-6.3 1.8 1.8Z'],
  maintenance: ['calm', 'M3 3h4v10H3zM9 3h4v10H9z'],
  unhealthy: ['bad', 'M2 2h12v12H2zm3.4 2L4 5.4 6.6 8 4 10.6 5.4 12 8 9.4l2.6 2.6 1.4-1.4L9.4 8 12 5.4 10.6 4 8 6.6Z'],
  ejected: ['bad', 'M8 .8 15.2 8 8 15.2.8 8Zm-1 4v4h2v-4Zm0 5v2h2v-2Z'],
  gone: ['calm', 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM4.5 7h7v2h-7Z'],
  well: ['ok', 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm-1 10.4L3.8 8.2l1.4-1.4L7 8.6l3.8-3.8 1.4 1.4Z'],
  degraded: ['warn', 'M8 .8 15.8 15H.2Zm-1 5v4.4h2V5.8Zm0 5.6v2h2v-2Z'],
  down: ['bad', 'M1 1h14v14H1zm3.9 2.5L3.5 4.9 6.6 8l-3.1 3.1 1.4 1.4L8 9.4l3.1 3.1 1.4-1.4L9.4 8l3.1-3.1-1.4-1.4L8 6.6Z'],
  unknown: ['calm', 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2a5 5 0 1 1 0 10A5 5 0 0 1 8 3Zm-1 2v4h2V5Zm0 5v2h2v-2Z'],
  people: ['busy', 'M8 1.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM2 14.5c0-4 2.4-6 6-6s6 2 6 6Z'],
  reload: ['calm', 'M8 2a6 6 0 0 1 4.9 2.5L14 3.4V7.5H9.9l1.5-1.5A4 4 0 1 0 12 8.9h2A6 6 0 1 1 8 2Z'],
  note: ['calm', 'M6.5 6.5h3v3h-3z'],
};

/** The drawing of a state. Its word always stands beside it. */
export function shape(name) {
  const [tone, path] = SHAPES[name] ?? SHAPES.unknown;
  const drawn = svg('path', { d: path, fill: 'currentColor', 'fill-rule': 'evenodd' });
  return svg('svg', { class: `icon ${tone}`, viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true', focusable: 'false' }, drawn);
}

/** Its tone: ok, calm, busy, warn or bad. */
export const tone = name => (SHAPES[name] ?? SHAPES.unknown)[0];

/** Draws the shape into an element, only when it is another one. */
export function draw(element, name) {
  if (element.dataset.shape === name) return;
  element.dataset.shape = name;
  element.replaceChildren(shape(name));
}

const ICON_COLOURS = { well: '#1a7f37', degraded: '#b35900', down: '#c4122f', unknown: '#6e7781' };

/** The tab's icon for a verdict: another shape for each, and another colour. */
export function icon(verdict) {
  const path = SHAPES[verdict][1];
  const drawn = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="${ICON_COLOURS[verdict]}" fill-rule="evenodd" d="${path}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawn)}`;
}
