// Reload: what would change is told first.

import { send } from './api.js';
import { h } from './dom.js';
import { shape } from './shapes.js';
import { noContact, state } from './state.js';

export function reloadSheet() {
  const found = h('div', {}, h('p', { class: 'quiet' }, 'Reading the configuration on disk…'));
  const reason = h('input', { type: 'text', maxlength: 200, autocomplete: 'off', autofocus: true, placeholder: 'new certificate' });
  send('POST', '/api/v1/config/check').then(told => found.replaceChildren(...checked(told)),
    error => found.replaceChildren(h('p', { class: 'quiet' }, `What would change cannot be told here: ${error.message}. A wrong configuration is refused and changes nothing.`)));
  return {
    title: 'Reload the configuration',
    parts: [found, h('p', { class: 'quiet' }, 'A reload cuts no request.'), h('label', {}, 'Reason ', h('span', { class: 'quiet' }, 'for the events, the journal and the audit file'), reason)],
    verb: 'Reload',
    ready: () => noContact() || (reason.value.trim().length < 3 ? 'Write a reason, of three characters at least.' : ''),
    go: () => send('POST', '/api/v1/reload', { reason: reason.value.trim() }),
    refused({ status, message, problem }) {
      if (status !== 422) return false;
      found.replaceChildren(h('p', { class: 'wrong', role: 'alert' }, `Refused; generation ${state.snapshot.status.generation} goes on. ${problem.problems ? '' : message}`), ...list('unhealthy', problem.problems));
      return true;
    },
    seen: ({ generation }) => state.snapshot.status.generation >= generation,
    done: ({ generation }) => `Generation ${generation} runs.`,
    extra: ({ warnings }) => list('degraded', warnings),
  };
}

function checked({ problems = [], warnings = [], changes = [] }) {
  if (problems.length) return [h('p', { class: 'wrong' }, 'It would be refused:'), ...list('unhealthy', problems)];
  const parts = [changes.length ? h('p', {}, 'This would change:') : h('p', {}, 'The files say what already runs: nothing would change.')];
  return [...parts, ...list('note', changes), ...list('degraded', warnings)];
}

const list = (icon, items) => (items?.length ? [h('ul', { class: 'plain consequences' }, items.map(item => h('li', {}, h('span', { class: 'shape' }, shape(icon)), h('p', {}, sentence(item)))))] : []);

function sentence(item) {
  if (typeof item === 'string') return item;
  const place = [item.file, item.line || null].filter(Boolean).join(':');
  return [place && `${place}: `, item.what, item.advice && ` (${item.advice})`].filter(Boolean).join('');
}
