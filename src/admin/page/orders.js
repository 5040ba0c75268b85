// Drain, maintain, activate and weight: what will happen is told in numbers before it is asked for.

import { send } from './api.js';
import { h, say } from './dom.js';
import { moment, several } from './format.js';
import { shape } from './shapes.js';
import { noContact, state, stateOf, weirsNow, word } from './state.js';

const nodeNamed = name => state.snapshot?.nodes.find(node => node.node === name);
const path = (node, order) => `/api/v1/nodes/${encodeURIComponent(node)}/${order}`;

/** What was written last: an order that asked for a token first is not written twice. */
let lastReason = '';

function reasonField() {
  const input = h('input', { type: 'text', maxlength: 200, autocomplete: 'off', autofocus: true, placeholder: 'kernel update' });
  input.value = lastReason;
  input.addEventListener('input', () => (lastReason = input.value));
  return {
    element: h('label', {}, 'Reason ', h('span', { class: 'quiet' }, 'for the events, the journal and the audit file'), input),
    text: () => input.value.trim(),
    missing: () => (input.value.trim().length < 3 ? 'Write a reason, of three characters at least.' : ''),
  };
}

/** What becomes of each pool without the node: how many active nodes are left, and whether another one can take over. */
function without(name) {
  const node = nodeNamed(name);
  const names = [...new Set(node.pools.filter(pool => pool.reason !== 'gone').map(pool => pool.pool))];
  return names.map(pool => {
    const serves = other => other.pools.some(at => at.pool === pool && at.state === 'active');
    const stands = other => other.pools.some(at => at.pool === pool && at.reason === 'standby');
    const others = state.snapshot.nodes.filter(other => other.node !== name);
    return { pool, serves: serves(node), left: others.filter(serves).map(other => other.node), standing: others.filter(stands).map(other => other.node) };
  });
}

function consequence({ pool, serves, left, standing }) {
  if (left.length) return ['active', `${pool} keeps ${several(left.length, 'active node')}: ${left.join(', ')}`];
  if (standing.length) return ['standby', `${pool} activates ${standing[0]}, which stands by`];
  if (!serves) return ['unknown', `${pool} has no other active node; this one does not serve it now`];
  return ['unhealthy', `${pool} would have no active node: new requests there get 503`];
}

function sessions({ sessions: number }, become) {
  if (number == null) return `Its sessions ${become}; how many there are is unknown, because its pools keep no table`;
  return number ? `${several(number, 'session')} ${become}` : 'No session lives there';
}

const running = node => (node.in_flight ? `${several(node.in_flight, 'request')} of now may finish` : 'No request runs there now');

const MAKES = {
  drain: node => [['draining', sessions(node, 'stay until they end, or the deadline comes')],
    ['draining', `${running(node)}; new sessions go elsewhere`]],
  maintain: node => [['maintenance', sessions(node, 'move to other nodes with their next request')],
    ['maintenance', `${running(node)}; nothing new comes`]],
};

const DEADLINES = [['5 minutes', 300], ['15 minutes', 900], ['30 minutes', 1800], ['1 hour', 3600], ['2 hours', 7200], ['8 hours', 28800], ['none: until nothing is left', 0]];

export const drainSheet = node => outSheet(node, 'drain', 'Drain');
export const maintainSheet = node => outSheet(node, 'maintain', 'Maintain');

// Taking a node out.
function outSheet(name, order, verb) {
  const [list, typed, reason] = [h('ul', { class: 'plain consequences' }), typing(name), reasonField()];
  const deadline = h('select', {}, DEADLINES.map(([label, seconds]) => h('option', { value: seconds, selected: seconds === 1800 }, label)));
  const ends = h('span', { class: 'quiet' });
  const before = nodeNamed(name)?.order?.since;
  let left = [];
  return {
    title: `${verb} ${name}`,
    parts: [list, order === 'drain' && h('label', {}, 'Deadline ', ends, deadline), reason.element, typed.element].filter(Boolean),
    verb: `${verb} ${name}`,
    ready: () => noContact() || reason.missing() || typed.missing(),
    update() {
      const node = nodeNamed(name);
      if (!node) return list.replaceChildren(h('li', {}, `There is no node ${name} any more.`));
      const pools = without(name).map(consequence);
      left = without(name).filter(pool => pool.serves && !pool.left.length && !pool.standing.length).map(pool => pool.pool);
      lines(list, [...MAKES[order](node), ...pools]);
      typed.of(left);
      const seconds = Number(deadline.value);
      say(ends, seconds ? `ends at ${moment(weirsNow() + seconds * 1000)} at the latest` : '');
    },
    go() {
      const asked = { reason: reason.text(), force: typed.given() };
      if (order === 'drain' && Number(deadline.value)) asked.deadline_seconds = Number(deadline.value);
      return send('POST', path(name, order), asked);
    },
    refused({ status, problem }) {
      if (status !== 409) return false;
      typed.of(problem.pools ?? left, problem.detail);
      return !typed.given();
    },
    seen: () => nodeNamed(name)?.order && nodeNamed(name).order.since !== before || nodeNamed(name)?.order?.order === order,
    done() {
      const node = nodeNamed(name);
      return `${name} is ${word(stateOf(node))}: ${node.sessions == null ? '' : `${several(node.sessions, 'session')}, `}${several(node.in_flight, 'request')} left.`;
    },
    extra: warned,
    undo: () => send('POST', path(name, 'activate'), { reason: `undone: ${reason.text()}`.slice(0, 200) }),
  };
}

