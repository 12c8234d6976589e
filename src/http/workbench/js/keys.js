// Keys: each screen says which it has, in order, and the help lists just those.
import { t } from './i18n.js';

/**
 * @typedef {{ keys: string[], what: import('./i18n.js').Word, act: (event: KeyboardEvent) => void, shown?: string[] }}
 *   Binding
 */
/** @typedef {{ title: import('./i18n.js').Word, bindings: Binding[], modal?: boolean }} Scope */

/** The scopes in force, the innermost last. @type {Scope[]} */
const scopes = [];

/** @param {Scope} scope @returns {() => void} takes it back */
export function bind(scope) {
  scopes.push(scope);
  return () => {
    const at = scopes.indexOf(scope);
    if (at >= 0) scopes.splice(at, 1);
  };
}

/** The scopes that a key can reach now. */
export function reachable() {
  const last = scopes.findLastIndex((scope) => scope.modal);
  return last < 0 ? scopes : scopes.slice(last);
}

/** @param {KeyboardEvent} event */
function named(event) {
  const key = event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key));
  return `${event.ctrlKey || event.metaKey ? 'Ctrl+' : ''}${event.altKey ? 'Alt+' : ''}${shift ? 'Shift+' : ''}${key}`;
}

document.addEventListener('keydown', (event) => {
  const key = named(event);
  const at = event.target;
  const typing = at instanceof HTMLElement && at.matches('input, textarea, select');
  // Somebody who types means letters; Escape and combinations with Ctrl still mean commands.
  if (event.isComposing || (typing && key !== 'Escape' && !key.startsWith('Ctrl+'))) return;
  // A focused button or link keeps its own keys.
  if (
    at instanceof HTMLElement &&
    at.matches('button, a[href], [role="button"]') &&
    (key === 'Enter' || key === 'Space')
  )
    return;
  for (const scope of reachable().toReversed()) {
    const found = scope.bindings.find((binding) => binding.keys.includes(key));
    if (found) {
      event.preventDefault();
      found.act(event);
      return;
    }
  }
});

/** A key as it is printed. @param {string} key */
export function printed(key) {
  if (key === '+') return key;
  const names = /** @type {Record<string, string>} */ ({
    ArrowDown: '↓',
    ArrowUp: '↑',
    ArrowLeft: '←',
    ArrowRight: '→',
    Escape: 'Esc',
    Enter: '↵',
    Space: t('key.space'),
  });
  return key
    .split('+')
    .map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(' ');
}
