// Dialogs, short messages, and what is shown while something loads or fails.
import { h, icon, s } from './dom.js';
import { bind, printed, reachable } from './keys.js';
import { name, t } from './i18n.js';
import { Problem } from './api.js';

/** @param {...string} keys */
export const kbd = (...keys) => keys.map((key) => h('kbd', { 'aria-hidden': 'true' }, printed(key)));

/**
 * @param {import('./dom.js').Child} label
 * @param {() => void} act
 * @param {Record<string, any>} [props]
 */
export function button(label, act, props = {}) {
  return h('button', { type: 'button', ...props, class: `button ${props.class ?? ''}`, on: { click: act } }, label);
}

/** The screens on which an admin sets up how people work. @param {'cards'|'skills'} here */
export const desk = (here) =>
  h(
    'nav',
    { class: 'desk segments', 'aria-label': t('desk.label') },
    /** @type {const} */ (['cards', 'skills']).map((one) =>
      h('a', { href: `#/${one}`, 'aria-current': one === here ? 'page' : null }, t(`nav.${one}`)),
    ),
  );

/** What went wrong, in words. @param {unknown} error */
export function wrong(error) {
  if (!(error instanceof Problem)) return t('problem.page', { what: String(error) });
  const known = name('problem', error.code);
  if (known !== error.code.replaceAll('_', ' ')) {
    return known.replace('{holder}', error.body.holder ?? '?').replace('{detail}', error.message);
  }
  return `${error.message} (${error.code})`;
}

/** @param {unknown} error @param {() => void} [again] */
export function failure(error, again) {
  return h(
    'div',
    { class: 'notice bad', role: 'alert' },
    icon('warn'),
    h('div', { class: 'grow' }, wrong(error)),
    again && button(t('again'), again, { class: 'tiny' }),
  );
}

/** @param {number} lines */
export const waiting = (lines) =>
  h(
    'div',
    { class: 'page', 'aria-busy': 'true' },
    Array.from({ length: lines }, () => h('div', { class: 'skeleton line' })),
  );

const toasts = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
document.body.append(toasts);

/**
 * A message that goes by itself.
 * @param {import('./dom.js').Child} text
 * @param {{ bad?: boolean, ms?: number }} [options]
 */
export function toast(text, options = {}) {
  const element = h('div', { class: `toast ${options.bad ? 'bad' : ''}` }, text);
  toasts.append(element);
  const timer = setTimeout(() => element.remove(), options.ms ?? (options.bad ? 7000 : 3500));
  return () => {
    clearTimeout(timer);
    element.remove();
  };
}

/**
 * A message with a countdown and one act that is possible until it ends.
 * @param {string} text
 * @param {{ label: string, key: string, until: number, act: () => void, over: () => void }} offer `over` once it is too late
 */
export function countdown(text, offer) {
  const around = 2 * Math.PI * 9;
  const whole = offer.until - Date.now();
  const left = s('circle', { cx: 11, cy: 11, r: 9, 'stroke-dasharray': around });
  const seconds = h('span', { class: 'num' });
  const element = h(
    'div',
    { class: 'toast' },
    s(
      'svg',
      { class: 'ring', viewBox: '0 0 22 22', 'aria-hidden': 'true' },
      s('circle', { cx: 11, cy: 11, r: 9 }),
      left,
    ),
    h('span', { class: 'grow' }, text),
    seconds,
    button(
      [offer.label, kbd(offer.key)],
      () => {
        end();
        offer.act();
      },
      { class: 'tiny' },
    ),
  );
  const unbind = bind({
    title: 'keys.undo',
    bindings: [
      {
        keys: [offer.key],
        what: 'key.undo',
        act: () => {
          end();
          offer.act();
        },
      },
    ],
  });
  const tick = () => {
    const rest = offer.until - Date.now();
    if (rest <= 0) {
      end();
      offer.over();
      return;
    }
    left.setAttribute('stroke-dashoffset', String(around * (1 - rest / whole)));
    seconds.textContent = t('time.seconds', { n: Math.ceil(rest / 1000) });
  };
  const timer = setInterval(tick, 250);
  const end = () => {
    clearInterval(timer);
    unbind();
    element.remove();
  };
  tick();
  toasts.append(element);
  return end;
}

/**
 * A dialog that keeps the keyboard until it is closed.
 * @param {string} title
 * @param {(close: () => void) => import('./dom.js').Child[]} content
 * @param {{ wide?: boolean, fixed?: boolean, bindings?: import('./keys.js').Binding[] }} [options]
 */
export function dialog(title, content, options = {}) {
  const before = document.activeElement;
  const close = () => {
    unbind();
    scrim.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  };
  const box = h(
    'div',
    {
      class: `dialog ${options.wide ? 'wide' : ''}`,
      role: 'dialog',
      'aria-modal': 'true',
      'aria-label': title,
      tabindex: '-1',
    },
    h('h2', {}, title),
    ...content(close),
  );
  const scrim = h(
    'div',
    {
      class: 'scrim',
      on: {
        click: (/** @type {Event} */ event) => {
          if (event.target === scrim && !options.fixed) close();
        },
      },
    },
    box,
  );
  const leave = /** @type {import('./keys.js').Binding[]} */ (
    options.fixed ? [] : [{ keys: ['Escape', '?'], what: 'key.close', act: close }]
  );
  const unbind = bind({ title: 'keys.dialog', modal: true, bindings: [...(options.bindings ?? []), ...leave] });
  document.body.append(scrim);
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Tab') return;
    const all = /** @type {HTMLElement[]} */ ([
      ...box.querySelectorAll('button, input, select, textarea, a[href]'),
    ]).filter((one) => !one.hasAttribute('disabled'));
    const first = all[0];
    const last = all.at(-1);
    if (!first || !last) return;
    if (event.shiftKey && (document.activeElement === first || document.activeElement === box)) {
      last.focus();
      event.preventDefault();
    } else if (!event.shiftKey && document.activeElement === last) {
      first.focus();
      event.preventDefault();
    }
  });
  const first = /** @type {HTMLElement|null} */ (box.querySelector('input, textarea, select'));
  (first ?? box).focus();
  return close;
}

/** The keys that work now. */
export function help() {
  const scopes = reachable().filter((scope) => scope.bindings.length);
  dialog(
    t('help.title'),
    () => [
      h(
        'div',
        { class: 'keys' },
        scopes.toReversed().map((scope) =>
          h(
            'section',
            {},
            h('h3', {}, t(scope.title)),
            h(
              'dl',
              {},
              scope.bindings.map((one) => [h('dt', {}, kbd(...(one.shown ?? one.keys))), h('dd', {}, t(one.what))]),
            ),
          ),
        ),
      ),
    ],
    { wide: true },
  );
}
