// Making and changing elements. Whatever is no element becomes text: nothing that comes from Weir or a node is ever read as HTML.

const SVG = 'http://www.w3.org/2000/svg';

/** An element by its id. */
export const at = id => document.getElementById(id);

/** Makes an element: h('button', { class: 'wide', onclick: go }, 'Go'). */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** The same for drawings. */
export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child != null && child !== false));
  return element;
}

/** Changes a text only where it differs, so that readers and selections are not disturbed each second. */
export function say(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** The same for an attribute; null takes it away. */
export function mark(element, name, value) {
  if (value == null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? '' : value);
}

/**
 * Makes the children of a parent those of a list: one for each item, kept and only updated as long as its key is there.
 * `make(item)` gives { element, update(item) }. Children that were not made here (a table's head) stay in front.
 */
export function keyed(parent, items, keyOf, make) {
  const before = parent.kept ?? new Map();
  const kept = new Map();
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  for (const item of items) {
    const key = keyOf(item);
    if (kept.has(key)) continue;
    const row = before.get(key) ?? make(item);
    row.update?.(item);
    kept.set(key, row);
  }
  for (const [key, row] of before) if (!kept.has(key)) row.element.remove();
  let next = null;
  for (const row of [...kept.values()].reverse()) {
    if (row.element.parentNode !== parent || row.element.nextSibling !== next) parent.insertBefore(row.element, next);
    next = row.element;
  }
  parent.kept = kept;
  // Moving an element takes the focus away.
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
