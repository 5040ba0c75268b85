// Certificates and how long they last; the last reload.

import { get } from './api.js';
import { at, h, keyed, mark, say } from './dom.js';
import { day, exact, moment, span } from './format.js';
import { draw } from './shapes.js';
import { state, weirsNow } from './state.js';

const DAY = 86_400_000;
/** They change only at a reload. */
const AGAIN = 60_000;
let asked = -Infinity;
let generation = 0;

export function drawCertificates() {
  const { snapshot } = state;
  if (!snapshot) return;
  if (performance.now() - asked > AGAIN || generation !== snapshot.status.generation) ask(snapshot.status.generation);
  const known = state.certificates ?? snapshot.sites.filter(site => site.certificate_expires).map(site => ({ site: site.site, not_after: site.certificate_expires, names: site.hosts }));
  const sorted = [...known].sort((one, other) => Date.parse(one.not_after) - Date.parse(other.not_after));
  keyed(at('certificates'), sorted.length ? sorted : [{ site: '' }], certificate => certificate.site, certificate => (certificate.site ? make() : none()));
}

const none = () => ({ element: h('li', { class: 'quiet' }, 'No site has a certificate.') });

function ask(now) {
  [asked, generation] = [performance.now(), now];
  get('/api/v1/certificates').then(list => (state.certificates = list), () => (state.certificates = null));
}

function make() {
  const icon = h('span', { class: 'shape' });
  const [name, left, more] = [h('strong'), h('span'), h('span', { class: 'more quiet' })];
  const element = h('li', {}, icon, h('p', {}, name, ' ', left, more));
  return { element, update(certificate) {
    const life = Date.parse(certificate.not_after) - Date.parse(certificate.not_before);
    const rest = Date.parse(certificate.not_after) - weirsNow();
    const early = Math.min(life / 10 || 14 * DAY, 30 * DAY);
    draw(icon, rest <= 0 ? 'down' : rest < early ? 'degraded' : 'well');
    say(name, certificate.site);
    say(left, rest > 0 ? `ends in ${span(rest / 1000)}, on ${day(certificate.not_after)}` : `ended on ${day(certificate.not_after)}`);
    mark(left, 'title', exact(certificate.not_after));
    say(more, [certificate.names?.join(', '), certificate.issuer && `by ${certificate.issuer}`, certificate.key].filter(Boolean).join(' · '));
  } };
}

export function drawReload() {
  const { snapshot } = state;
  if (!snapshot) return;
  keyed(at('last-reload'), [snapshot.status], () => 'one', makeReload);
}

function makeReload() {
  const icon = h('span', { class: 'shape' });
  const [what, when, problems] = [h('strong'), h('time'), h('span', { class: 'more quiet' })];
  const element = h('div', { class: 'line' }, icon, h('p', {}, what, ' ', when, problems));
  return { element, update(status) {
    const last = status.last_reload;
    draw(icon, !last ? 'note' : last.accepted ? 'well' : 'degraded');
    say(what, !last ? 'No reload since the start' : last.accepted ? 'Last reload accepted' : 'Last reload refused');
    say(when, last ? moment(last.at) : moment(status.started));
    mark(when, 'title', exact(last?.at ?? status.started));
    const who = last?.actor && `by ${last.actor}${last.reason ? `: ${last.reason}` : ''}`;
    say(problems, [who, ...(last?.problems ?? []), `Generation ${status.generation} runs.`].filter(Boolean).join('\n'));
  } };
}
