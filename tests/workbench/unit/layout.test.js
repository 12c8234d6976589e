import assert from 'node:assert/strict';
import test from 'node:test';
import { page } from './page.js';

const { CARDS, cardsOf } = await page('layout.js');

const cards = (...names) => names.map((card) => ({ card }));
const names = (all, kind, reasons) => cardsOf(all, { kind, reasons }).map((one) => one.card);

test('a case shows the cards of the first queue that it is in, and else the rest', () => {
  const name = { en: 'x', zh: '某' };
  const all = {
    queues: [
      { name, kind: 'vat_invoice', reason: 'low_confidence', cards: cards('problems', 'fields') },
      { name, kind: 'vat_invoice', cards: cards('amounts', 'problems') },
      { name, reason: 'low_confidence', cards: cards('problems') },
    ],
    rest: cards('problems', 'history'),
  };
  assert.deepEqual(names(all, 'vat_invoice', ['low_confidence']), ['problems', 'fields']);
  assert.deepEqual(names(all, 'vat_invoice', ['name_differs']), ['amounts', 'problems']);
  assert.deepEqual(names(all, 'till_receipt', ['name_differs', 'low_confidence']), ['problems']);
  assert.deepEqual(names(all, 'till_receipt', []), ['problems', 'history']);
});

test('a card that this page does not know is passed over', () => {
  const all = { queues: [], rest: cards('weather', ...CARDS) };
  assert.deepEqual(names(all, 'unknown', []), [...CARDS]);
});
