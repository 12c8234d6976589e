// Which kinds of papers and which cards there are, and which of the cards a case shows.

/** @typedef {'brief'|'problems'|'amounts'|'fields'|'pixels'|'related'|'history'} CardKind */
/** @typedef {{ card: CardKind, label?: import('./types.js').Message|null }} Card */
/** @typedef {{ name: import('./types.js').Message, kind?: string|null, reason?: string|null, cards: Card[] }} Queue */
/** @typedef {{ queues: Queue[], rest: Card[] }} Cards */
/** @typedef {{ cards: Cards, entry: number, at: string|null, by: string|null }} CardsView */

/** @type {readonly CardKind[]} */
export const CARDS = ['brief', 'problems', 'amounts', 'fields', 'pixels', 'related', 'history'];

export const KINDS = [
  'medical_outpatient_bill',
  'medical_inpatient_bill',
  'vat_invoice',
  'till_receipt',
  'expense_list',
  'discharge_record',
  'unknown',
];

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
