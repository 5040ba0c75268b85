// Sheets: what is asked before something is done, and what came of it. The browser keeps the focus inside an open dialog.

import { token } from './api.js';
import { at, h, say } from './dom.js';
import { helpSheet } from './help.js';
import { loginSheet } from './login.js';
import { activateSheet, drainSheet, maintainSheet, weightSheet } from './orders.js';
import { reloadSheet } from './reload.js';

// Each makes { title, parts, verb?, ready?(), go?(), seen?(), done?(), undo?, update?(), refused?(problem) }.
const SHEETS = { drain: drainSheet, maintain: maintainSheet, activate: activateSheet, weight: weightSheet, reload: reloadSheet, token: loginSheet, help: helpSheet };

let open = null;

export function beginSheets() {
  at('sheet').addEventListener('close', () => (open = null));
  // A press beside the sheet closes it, as Esc does.
  at('sheet').addEventListener('pointerdown', event => event.target === at('sheet') && at('sheet').close());
}

/** Opens a sheet in place of the one that is open. */
export function openSheet(kind, ...about) {
  const sheet = SHEETS[kind](...about);
  let asked = null;
  const [wrong, verb] = [h('div', { class: 'wrong', role: 'alert' }), sheet.verb && h('button', { type: 'submit', class: 'verb' }, sheet.verb)];
  const close = h('button', { type: 'button', onclick: () => at('sheet').close() }, sheet.verb ? 'Cancel' : 'Close');
  const feet = h('div', { class: 'feet' }, close, verb);
  const form = h('form', { novalidate: true, onsubmit: submit }, h('h2', { id: 'sheet-title' }, sheet.title), ...sheet.parts, wrong, feet);
  at('sheet').replaceChildren(form);
  if (!at('sheet').open) at('sheet').showModal();
  open = { update, form };
  update();
  (form.querySelector('[autofocus]') ?? close).focus();
  async function submit(event) {
    event.preventDefault();
    const hindrance = sheet.ready?.() ?? '';
    if (hindrance) return tell(hindrance);
    verb.disabled = true;
    tell('');
    try {
      asked = { answer: await sheet.go(), since: performance.now() };
      // A sheet that was opened in the meantime is another one.
      if (open?.form === form) update();
    } catch (error) {
      verb.disabled = false;
      if (error.status === 401 || error.status === 403) mayNot(error);
      else if (!sheet.refused?.(error)) tell(error.message, error.problem?.advice);
      update();
    }
  }

  function tell(...lines) {
    wrong.replaceChildren(...lines.filter(Boolean).map(line => h('p', {}, line)));
  }

  function mayNot(error) {
    tell(`Weir refused: ${error.message}`, error.problem?.advice && `What would be right: ${error.problem.advice}`,
      "On Weir's own machine, sudo weir does the same.");
    wrong.append(h('button', { type: 'button', onclick: () => openSheet('token', () => openSheet(kind, ...about)) }, token() ? 'Give another token…' : 'Give a token…'));
  }

  function update() {
    if (asked) return result();
    sheet.update?.();
  }

  // What was asked for is shown once Weir itself shows it.
  function result() {
    if (!asked.shown && sheet.seen && !sheet.seen(asked.answer)) {
      const late = performance.now() - asked.since > 5_000;
      return tell(late ? 'Weir took it, but its stream does not show it yet.' : 'Weir took it; waiting to see it…');
    }
    const first = !asked.shown;
    asked.shown ??= h('p', { class: 'done' });
    say(asked.shown, sheet.done(asked.answer));
    if (!first) return;
    tell();
    say(close, 'Close');
    const undo = sheet.undo && h('button', { type: 'button', onclick: () => {
      sheet.undo().then(() => at('sheet').close(), error => tell(error.message));
    } }, 'Undo');
    feet.replaceChildren(...[undo, close].filter(Boolean));
    form.replaceChildren(form.firstElementChild, asked.shown, ...(sheet.extra?.(asked.answer) ?? []), wrong, feet);
    close.focus();
  }
}

/** Once a second and with each snapshot: the numbers in an open sheet are of now. */
export const drawSheet = () => open?.update();
