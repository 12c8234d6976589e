// Where a shift came from: a recent window held against the one before, split by what may have changed.
import { get } from './api.js';
import { h, put } from './dom.js';
import { count, percent } from './format.js';
import { name, t } from './i18n.js';
import { aside } from './plot.js';
import { failure } from './ui.js';

/** @typedef {{ from: string, to: string, decisions: number, read: number }} Window */
/** @typedef {{ before_ppm: number, recent_ppm: number, change_ppm: number, low_ppm: number, high_ppm: number,
 *   more_than_chance: boolean }} Change */
/** @typedef {{ decisions: number, of_all_ppm: number, share_ppm: number }} Share */
/** @typedef {{ told: 'value'|'unknown'|'others', value: string|null, before: Share, recent: Share, mix_ppm: number,
 *   rate_ppm: number, change_ppm: number, low_ppm: number, high_ppm: number, more_than_chance: boolean }} Part */
/** @typedef {'issuer'|'kind'|'device'|'models'|'program'|'policy'} By */
/** @typedef {{ dimension: By, mix_ppm: number, rate_ppm: number, values: Part[] }} Dimension */
/** @typedef {{ before: Window, recent: Window, needed: number, change: Change|null, dimensions: Dimension[],
 *   reasons: { code: string, change: Change }[], failed: number }} Shift */

const RECENT = [1, 7, 14, 28];
const BEFORE = [7, 28, 84];
const ONE = 1e6;

/** What somebody chose lasts as long as the page. */
const view = { recent: 7, before: 28, reason: '' };

/** @param {HTMLElement} place @param {() => boolean} alive */
export async function shiftPanel(place, alive) {
  const again = (/** @type {Partial<typeof view>} */ change) => {
    Object.assign(view, change);
    void shiftPanel(place, alive);
  };
  const asked = new URLSearchParams({ recent_days: String(view.recent), before_days: String(view.before) });
  if (view.reason) asked.set('reason', view.reason);
  const focused = place.contains(document.activeElement) ? document.activeElement?.id : null;
  const draw = (/** @type {Shift|null} */ shift, /** @type {import('./dom.js').Child[]} */ ...body) => {
    put(place, panel(shift, again, body));
    if (focused) document.getElementById(focused)?.focus();
  };
  draw(null, h('p', { class: 'quiet' }, t('shift.reading')));
  const current = place.firstChild;
  try {
    const shift = await get(`/v1/shift?${asked}`);
    if (alive() && place.firstChild === current) draw(shift, ...drawn(shift, again));
  } catch (error) {
    if (alive() && place.firstChild === current)
      draw(
        null,
        failure(error, () => again({})),
      );
  }
}

/** @typedef {(change: Partial<typeof view>) => void} Again */

/** @param {Shift|null} shift @param {Again} again @param {import('./dom.js').Child[]} body */
function panel(shift, again, body) {
  const codes = (shift?.reasons ?? []).map((one) => one.code);
  if (view.reason && !codes.includes(view.reason)) codes.push(view.reason);
  return h(
    'section',
    { class: 'panel shift' },
    h(
      'header',
      {},
      h('h2', { class: 'grow' }, t('shift.title')),
      select(
        'what',
        [['', t('shift.untouched')], ...codes.map((code) => pair(code, heldBy(code)))],
        view.reason,
        (reason) => again({ reason }),
      ),
      select(
        'recent',
        RECENT.map((n) => pair(String(n), n === 1 ? t('shift.recent_1') : t('shift.recent_n', { n }))),
        String(view.recent),
        (n) => again({ recent: Number(n) }),
      ),
      select(
        'before',
        BEFORE.map((n) => pair(String(n), t('shift.before_n', { n }))),
        String(view.before),
        (n) => again({ before: Number(n) }),
      ),
    ),
    h('div', { class: 'body' }, body),
  );
}

/** @param {string} value @param {string} text @returns {[string, string]} */
const pair = (value, text) => [value, text];
/** @param {string} code */
const heldBy = (code) => t('shift.held_by', { reason: name('code', code) });

/**
 * @param {'what'|'recent'|'before'} key
 * @param {[string, string][]} options
 * @param {string} value
 * @param {(value: string) => void} choose
 */
function select(key, options, value, choose) {
  const element = h(
    'select',
    { class: 'select', id: `shift-${key}`, 'aria-label': t(`shift.${key}`) },
    options.map(([code, text]) => h('option', { value: code, selected: code === value }, text)),
  );
  element.addEventListener('change', () => choose(element.value));
  return element;
}

/** A difference of shares, in points of a hundred. @param {number} ppm */
function points(ppm) {
  const n = Math.abs(ppm) / 1e4;
  const text = n.toFixed(n >= 10 ? 1 : 2);
  return Number(text) === 0 ? '0' : `${ppm < 0 ? '−' : '+'}${text}`;
}

/** A share that stays on one line. @param {number} ppm */
const whole = (ppm) => percent(ppm / ONE).replace(' ', '\u00a0');
/** @param {Share} before @param {Share} recent @param {'of_all_ppm'|'share_ppm'} of */
const moved = (before, recent, of) => `${whole(before[of])} → ${whole(recent[of])}`;

