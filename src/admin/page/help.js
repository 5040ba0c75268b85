// The help: keys, what the shapes mean, and the token.

import { keepToken, token } from './api.js';
import { at, h } from './dom.js';
import { shape } from './shapes.js';
import { word } from './state.js';

const KEYS = [
  ['/', 'filter the nodes'], ['j k', 'next, previous node'], ['Enter', 'open or close the node'], ['d', 'drain it'], ['m', 'maintain it'],
  ['a', 'activate it'], ['e', 'events'], ['w', 'why?'], ['t', 'light or dark'], ['?', 'this help'], ['Esc', 'close; show all nodes'],
];

const MEANINGS = [
  ['active', 'serves'], ['standby', 'healthy; serves when it is needed'], ['checking', 'was not probed yet'],
  ['draining', 'keeps its sessions, gets no new ones'], ['maintenance', 'gets nothing'], ['safe', 'taken out, and nothing runs there any more'],
  ['unhealthy', 'its probes fail'], ['ejected', 'its requests failed; tried again in a moment'], ['unused', 'no pool has it'],
];

const list = (kind, pairs) => h('dl', { class: kind }, pairs.map(([name, what]) => h('div', {}, h('dt', {}, name), h('dd', {}, what))));

export function helpSheet() {
  const forget = token() && h('button', { type: 'button', onclick: () => {
    keepToken('');
    at('sheet').close();
    dispatchEvent(new Event('weir-token'));
  } }, 'Forget the token');
  const keys = KEYS.map(([names, what]) => [h('span', {}, names.split(' ').map(name => h('kbd', {}, name))), what]);
  const meanings = MEANINGS.map(([name, what]) => [h('span', {}, shape(name), ' ', word(name)), what]);
  return { title: 'Help', parts: [h('h3', {}, 'Keys'), list('keys', keys), h('h3', {}, 'States'), list('meanings', meanings), forget] };
}
