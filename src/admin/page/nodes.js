// The nodes, one row each, trouble first; a row opens to the node's pools.

import { at, h, keyed, mark, say } from './dom.js';
import { NONE, about, count, exact, grouped, milliseconds, percent, rate, several, span } from './format.js';
import { draw, tone } from './shapes.js';
import { highest, spark } from './charts.js';
import { steps, track } from './series.js';
import { byTrouble, sinceSeconds, state, stateOf, weirsNow, word } from './state.js';
import { menuOf, menuIsOpen } from './menu.js';
import { openSheet } from './sheets.js';

const STEPS = 60;
let order = [];

export function drawNodes() {
  const { snapshot } = state;
  if (!snapshot) return;
  drawPools(snapshot.pools);
  const shown = snapshot.nodes.filter(wanted);
  // Rows stay where they are while somebody chooses from a menu.
  if (!menuIsOpen()) order = [...shown].sort(byTrouble).map(node => node.node);
  const place = node => (order.includes(node.node) ? order.indexOf(node.node) : order.length);
  keyed(at('node-table'), [...shown].sort((one, other) => place(one) - place(other)), node => node.node, make);
  const none = at('no-nodes');
  none.hidden = shown.length > 0;
  say(none, snapshot.nodes.length ? 'No node fits what is filtered for; Esc shows all.' : 'There is no node in the configuration yet: see [[node]] and [[pool]] in weir.toml.');
}

function wanted(node) {
  if (state.pool && !node.pools.some(pool => pool.pool === state.pool)) return false;
  const text = [node.node, node.address, word(stateOf(node)), ...node.pools.map(pool => pool.pool)].join(' ').toLowerCase();
  return state.filter.toLowerCase().split(/\s+/).every(part => text.includes(part));
}

// Clients get errors; the number has the requests too that got no node.
const fails = pool => pool.last_minute.error_percent >= 1;

// A pool that serves without some of its nodes, or with errors, is not well.
function poolShape(pool) {
  const { pool: name, status } = pool;
  if (status !== 'active') return status === 'unknown' ? 'checking' : 'unhealthy';
  const without = state.snapshot.nodes.some(node => node.pools.some(at => at.pool === name && ['unhealthy', 'ejected'].includes(at.reason)));
  return without || fails(pool) ? 'degraded' : 'active';
}

function drawPools(pools) {
  at('pools').hidden = pools.length < 2 && !pools.some(pool => pool.queued > 0 || fails(pool));
  if (state.pool && !pools.some(pool => pool.pool === state.pool)) state.pool = '';
  keyed(at('pools'), pools, pool => pool.pool, makePool);
}

function makePool({ pool: name }) {
  const icon = h('span', { class: 'shape' });
  const text = h('span');
  const element = h('button', { type: 'button', class: 'pool', onclick: () => {
    state.pool = state.pool === name ? '' : name;
    drawNodes();
  } }, icon, h('strong', {}, name), ' ', text);
  return { element, update(pool) {
    draw(icon, poolShape(pool));
    mark(element, 'data-tone', tone(poolShape(pool)));
    mark(element, 'aria-pressed', String(state.pool === name));
    const active = pool.status === 'unknown' ? 'not probed yet' : `${pool.active}/${pool.nodes.length} active`;
    say(text, [active, `${rate(pool.last_minute.per_second)}/s`, fails(pool) && `${percent(pool.last_minute.error_percent)} errors`,
      pool.queued > 0 && `${count(pool.queued)}${pool.queue_size ? ` of ${count(pool.queue_size)}` : ''} wait`].filter(Boolean).join(' · '));
  } };
}

const cell = (label, more = {}, ...children) => h('td', { role: 'cell', 'data-label': label, ...more }, ...children);