/** @param {Shift} shift @param {Again} again @returns {import('./dom.js').Child[]} */
function drawn(shift, again) {
  const { change, before, recent, needed } = shift;
  if (!change) {
    const found = { needed: count(needed), before: count(before.decisions), recent: count(recent.decisions) };
    return [h('p', {}, t('shift.too_few', found)), h('p', { class: 'small quiet' }, t('shift.how'))];
  }
  // As one scale for all, so that what is long is much.
  const shown = shift.dimensions.flatMap((one) => one.values).filter((part) => part.more_than_chance);
  const most = Math.max(1, ...shown.flatMap((part) => [Math.abs(part.low_ppm), Math.abs(part.high_ppm)]));
  const read = before.read + recent.read;
  const all = before.decisions + recent.decisions;
  return [
    h(
      'p',
      { class: 'big' },
      h('strong', {}, t('shift.points', { n: points(change.change_ppm) })),
      h(
        'span',
        { class: 'quiet' },
        `${view.reason ? heldBy(view.reason) : t('shift.untouched')} · `,
        t('shift.from_to', { before: percent(change.before_ppm / ONE), recent: percent(change.recent_ppm / ONE) }),
      ),
    ),
    h(
      'p',
      { class: 'small quiet' },
      t('shift.interval', {
        low: points(change.low_ppm),
        high: points(change.high_ppm),
        before: count(before.read),
        recent: count(recent.read),
      }),
      read < all && [' · ', t('shift.sampled', { read: count(read), decisions: count(all) })],
      shift.failed > 0 && [' · ', t('shift.failed', { n: count(shift.failed) })],
    ),
    !change.more_than_chance && h('p', {}, t('shift.steady')),
    shift.dimensions.map((one) => dimension(one, most)),
    reasons(shift, again),
    h('p', { class: 'small quiet' }, t('shift.how')),
  ];
}

/** @param {Dimension} of @param {number} most */
function dimension({ dimension, values }, most) {
  const told = values.filter((part) => part.more_than_chance);
  const rest = values.filter((part) => !part.more_than_chance);
  const sum = rest.reduce((total, part) => total + part.change_ppm, 0);
  return h(
    'section',
    { class: 'shift-part', id: `shift-${dimension}` },
    h('h3', {}, t(`shift.by.${dimension}`)),
    values.length < 2
      ? h('p', { class: 'small quiet' }, t('shift.one_value'))
      : !told.length
        ? h('p', { class: 'small quiet' }, t('shift.chance'))
        : [
            table(dimension, told, most),
            rest.length > 0 &&
              h(
                'p',
                { class: 'small quiet' },
                t('shift.rest', { n: rest.length, points: t('shift.points', { n: points(sum) }) }),
              ),
          ],
  );
}

/** @param {By} dimension @param {Part[]} parts @param {number} most */
const table = (dimension, parts, most) =>
  h(
    'table',
    { class: 'num small' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        /** @type {const} */ (['value', 'of_all', 'its_share', 'mix', 'rate', 'explains']).map((head) =>
          h('th', { scope: 'col' }, t(`shift.${head}`)),
        ),
      ),
    ),
    h(
      'tbody',
      {},
      parts.map((part) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, label(dimension, part)),
          h('td', {}, moved(part.before, part.recent, 'of_all_ppm')),
          h('td', {}, moved(part.before, part.recent, 'share_ppm')),
          h('td', {}, points(part.mix_ppm)),
          h('td', {}, points(part.rate_ppm)),
          h('td', {}, explains(part, most)),
        ),
      ),
    ),
  );

/** @param {By} dimension @param {Part} part */
function label(dimension, { told, value }) {
  if (told !== 'value' || value === null) return t(told === 'others' ? 'shift.others' : 'shift.unknown');
  if (dimension === 'kind') return name('kind', value);
  if (dimension === 'device') return t('shift.camera', { hash: value });
  return dimension === 'issuer' ? value : h('span', { class: 'mono' }, value);
}

/** @param {{ change_ppm: number, low_ppm: number, high_ppm: number }} part @param {number} most */
function explains({ change_ppm: value, low_ppm: low, high_ppm: high }, most) {
  // More that goes through is good news, more that a reason holds is not.
  const tone = value > 0 === !view.reason ? 'good' : 'bad';
  const shown = t('shift.points', { n: points(value) });
  return h(
    'div',
    { class: 'explains' },
    h('strong', {}, points(value)),
    aside({ value, low, high, most, tone, shown: `${shown} (${points(low)} – ${points(high)})` }),
  );
}

/** @param {Shift} shift @param {Again} again */
function reasons({ reasons }, again) {
  const told = reasons.filter((one) => one.change.more_than_chance);
  return h(
    'section',
    { class: 'shift-part', id: 'shift-reasons' },
    h('h3', {}, t('shift.reasons')),
    told.length
      ? h(
          'ul',
          { class: 'shift-reasons small num' },
          told.map(({ code, change }) =>
            h(
              'li',
              {},
              h(
                'button',
                { type: 'button', class: 'link', on: { click: () => again({ reason: code }) } },
                name('code', code),
              ),
              ` ${percent(change.before_ppm / ONE)} → ${percent(change.recent_ppm / ONE)}`,
              ` (${points(change.change_ppm)})`,
            ),
          ),
        )
      : h('p', { class: 'small quiet' }, t('shift.no_reasons')),
  );
}