// What Weir adds to its yes, for example that it could not write the order to disk.
function warned(operation) {
  const list = h('ul', { class: 'plain consequences' });
  lines(list, (operation?.warnings ?? []).map(warning => ['degraded', typeof warning === 'string' ? warning : `${warning.what}; ${warning.advice}`]));
  return [list];
}

// The last active node of a pool is only taken out by who writes its name.
function typing(name) {
  const input = h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off' });
  const why = h('p', { class: 'wrong' });
  const element = h('div', { class: 'force', hidden: true }, why, h('label', {}, `To do it all the same, write the node's name: ${name}`, input));
  let told = '';
  return {
    element,
    of(pools, detail) {
      told = detail ?? told;
      element.hidden = !pools.length && !told;
      if (!element.hidden) say(why, told || `Weir refuses this: ${pools.join(', ')} would be left without an active node.`);
    },
    given: () => !element.hidden && input.value.trim() === name,
    missing: () => (element.hidden || input.value.trim() === name ? '' : `Write ${name} to leave a pool without an active node.`),
  };
}

function lines(list, told) {
  const now = told.map(([, text]) => text).join('\n');
  if (list.dataset.told === now) return;
  list.dataset.told = now;
  list.replaceChildren(...told.map(([icon, text]) => h('li', {}, h('span', { class: 'shape' }, shape(icon)), h('p', {}, text))));
}

export function activateSheet(name) {
  const [list, reason] = [h('ul', { class: 'plain consequences' }), reasonField()];
  return {
    title: `Activate ${name}`,
    parts: [list, reason.element],
    verb: `Activate ${name}`,
    ready: () => noContact() || reason.missing(),
    update() {
      const node = nodeNamed(name);
      if (!node) return lines(list, [['unknown', `There is no node ${name} any more.`]]);
      const pools = [...new Set(node.pools.map(pool => pool.pool))].join(', ');
      const told = node.order
        ? [['active', `It gets requests and new sessions again, in ${pools}, once its probes pass`], ['note', `The order to ${node.order.order} it, since ${moment(node.order.since)}, ends`]]
        : [['note', 'No order holds for it: nothing changes']];
      lines(list, told);
    },
    go: () => send('POST', path(name, 'activate'), { reason: reason.text() }),
    seen: () => !nodeNamed(name)?.order,
    done: () => `${name} is ${word(stateOf(nodeNamed(name)))}.`,
    extra: warned,
  };
}

export function weightSheet(name, pool) {
  const member = () => nodeNamed(name)?.pools.find(at => at.pool === pool);
  const input = h('input', { type: 'number', min: 1, max: 1000, step: 1, inputmode: 'numeric' });
  input.value = member()?.weight ?? 1;
  const [list, reason] = [h('ul', { class: 'plain consequences' }), reasonField()];
  const back = h('input', { type: 'checkbox' });
  const file = () => member()?.file_weight;
  return {
    title: `Weight of ${name} in ${pool}`,
    parts: [list, h('label', {}, 'Weight ', input), file() != null && h('label', { class: 'beside' }, back, ` as in the file (${file()})`), reason.element].filter(Boolean),
    verb: 'Set the weight',
    ready: () => noContact() || (back.checked || (/^[1-9]\d{0,3}$/.test(input.value) && Number(input.value) <= 1000) ? '' : 'Write a weight from 1 to 1000.') || reason.missing(),
    update() {
      input.disabled = back.checked;
      const others = state.snapshot.nodes.flatMap(node => node.pools.filter(at => at.pool === pool && at.state === 'active' && node.node !== name));
      const weight = back.checked ? file() : Number(input.value);
      const all = others.reduce((sum, at) => sum + at.weight, weight);
      lines(list, [['note', `It gets ${all ? Math.round((weight / all) * 100) : 0} % of the requests of ${pool} that belong to no session, while the same nodes are active`],
        ['note', 'This holds over reloads and restarts, until the weight is set back; weir.toml is not changed']]);
    },
    go: () => send('PATCH', `/api/v1/pools/${encodeURIComponent(pool)}/nodes/${encodeURIComponent(name)}`, { weight: back.checked ? null : Number(input.value), reason: reason.text() }),
    seen: answer => member()?.weight === answer?.weight || answer?.weight == null,
    done: () => `The weight of ${name} in ${pool} is ${member()?.weight}.`,
  };
}
