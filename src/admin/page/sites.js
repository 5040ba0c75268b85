// The sites, one row each; a row opens to the site's routes.

import { at, h, keyed, mark, say } from './dom.js';
import { count, exact, grouped, milliseconds, percent, rate } from './format.js';
import { state } from './state.js';

export function drawSites() {
  const { snapshot } = state;
  if (!snapshot) return;
  keyed(at('site-table'), snapshot.sites, site => site.site, make);
  const none = at('no-sites');
  none.hidden = snapshot.sites.length > 0;
  say(none, 'There is no site in the configuration yet: see [[site]] in weir.toml.');
}

const LABELS = ['Requests/s', 'Errors', 'Refused/min', 'p95', 'Since start'];
const cells = spans => spans.map((span, index) => h('td', { role: 'cell', class: 'num', 'data-label': LABELS[index] }, span));

function make({ site: name }) {
  const open = h('button', { type: 'button', class: 'open', onclick: () => {
    const key = `site ${name}`;
    if (!state.open.delete(key)) state.open.add(key);
    drawSites();
  } }, h('span', { class: 'chevron', 'aria-hidden': 'true' }), h('span', { class: 'name' }, name));
  const hosts = h('span', { class: 'quiet' });
  const spans = LABELS.map(() => h('span'));
  const main = h('tr', { role: 'row', class: 'main' },
    h('th', { role: 'rowheader', scope: 'row', class: 'c-name' }, open),
    h('td', { role: 'cell', class: 'c-hosts', 'data-label': 'Hosts' }, hosts), ...cells(spans));
  const element = h('tbody', { role: 'rowgroup' }, main);
  return { element, update(site) {
    const opened = state.open.has(`site ${name}`);
    mark(open, 'aria-expanded', String(opened));
    const closed = site.closed ? `closed, answers ${site.closed}` : '';
    say(hosts, site.hosts.join(', ') + (closed || site.pool ? ` → ${closed || site.pool}` : ''));
    mark(hosts, 'title', site.closed_sentence);
    fill(spans, site);
    keyed(element, opened ? site.routes : [], route => route.route, route => makeRoute(route));
  } };
}

function makeRoute({ route: name }) {
  const spans = LABELS.map(() => h('span'));
  const closed = h('span', { class: 'quiet' });
  const element = h('tr', { role: 'row', class: 'route' },
    h('th', { role: 'rowheader', scope: 'row', class: 'c-name' }, name || 'no route matched'), h('td', { role: 'cell', class: 'c-hosts', 'data-label': '' }, closed), ...cells(spans));
  return { element, update(route) {
    say(closed, route.closed ? `closed, answers ${route.closed}` : '');
    fill(spans, route);
  } };
}

function fill([perSecond, errors, refused, p95, total], { last_minute: minute, total: sum }) {
  say(perSecond, rate(minute.per_second));
  say(errors, percent(minute.error_percent));
  mark(errors, 'class', minute.error_percent >= 1 ? 'bad' : null);
  mark(errors, 'title', `${grouped(minute.status['5xx'])} answers with 5xx, ${grouped(minute.status['4xx'])} with 4xx in ${minute.seconds} s`);
  say(refused, count(minute.failures));
  mark(refused, 'title', 'Requests that Weir refused or could not finish in the last minute; the access log has the word for each');
  say(p95, milliseconds(minute.milliseconds?.p95));
  say(total, count(sum.requests));
  mark(total, 'title', `${grouped(sum.requests)} requests since ${exact(sum.since)}`);
}
