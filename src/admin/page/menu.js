// The small menu of a node's row.

import { at, h, mark } from './dom.js';
import { openSheet } from './sheets.js';

let opened = null;

/** Whether a menu is open. */
export const menuIsOpen = () => opened != null;

/** Closes the open menu; says whether there was one. */
export function closeMenu() {
  const was = opened != null;
  opened?.close();
  return was;
}

/** The button and its menu. */
export function menuOf(node) {
  const list = h('div', { class: 'menu', hidden: true });
  const button = h('button', { type: 'button', class: 'dots', 'aria-expanded': 'false', 'aria-label': `Actions for ${node}`, onclick: () => (opened === self ? close() : open()) }, '⋯');
  const element = h('div', { class: 'menu-place' }, button, list);
  const self = { close };
  list.addEventListener('keydown', event => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const all = [...list.children];
      const next = all.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
      all.at(next % all.length).focus();
    }
  });
  return { element };

  function open() {
    closeMenu();
    opened = self;
    list.replaceChildren(...entries(node).map(([label, go]) => h('button', { type: 'button', onclick: () => {
      close();
      go();
    } }, label)));
    list.hidden = false;
    mark(button, 'aria-expanded', 'true');
    list.firstElementChild.focus();
  }

  function close() {
    if (opened !== self) return;
    opened = null;
    const inside = list.contains(document.activeElement);
    list.hidden = true;
    mark(button, 'aria-expanded', 'false');
    if (inside) button.focus();
  }
}

function entries(node) {
  const sheet = kind => () => openSheet(kind, node);
  return [['Drain…', sheet('drain')], ['Maintain…', sheet('maintain')], ['Activate…', sheet('activate')], ['Its events', () => {
    at('events-of').value = node;
    at('events-of').dispatchEvent(new Event('change'));
    at('events').focus();
  }]];
}

document.addEventListener('pointerdown', event => {
  if (opened && !event.target.closest('.menu-place')) closeMenu();
});