function make({ node: name }) {
  const id = `node-${name}`;
  const icon = h('span', { class: 'shape' });
  const address = h('span', { class: 'quiet address' });
  const open = h('button', { type: 'button', class: 'open', 'aria-controls': id, onclick: toggle }, h('span', { class: 'chevron', 'aria-hidden': 'true' }), h('span', { class: 'name' }, name));
  const stateWord = h('span', { class: 'word' });
  const line = spark('requests');
  const [perSecond, errors, p95, flight, sessions, since] = Array.from({ length: 6 }, () => h('span'));
  const menu = menuOf(name);
  const main = h('tr', { role: 'row', class: 'main' },
    h('th', { role: 'rowheader', scope: 'row', class: 'c-name' }, open, address),
    cell('State', { class: 'c-state' }, icon, stateWord),
    cell('Requests/s', { class: 'num c-rate' }, line.element, perSecond),
    cell('Errors', { class: 'num' }, errors), cell('p95', { class: 'num' }, p95), cell('In flight', { class: 'num' }, flight),
    cell('Sessions', { class: 'num' }, sessions), cell('Since', { class: 'num c-since' }, since), cell('Actions', { class: 'c-menu' }, menu.element));
  const reason = h('td', { role: 'cell', colspan: 9 });
  const reasonRow = h('tr', { role: 'row', class: 'reason' }, reason);
  const pools = poolTable(name);
  const poolsRow = h('tr', { role: 'row', class: 'inside', id }, h('td', { role: 'cell', colspan: 9 }, pools.element));
  const element = h('tbody', { role: 'rowgroup', 'data-node': name }, main, reasonRow, poolsRow);
  return { element, update };

  function toggle() {
    if (!state.open.delete(name)) state.open.add(name);
    drawNodes();
  }

  function update(node) {
    const shown = stateOf(node);
    const minute = node.last_minute;
    mark(element, 'data-tone', tone(shown));
    draw(icon, shown);
    say(stateWord, word(shown));
    mark(stateWord, 'title', node.cluster && `In the nodes' own cluster: ${node.cluster.membership}, for ${span(node.cluster.since_seconds)}`);
    say(address, node.address);
    mark(open, 'aria-expanded', String(state.open.has(name)));
    say(perSecond, rate(minute.per_second));
    mark(perSecond, 'title', `${grouped(minute.requests)} requests in ${minute.seconds} s`);
    const values = steps(track(`node:${name}`)?.requests ?? [], STEPS);
    line.draw(values, highest(values));
    say(errors, percent(minute.error_percent));
    mark(errors, 'class', minute.error_percent >= 1 ? 'bad' : null);
    mark(errors, 'title', `${grouped(minute.status['5xx'])} answers with 5xx, ${several(minute.failures, 'failed try', 'failed tries')} in ${minute.seconds} s`);
    say(p95, milliseconds(minute.milliseconds?.p95));
    say(flight, count(node.in_flight));
    say(sessions, count(node.sessions));
    mark(sessions, 'title', node.sessions == null ? 'None of its pools keeps a table of sessions' : grouped(node.sessions));
    const seconds = sinceSeconds(node);
    say(since, about(seconds));
    mark(since, 'title', seconds == null ? 'unknown' : exact(weirsNow() - seconds * 1000));
    const told = reasons(node);
    reasonRow.hidden = !told;
    say(reason, told);
    poolsRow.hidden = !state.open.has(name);
    if (!poolsRow.hidden) pools.update(node);
  }
}

// Why a node is not active, in words: those of each pool, said once where they are the same.
function reasons(node) {
  const byWords = new Map();
  for (const pool of node.pools) {
    const failing = ['unhealthy', 'ejected', 'gone'].includes(pool.reason) || (pool.reason === 'checking' && pool.seen);
    if (!failing) continue;
    const said = pool.reason === 'gone' ? 'a reload took it out; older requests still run' : pool.seen || 'what was seen is not known';
    byWords.set(said, [...(byWords.get(said) ?? []), pool.pool]);
  }
  const warming = node.pools.filter(pool => pool.state === 'active' && pool.warmth_percent < 100);
  const told = [...byWords].map(([said, pools]) => `${pools.join(', ')}: ${said}`);
  if (warming.length) told.push(`warms up in ${warming.map(pool => `${pool.pool} (${pool.warmth_percent} %)`).join(', ')}`);
  told.push(...ofCluster(node));
  if (node.order?.reason) told.push(`${node.order.order} by ${node.order.actor ?? 'an operator'}: ${node.order.reason}`);
  return told.join(' · ');
}

