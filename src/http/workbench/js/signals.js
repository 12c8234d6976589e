// What the pixels tell: each signal, whether it applies here, and the places it points at.
import { h, icon } from './dom.js';
import { name, say, t } from './i18n.js';
import { button } from './ui.js';

/** @typedef {import('./types.js').Doc} Doc */
/** @typedef {import('./types.js').Polygon} Polygon */

/**
 * @param {Doc} doc
 * @param {(fields: string[], regions: Polygon[]) => void} look shows places on the photo
 */
export function signals(doc, look) {
  const all = doc.authenticity.signals;
  if (!all.length) return h('p', { class: 'quiet' }, t('pixels.none'));
  const mute = all.filter((one) => !one.applicable).length;
  const alarms = all.filter((one) => one.alarm).length;
  const history = doc.authenticity.history ?? {};
  return h(
    'div',
    { class: 'signals' },
    h(
      'p',
      { class: `notice ${alarms ? 'bad' : 'warn'}` },
      icon(alarms ? 'warn' : 'shield'),
      h('span', {}, alarms ? t('heat.alarms', { n: alarms }) : t('heat.clean', { mute, all: all.length })),
    ),
    all.map((signal) => {
      const state = !signal.applicable ? 'mute' : signal.alarm ? 'bad' : 'clean';
      const share = signal.score === null ? 0 : Math.max(0, Math.min(1.5, signal.score / signal.limit));
      const level = h('i', { class: state });
      level.style.width = `${Math.round((share / 1.5) * 100)}%`;
      const places = signal.alarm ? signal.suspects.filter((one) => one.score >= signal.limit).slice(0, 6) : [];
      return h(
        'div',
        { class: `signal ${state}` },
        h(
          'div',
          { class: 'row' },
          icon(state === 'mute' ? 'dash' : state === 'bad' ? 'warn' : 'check'),
          h('h3', { class: 'grow' }, name('signal', signal.signal)),
          signal.applicable
            ? h(
                'span',
                {
                  class: 'small num quiet',
                  title: t('pixels.score', { score: signal.score ?? '–', limit: signal.limit, n: signal.tested }),
                },
                `${(signal.score ?? 0).toFixed(1)} / ${signal.limit.toFixed(1)}`,
              )
            : h('span', { class: 'chip' }, t('pixels.mute')),
        ),
        h('p', { class: 'small' }, say(signal.message)),
        signal.applicable && h('div', { class: 'bar limit', 'aria-hidden': 'true' }, level, h('b', {})),
        places.length > 0 &&
          h(
            'div',
            { class: 'chips' },
            places.map((place) =>
              button(
                [place.field ? name('field', place.field) : t('pixels.place'), ' ', place.score.toFixed(1)],
                () => look([], [place.polygon, ...(place.like ? [place.like] : [])]),
                { class: 'chip' },
              ),
            ),
          ),
      );
    }),
    h(
      'p',
      { class: 'small quiet' },
      t('pixels.history', {
        stratum: name('stratum', String(history.stratum ?? '–')),
        quality: history.quality ?? '–',
      }),
    ),
    h('p', { class: 'small quiet' }, t('pixels.limits')),
  );
}
