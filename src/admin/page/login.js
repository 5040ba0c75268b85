// A token, for addresses that ask for one.

import { keepToken, knows } from './api.js';
import { h } from './dom.js';

/** `after` is done once Weir took the token. */
export function loginSheet(after) {
  const input = h('input', { type: 'password', autocomplete: 'off', spellcheck: 'false', autofocus: true });
  return {
    title: 'Give a token',
    parts: [
      h('p', {}, 'Its text is in the file that [[admin.token]] of weir.toml names. A token whose may is "operate" may change things; "read" only looks.'),
      h('label', {}, 'Token ', input),
      h('p', { class: 'quiet' }, 'It is kept in this tab until you close it.'),
    ],
    verb: 'Use it',
    ready: () => (input.value.trim() ? '' : 'Write the token.'),
    async go() {
      const text = input.value.trim();
      // A field of a request has no other characters.
      if (!/^[\x21-\x7e]+$/.test(text) || !(await knows(text))) throw new Error('Weir does not know this token.');
      keepToken(text);
      dispatchEvent(new Event('weir-token'));
      if (after) setTimeout(after);
    },
    done: () => 'Weir knows this token.',
  };
}
