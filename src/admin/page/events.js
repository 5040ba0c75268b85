// What happened, the newest first.

import { get } from './api.js';
import { at, h, keyed, mark, say } from './dom.js';
import { exact, moment } from './format.js';
import { draw } from './shapes.js';
import { addEvent, nodeOf, state } from './state.js';

/** How many are shown before all are asked for. */
let most = 50;

export function beginEvents() {
  at('events-of').addEventListener('change', event => {
    state.eventsOf = event.target.value;
    drawEvents();
  });
  at('more-events').addEventListener('click', async event => {
    event.target.disabled = true;
    await askForAll();
    event.target.disabled = false;
    most = 1000;
    drawEvents();
  });
}

/** Asks for all events that Weir keeps: the stream begins with the last ones. */
export const askForAll = () => get('/api/v1/events?limit=1000').then(({ events }) => events.forEach(addEvent), () => {});

export function drawEvents() {
  choices();
  const meant = state.events.filter(event => !state.eventsOf || nodeOf(event) === state.eventsOf);
  at('more-events').hidden = most > 50;
  const shown = meant.slice(0, most);
  keyed(at('event-list'), shown.length ? shown : [{ key: 'none' }], event => event.key, event => (event.key === 'none' ? none() : make(event)));
}

const none = () => ({ element: h('li', { class: 'quiet' }, 'Nothing happened that is kept here.') });

// The list of nodes to choose from changes only at a reload.
function choices() {
  const select = at('events-of');
  const nodes = state.snapshot?.status.nodes ?? [];
  if (select.dataset.nodes === nodes.join()) return;
  select.dataset.nodes = nodes.join();
  select.replaceChildren(h('option', { value: '' }, 'all'), ...nodes.map(node => h('option', { value: node }, node)));
  select.value = nodes.includes(state.eventsOf) ? state.eventsOf : '';
  state.eventsOf = select.value;
}

function make(event) {
  const icon = h('span', { class: 'shape' });
  draw(icon, shapeOf(event));
  const time = h('time', { datetime: event.at, title: exact(event.at) });
  const actor = event.actor && ` by ${event.actor}${event.from ? ` from ${event.from}` : ''}`;
  const element = h('li', {}, icon, h('p', {}, time, ' ', h('strong', {}, event.subject), ' ', event.text.replaceAll(' -> ', ' → '),
    actor && h('span', { class: 'quiet' }, actor), event.reason && h('q', {}, event.reason)));
  // An event of yesterday gets its day at midnight.
  return { element, update: () => {
    say(time, moment(event.at));
    mark(element, 'data-kind', event.kind);
  } };
}

function shapeOf({ kind, text }) {
  if (kind === 'operator') return 'people';
  if (kind === 'reload') return /refused/.test(text) ? 'degraded' : 'reload';
  if (kind === 'pool') return /no active|none active/.test(text) ? 'down' : 'well';
  const to = /-> (active|passive \((\w+)\))/.exec(text);
  return to ? to[2] ?? 'active' : 'note';
}
