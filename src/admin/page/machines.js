// What this machine shares with others: the servers, and the other machines. Without any the section is not there.

import { at, h, keyed, say } from './dom.js';
import { count, grouped, span } from './format.js';
import { draw } from './shapes.js';
import { state } from './state.js';

export function drawMachines() {
  const { snapshot } = state;
  if (!snapshot) return;
  const { shared, machines } = snapshot.status;
  at('machines-section').hidden = !shared.length;
  const lines = [...machines.map(machine => ({ key: `machine ${machine.name}`, ...ofMachine(machine) })), ...shared.map(server => ({ key: `server ${server.server}`, ...ofServer(server) }))];
  keyed(at('machines'), lines, line => line.key, make);
}

function ofMachine({ name, there, stopped, seen_seconds: seen, sessions, version, differs }) {
  const told = there ? `seen ${seen.toFixed(1)} s ago` : `${stopped ? 'stopped' : 'gone'}, ${span(seen)} ago`;
  const shape = stopped ? 'note' : !there ? 'degraded' : differs.length ? 'note' : 'well';
  return { shape, name, told, more: [`${grouped(sessions)} sessions, weir ${version}`, ...differs].join('\n') };
}

function ofServer({ server, up, fault, since_seconds: since, lag_milliseconds: lag, waiting, told: sessions }) {
  const told = up ? `up for ${span(since)}${lag == null ? '' : `, answers in ${lag.toFixed(1)} ms`}` : `not used for ${span(since)}`;
  const more = [fault, waiting ? `${count(waiting)} sessions are yet to be told` : '', sessions ? `${grouped(sessions)} sessions told` : ''];
  return { shape: up ? 'well' : 'degraded', name: server, told, more: more.filter(Boolean).join('\n') };
}

function make() {
  const icon = h('span', { class: 'shape' });
  const [name, told, more] = [h('strong'), h('span'), h('span', { class: 'more quiet' })];
  return { element: h('li', {}, icon, h('p', {}, name, ' ', told, more)), update(line) {
    draw(icon, line.shape);
    say(name, line.name);
    say(told, line.told);
    say(more, line.more);
  } };
}
