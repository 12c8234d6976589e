// How carefully people look: known cases and blind pairs, by person.
import { get } from './api.js';
import { h, put, s } from './dom.js';
import { count, percent } from './format.js';
import { t } from './i18n.js';
import { failure } from './ui.js';

/** @typedef {{ n: number, of: number, share: number|null, low: number, high: number }} Share */
/** @typedef {{ missed: Share, refused: Share, agreed: Share, kappa: number|null }} Tally */
/** @typedef {{ blind_pairs: number, unruled: number, half: number, all: Tally,
 *   reviewers: (Tally & { reviewer: string })[] }} Vigilance */

/** @param {HTMLElement} place @param {() => boolean} alive */
export async function vigilancePanel(place, alive) {
  try {
    const figures = await get('/v1/vigilance');
    if (alive()) put(place, panel(drawn(figures)));
  } catch (error) {
    if (alive())
      put(
        place,
        panel(
          failure(error, () => void vigilancePanel(place, alive)),
        ),
      );
  }
}

/** @param {import('./dom.js').Child} body */
const panel = (body) =>
  h(
    'section',
    { class: 'panel vigilance' },
    h('header', {}, h('h2', {}, t('vigilance.title'))),
    h('div', { class: 'body' }, body),
  );

/** @param {Vigilance} of */
function drawn({ all, reviewers, unruled, half, blind_pairs: share }) {
  const wait = h('p', { class: 'small quiet' }, t('vigilance.wait', { unruled: count(unruled), half: count(half) }));
  const begin = h('p', { class: 'small quiet' }, t('vigilance.begin', { share: percent(share) }));
  if (!reviewers.length) return [h('p', {}, t('vigilance.none')), begin, wait];
  const head = [
    t('vigilance.reviewer'),
    t('vigilance.col_missed'),
    t('vigilance.col_refused'),
    t('vigilance.col_agreed'),
    t('vigilance.col_kappa'),
  ];
  return [
    all.missed.of > 0 &&
      h(
        'p',
        { class: 'big' },
        h('strong', {}, percent(all.missed.share)),
        h('span', { class: 'quiet' }, t('vigilance.missed', { n: count(all.missed.of) })),
      ),
    h(
      'table',
      { class: 'table' },
      h('thead', {}, h('tr', {}, head.map((title) => h('th', { scope: 'col' }, title)))),
      h('tbody', {}, [
        ...reviewers.map((one) => row(one.reviewer, one)),
        ...(reviewers.length > 1 ? [row(t('vigilance.all'), all)] : []),
      ]),
    ),
    wait,
    h('p', { class: 'small quiet' }, t('vigilance.why')),
  ];
}

/** @param {string} who @param {Tally} tally */
const row = (who, { missed, refused, agreed, kappa }) =>
  h(
    'tr',
    {},
    h('th', { scope: 'row' }, who),
    h('td', {}, counted(missed, 'bad')),
    h('td', {}, counted(refused, 'bad')),
    h('td', {}, counted(agreed, 'good')),
    h('td', {}, kappa === null ? '–' : kappa.toFixed(2)),
  );

/** A share with its interval, drawn and in figures. @param {Share} share @param {string} tone */
function counted({ n, of, share, low, high }, tone) {
  if (share === null) return '–';
  const [from, to] = [100 * low, 100 * high];
  const shown = t('vigilance.interval', { low: percent(low), high: percent(high) });
  return [
    t('vigilance.of', { n: count(n), of: count(of) }),
    s(
      'svg',
      { class: 'whisker', viewBox: '0 0 100 12', role: 'img', 'aria-label': shown },
      s('rect', { x: 0, y: 5, width: 100, height: 2, class: 'track' }),
      s('rect', { x: from, y: 3, width: Math.max(1, to - from), height: 6, rx: 3, class: 'spread' }),
      s('circle', { cx: 100 * share, cy: 6, r: 4, class: tone }),
    ),
    h('span', { class: 'small quiet' }, shown),
  ];
}
