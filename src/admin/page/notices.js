// Lines below the bar that are there only while they are true.

import { at, h, keyed, mark, say } from './dom.js';
import { clock, countdown, day, exact, moment, several, span } from './format.js';
import { draw } from './shapes.js';
import { isLive, state, weirsNow } from './state.js';
import { openSheet } from './sheets.js';

const DAY = 86_400_000;

export function drawNotices() {
  keyed(at('notices'), all(), notice => notice.key, make);
}

function all() {
  const found = [];
  if (state.contact === 'lost') found.push(lost());
  if (state.contact === 'refused') found.push(refused());
  if (!state.snapshot) return found;
  if (Math.abs(state.skew) > 2_000) found.push(skewed());
  found.push(...state.snapshot.nodes.filter(node => node.order).map(ordered));
  const reload = state.snapshot.status.last_reload;
  if (reload && !reload.accepted) found.push(refusedReload(reload));
  found.push(...cluster(state.snapshot.cluster), ...certificates());
  return found;
}

function lost() {
  const retry = Math.max(0, Math.ceil((state.retryAt - performance.now()) / 1000));
  const next = retry > 0 ? `trying again in ${span(retry)}` : 'trying again now';
  const status = state.snapshot?.status;
  if (!status) return { key: 'contact', shape: 'unknown', tone: 'warn', text: `No contact, ${next}`, more: state.problem?.message };
  const text = `Lost contact ${span((performance.now() - state.at) / 1000)} ago, ${next}; everything below is of ${clock(status.now)}`;
  return { key: 'contact', shape: 'unknown', tone: 'warn', text, more: state.problem?.message };
}

function refused() {
  const known = state.problem?.status === 401;
  return {
    key: 'contact',
    shape: 'unknown',
    tone: 'warn',
    text: known ? 'This address asks for a token' : 'This token may not read here',
    more: [state.problem?.message, state.problem?.problem?.advice].filter(Boolean).join('; '),
    buttons: [['Give a token…', () => openSheet('token')]],
  };
}

function skewed() {
  const [amount, which] = [span(Math.abs(state.skew) / 1000), state.skew > 0 ? 'behind' : 'ahead of'];
  return { key: 'skew', shape: 'note', tone: 'calm', text: `This browser's clock is ${amount} ${which} Weir's`, more: "Times here are Weir's." };
}

// A node that an operator took out: how far that is.
function ordered(node) {
  const { order } = node;
  const operation = state.snapshot.operations?.find(known => known.id === order.operation);
  const who = [order.actor && `by ${order.actor}`, order.since && `since ${moment(order.since)}`].filter(Boolean).join(' ');
  // Other machines that share orders, and still have something of it.
  const awaited = (node.elsewhere ?? []).filter(other => !(order.order === 'drain' ? other.done : other.safe));
  const more = [who + (order.reason ? `: ${order.reason}` : ''), ...awaited.map(other => other.told)];
  const told = { key: `order ${node.node}`, more: more.join('; ') };
  const activate = label => [label, () => openSheet('activate', node.node)];
  const without = state.snapshot.pools.filter(pool => pool.status === 'none-active' && node.pools.some(own => own.pool === pool.pool));
  if (node.safe_to_stop && without.length) {
    const text = `${node.node} rests, and ${without.map(pool => pool.pool).join(', ')} has no active node`;
    return { ...told, shape: 'maintenance', tone: 'warn', text, buttons: [activate('Activate…')] };
  }
  if (node.safe_to_stop) {
    return { ...told, shape: 'safe', tone: 'ok', text: `${node.node} is safe to stop`, buttons: [activate('Activate…')] };
  }
  const requests = several(operation?.in_flight ?? node.in_flight, 'request');
  if (order.order === 'maintain') {
    return { ...told, shape: 'maintenance', tone: 'calm', text: `${node.node} gets nothing new; ${requests} left`, buttons: [activate('Activate…')] };
  }
  const sessions = operation?.sessions ?? node.sessions;
  const left = `${sessions == null ? 'sessions unknown' : several(sessions, 'session')}, ${requests} left`;
  return {
    ...told,
    shape: 'draining',
    tone: 'busy',
    text: `Draining ${node.node}: ${left}`,
    more: [told.more, order.deadline && `ends at ${moment(order.deadline)} at the latest`].filter(Boolean).join(' · '),
    order: order.deadline && { from: order.since, to: order.deadline },
    buttons: [activate('Cancel…')],
  };
}

function refusedReload(reload) {
  const [first, ...others] = reload.problems;
  return {
    key: 'reload',
    shape: 'degraded',
    tone: 'warn',
    text: `Reload refused ${moment(reload.at)}: ${first ?? 'no reason was given'}`,
    more: others.length ? others.join('\n') : 'The configuration before it goes on running.',
    buttons: [['Reload…', () => openSheet('reload')]],
  };
}

// What the members of the nodes' own cluster say, where they are asked.
function cluster(told) {
  if (!told) return [];
  const calm = { shape: 'note', tone: 'calm' };
  const found = told.sources.filter(source => !source.answers && source.problem).map(({ source, problem }) => (
    { key: `source ${source}`, ...calm, text: `${source} does not say who is in the cluster`, more: problem }));
  if (told.split) found.unshift({ key: 'split', shape: 'degraded', tone: 'warn', text: "The nodes' own cluster is split", more: told.split });
  return found;
}

function certificates() {
  const sites = state.snapshot.sites.filter(site => site.certificate_expires);
  const soon = sites.map(site => ({ site: site.site, end: site.certificate_expires, left: Date.parse(site.certificate_expires) - weirsNow() }))
    .filter(({ site, left }) => left < 14 * DAY || state.snapshot.status.verdict.reasons.some(reason => reason.startsWith(`the certificate of ${site} `)));
  return soon.map(({ site, end, left }) => ({
    key: `certificate ${site}`,
    shape: left < DAY ? 'down' : 'degraded',
    tone: left < DAY ? 'bad' : 'warn',
    text: left > 0 ? `The certificate of ${site} ends in ${span(left / 1000)}` : `The certificate of ${site} has ended`,
    more: `${day(end)}; put a new one in its place and reload`,
  }));
}

function make() {
  const icon = h('span', { class: 'shape' });
  const text = h('strong');
  const rest = h('span', { class: 'countdown' });
  const more = h('span', { class: 'more' });
  const buttons = h('span', { class: 'buttons' });
  const meter = h('span', { class: 'meter', 'aria-hidden': 'true' });
  const element = h('div', { class: 'notice' }, icon, h('p', {}, text, more), rest, buttons, meter);
  let shown = '';
  return { element, update };

  function update(notice) {
    draw(icon, notice.shape);
    mark(element, 'data-tone', notice.tone);
    say(text, notice.text);
    say(more, notice.more ?? '');
    const labels = (notice.buttons ?? []).map(([label]) => label).join();
    if (labels !== shown) {
      shown = labels;
      buttons.replaceChildren(...(notice.buttons ?? []).map(([label, go]) => h('button', { type: 'button', onclick: go }, label)));
    }
    count(notice.order);
  }

  // The time that is left falls each second, as digits and as a line.
  function count(order) {
    meter.hidden = !order || !isLive();
    rest.hidden = !order;
    if (!order) return;
    const [from, to] = [Date.parse(order.from), Date.parse(order.to)];
    const left = to - weirsNow();
    mark(rest, 'title', `It ends at ${exact(to)} at the latest`);
    say(rest, isLive() ? countdown(left / 1000) : moment(to));
    meter.style.width = `${Math.min(100, Math.max(0, (left / Math.max(1, to - from)) * 100))}%`;
  }
}