// What the members of the nodes' own cluster say of it, where that is not as it should be.
const IN_CLUSTER = { left: 'left the cluster', absent: 'is not in the cluster', split: 'the members disagree whether it is in the cluster' };
function ofCluster({ cluster }) {
  if (cluster?.remark) return [cluster.remark];
  const said = IN_CLUSTER[cluster?.membership];
  return said ? [`${said}, for ${span(cluster.since_seconds)}`] : [];
}

const COLUMNS = ['Pool', 'State', 'Weight', 'Requests/s', '4xx · 5xx', 'Failed tries', 'p50 · p95 · p99', 'In flight', 'Sessions', 'Waiting', 'Idle'];

function poolTable(node) {
  const body = h('tbody', { role: 'rowgroup' });
  const heads = COLUMNS.map((name, index) => h('th', { role: 'columnheader', scope: 'col', class: index > 1 ? 'num' : '' }, name));
  const table = h('table', { role: 'table', 'aria-label': `Pools of ${node}` }, h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)), body);
  const total = h('p', { class: 'quiet' });
  return { element: h('div', {}, table, total), update };

  function update(of) {
    keyed(body, of.pools, pool => `${pool.pool} ${pool.member} ${pool.address} ${pool.reason === 'gone'}`, pool => poolRow(node, pool));
    const { total: sum } = of;
    say(total, `Since ${exact(sum.since).split(' = ')[0]}: ${grouped(sum.requests)} requests, ${grouped(sum.status['5xx'])} with 5xx, ${several(sum.failures, 'failed try', 'failed tries')}.`);
  }
}

function poolRow(node, { pool: name, address, reason }) {
  const icon = h('span', { class: 'shape' });
  const stateWord = h('span');
  const weight = reason === 'gone' ? h('span') : h('button', { type: 'button', class: 'plain-button', title: 'Change the weight' , onclick: () => openSheet('weight', node, name) });
  const spans = COLUMNS.slice(3).map(() => h('span'));
  const element = h('tr', { role: 'row' },
    h('th', { role: 'rowheader', scope: 'row' }, name, ' ', h('span', { class: 'quiet' }, address)),
    cell('State', {}, icon, stateWord), cell('Weight', { class: 'num' }, weight),
    ...COLUMNS.slice(3).map((label, index) => cell(label, { class: 'num' }, spans[index])));
  return { element, update };

  function update(pool) {
    const minute = pool.last_minute;
    const shown = pool.state === 'active' ? 'active' : pool.reason;
    draw(icon, shown);
    say(stateWord, `${pool.state === 'active' ? shown : `passive: ${word(shown)}`}${pool.since_seconds == null ? '' : `, ${span(pool.since_seconds)}`}${pool.backup ? ', backup' : ''}`);
    say(weight, pool.file_weight != null && pool.file_weight !== pool.weight ? `${pool.weight} (file: ${pool.file_weight})` : pool.weight);
    const times = minute?.milliseconds;
    const told = [
      rate(minute?.per_second), minute ? `${count(minute.status['4xx'])} · ${count(minute.status['5xx'])}` : NONE, count(minute?.failures),
      times ? [times.p50, times.p95, times.p99].map(milliseconds).join(' · ').replace(/.ms(?= · .*.ms$)/g, '') : NONE,
      pool.max_requests ? `${count(pool.in_flight)} of ${count(pool.max_requests)}` : count(pool.in_flight),
      count(pool.sessions), count(pool.queued), count(pool.idle_connections),
    ];
    told.forEach((text, index) => say(spans[index], text));
  }
}
