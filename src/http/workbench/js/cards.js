// The cards of a case as an admin said them, by name, and a card that fails by itself.
import { get } from './api.js';
import { h, icon, put } from './dom.js';
import { lang, name, t } from './i18n.js';
import { CARDS } from './layout.js';
import { button } from './ui.js';

/** @typedef {import('./layout.js').Card} Card */
/** @typedef {import('./layout.js').CardKind} CardKind */
/** @typedef {import('./layout.js').Cards} Cards */

/** @type {Cards} */
const ALL = { queues: [], rest: CARDS.map((card) => ({ card })) };
const KEPT_MS = 30_000;

let kept = { at: -Infinity, cards: Promise.resolve(ALL) };

/** What was said last, asked for at most every half minute. Where it cannot be had, every card is shown. */
export function cards() {
  const now = performance.now();
  if (now - kept.at < KEPT_MS) return kept.cards;
  const asked = get('/v1/cards').then(
    (view) => view.cards,
    (error) => {
      console.warn('the cards of the queues cannot be had', error);
      return ALL;
    },
  );
  kept = { at: now, cards: asked };
  return asked;
}

/** Makes the next case ask anew. */
export function forget() {
  kept = { ...kept, at: -Infinity };
}

/** What a card is called where nobody said otherwise. @param {CardKind} card */
export const usual = (card) => name('part', card);

/** What a card is called. @param {Card} card */
export const title = (card) => card.label?.[lang()] || usual(card.card);

/**
 * Draws a card; where that fails, says so in its place, and leaves everything else as it is.
 * @param {HTMLElement} place
 * @param {string} called
 * @param {() => void} draw
 */
export function guarded(place, called, draw) {
  try {
    draw();
  } catch (error) {
    console.error(`the card "${called}" failed`, error);
    put(
      place,
      h('h2', {}, called),
      h(
        'div',
        { class: 'notice warn card-failed', role: 'status' },
        icon('warn'),
        h('span', { class: 'grow' }, t('card.failed')),
        button(t('again'), () => guarded(place, called, draw), { class: 'tiny' }),
      ),
    );
  }
}
