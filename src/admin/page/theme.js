// Light or dark: as the system has it, or as chosen here before.

import { at, mark, say } from './dom.js';

const KEPT = 'weir-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

const shown = () => document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light');

export function beginTheme() {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'dark' || kept === 'light') mark(document.documentElement, 'data-theme', kept);
  at('theme').addEventListener('click', turn);
  dark.addEventListener('change', label);
  label();
}

/** The other one. Where that is what the system has, the system decides again. */
export function turn() {
  const other = shown() === 'dark' ? 'light' : 'dark';
  const asSystem = other === (dark.matches ? 'dark' : 'light');
  mark(document.documentElement, 'data-theme', asSystem ? null : other);
  if (asSystem) localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, other);
  label();
}

const label = () => say(at('theme'), shown() === 'dark' ? 'Light' : 'Dark');
