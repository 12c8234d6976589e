// Which cards a case shows, as an admin said it for the queue that the case is in; and a card that fails by itself.
import { get } from './api.js';
import { h, icon, put } from './dom.js';
import { lang, name, t } from './i18n.js';
import { button } from './ui.js';

/** @typedef {'brief'|'problems'|'amounts'|'fields'|'pixels'|'related'|'history'} CardKind */
/** @typedef {{ card: CardKind, label?: import('./types.js').Message|null }} Card */
/** @typedef {{ name: import('./types.js').Message, kind?: string|null, reason?: string|null, cards: Card[] }} Queue */
/** @typedef {{ queues: Queue[], rest: Card[] }} Cards */
/** @typedef {{ cards: Cards, entry: number, at: string|null, by: string|null }} CardsView */

/** @type {readonly CardKind[]} */
export const CARDS = ['brief', 'problems', 'amounts', 'fields', 'pixels', 'related', 'history'];
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

/**
 * The cards of a case: those of the first queue that it is in.
 * @param {Cards} all
 * @param {{ kind: string, reasons: string[] }} item
 * @returns {Card[]}
 */
export function cardsOf(all, item) {
  const found = all.queues.find(
    (queue) => (!queue.kind || queue.kind === item.kind) && (!queue.reason || item.reasons.includes(queue.reason)),
  );
  return (found?.cards ?? all.rest).filter(({ card }) => CARDS.includes(card));
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
