// What Weir would do with a request, drawn from listener to node, and each decision in words.

import { get } from './api.js';
import { at, h } from './dom.js';
import { shape } from './shapes.js';

export function beginWhy() {
  at('why-form').addEventListener('submit', async event => {
    event.preventDefault();
    const answer = at('why-answer');
    answer.replaceChildren(h('p', { class: 'quiet' }, 'Asking…'));
    try {
      answer.replaceChildren(...draw(await get(`/api/v1/why?${question()}`)));
    } catch (error) {
      answer.replaceChildren(h('p', { class: 'wrong', role: 'alert' }, [error.message, error.problem?.advice].filter(Boolean).join('; ')));
    }
  });
}

// A scheme chooses the listener; without one Weir takes the first that fits and says so.
function question() {
  const text = at('why-url').value.trim();
  const [, scheme, host, port, path] = /^(?:(https?):\/\/)?([^/:?]+|\[[^\]]*\])(?::(\d+))?(.*)$/is.exec(text) ?? [null, '', text];
  const asked = new URLSearchParams({ host: port ? `${host}:${port}` : host, path: (path || '/').replace(/#.*/s, '').replace(/^(?!\/)/, '/') });
  if (scheme) asked.set('scheme', scheme.toLowerCase());
  if (port) asked.set('port', port);
  const cookie = at('why-cookie').value.trim();
  if (cookie) asked.set('cookie', cookie);
  return asked;
}

const ENDS = { redirect: 'Redirect', answer: 'Fixed answer', deny: 'Denied', refuse: 'Refused' };

function draw(told) {
  const chain = [['Listener', told.listener], ['Site', told.site], ['Route', told.route ?? (told.pool ? 'none: the site\'s own pool' : null)], ['Pool', told.pool]];
  const boxes = chain.filter(([, name]) => name != null && name !== '').map(([label, name]) => box(label, name));
  if (told.action !== 'pool') boxes.push(box(ENDS[told.action] ?? told.action, told.why, told.action === 'refuse' || told.action === 'deny' ? 'bad' : 'ok'));
  else if (told.node) boxes.push(box(told.queued ? 'Waits for' : 'Node', told.node, told.queued ? 'warn' : 'ok', told.why));
  else boxes.push(box(told.queued ? 'Waits' : 'No node', told.why, told.queued ? 'warn' : 'bad'));
  const drawn = [h('ol', { class: 'chain', 'aria-label': "The request's way" }, boxes)];
  drawn.push(h('ol', { class: 'steps' }, told.steps.map(step => h('li', {}, step))));
  const others = told.nodes.filter(node => node.why_not);
  if (others.length) {
    drawn.push(h('p', { class: 'quiet' }, 'Not chosen:'));
    drawn.push(h('ul', { class: 'plain' }, others.map(node => h('li', {}, h('span', { class: 'shape' }, shape(node.state === 'active' ? 'active' : node.reason)),
      h('p', {}, h('strong', {}, node.node), `: ${node.why_not}`)))));
  }
  return drawn;
}

const box = (label, name, tone, more) => h('li', { 'data-tone': tone }, h('span', { class: 'quiet' }, label), h('strong', {}, name), more && h('span', { class: 'quiet' }, more));
