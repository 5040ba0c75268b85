// What can be done without a mouse.

import { at } from './dom.js';
import { closeMenu } from './menu.js';
import { openSheet } from './sheets.js';
import { turn } from './theme.js';

/** `clear()` takes the filters away. */
export function beginKeys(clear) {
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || at('sheet').open) return;
    if (event.key === 'Escape') {
      if (!closeMenu()) {
        clear();
        if (document.activeElement?.matches('input')) document.activeElement.blur();
      }
    } else if (!event.target.closest?.('input, select, textarea') && act(event.key)) {
      event.preventDefault();
    }
  });
}

function act(key) {
  const node = document.activeElement?.closest?.('[data-node]')?.dataset.node;
  const actions = { d: 'drain', m: 'maintain', a: 'activate' };
  if (key === '/') at('filter').focus();
  else if (key === 'j') step(1);
  else if (key === 'k') step(-1);
  else if (key in actions && node) openSheet(actions[key], node);
  else if (key === 'e') at('events').focus();
  else if (key === 'w') at('why-url').focus();
  else if (key === 't') turn();
  else if (key === '?') openSheet('help');
  else return false;
  return true;
}

function step(by) {
  const rows = [...document.querySelectorAll('#node-table [data-node]')];
  const here = rows.indexOf(document.activeElement?.closest?.('[data-node]'));
  const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + by));
  rows[next]?.querySelector('.open').focus();
}
