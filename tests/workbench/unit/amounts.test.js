import assert from 'node:assert/strict';
import test from 'node:test';
import { page } from './page.js';

const { balance, capitals, plain } = await page('amounts.js');
const { fen, money } = await page('format.js');

/** A document with these values and findings. */
function doc(fields, findings = [], items = []) {
  const read = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      { value, text: value, confidence: 1, polygon: [], readers: {}, repairs: [] },
    ]),
  );
  return {
    fields: read,
    findings: findings.map(([check, outcome, detail]) => ({ check, outcome, detail, fields: [], regions: [] })),
    items: items.map((amount) => ({ name: 'row', amount, polygon: [] })),
  };
}

const ALTERED = doc(
  {
    total: '664.10',
    total_in_words: '陆佰肆拾肆元壹角整',
    fund_payment: '272.50',
    other_payment: '16.97',
    account_payment: '354.63',
    cash_payment: '0.00',
  },
  [
    ['total_in_words', 'fail', { words: '644.10', total: '664.10' }],
    ['qr_matches_print', 'fail', { qr_amount: '644.10' }],
    ['claim_amount', 'pass', { claimed: '644.10', documents: '664.10' }],
  ],
  ['23.46', '164.84', '218.31', '237.49'],
);

test('money is whole hundredths, whatever its size, and never a float', () => {
  assert.equal(fen('644.10'), 64410);
  assert.equal(fen('0.29') + fen('0.01'), fen('0.30'));
  assert.equal(fen('-12.5'), -1250);
  assert.equal(fen('12.345'), null);
  assert.equal(fen(null), null);
  assert.equal(money(1363605), '13,636.05');
  assert.equal(money(-5), '−0.05');
  assert.equal(plain(64410), '644.10');
});

test('amounts in Chinese capitals are read', () => {
  for (const [text, amount] of [
    ['陆佰肆拾肆元壹角整', 64410],
    ['壹万叁仟陆佰叁拾陆元零伍分', 1363605],
    ['壹拾圆整', 1000],
    ['拾贰元叁角肆分', 1234],
    ['贰亿零伍万元整', 20005000000],
    ['伍角', 50],
    ['人民币叁仟元正', 300000],
  ]) {
    assert.equal(capitals(text), amount, text);
  }
  for (const text of ['', '整', '陆佰x元', 'abc', null]) assert.equal(capitals(text), null, String(text));
});

test('a total that everything else contradicts is told, with what the others say', () => {
  const { lines, suggestion, total } = balance(ALTERED, '644.10', {});
  assert.equal(total, 66410);
  assert.deepEqual(
    lines.map((line) => [line.source, line.outcome]),
    [
      ['words', 'differs'],
      ['rows', 'differs'],
      ['payments', 'differs'],
      ['qr', 'differs'],
      ['claim', 'covered'],
    ],
  );
  assert.deepEqual([suggestion.text, suggestion.sources], ['644.10', ['words', 'rows', 'payments', 'qr']]);
});

test('with the total corrected everything holds and nothing is suggested', () => {
  const { lines, suggestion } = balance(ALTERED, '644.10', { total: '644.10' });
  assert.ok(
    lines.every((line) => line.outcome === 'holds'),
    JSON.stringify(lines),
  );
  assert.equal(suggestion, null);
});

test('one statement against the total suggests nothing, and neither does a tie', () => {
  const one = doc({ total: '10.00' }, [['qr_matches_print', 'fail', { qr_amount: '12.00' }]]);
  assert.equal(balance(one, undefined, {}).suggestion, null);
  const tie = doc(
    { total: '10.00', total_in_words: '拾元整', cash: '20.00', change: '10.00' },
    [['qr_matches_print', 'fail', { qr_amount: '12.00' }]],
    ['12.00'],
  );
  assert.equal(balance(tie, undefined, {}).suggestion, null);
});

test('rows of a receipt are held against the subtotal, and tax that the prices hold is not added again', () => {
  const receipt = doc(
    { total: '67.65', subtotal: '63.80', tax: '3.83', rounding: '0.02', cash: '100.00', change: '32.35' },
    [],
    ['23.70', '3.20', '36.90'],
  );
  assert.deepEqual(
    balance(receipt, undefined, {}).lines.map((line) => [line.source, line.target, line.outcome]),
    [
      ['rows', 'subtotal', 'holds'],
      ['subtotal', 'total', 'holds'],
      ['cash', 'total', 'holds'],
    ],
  );
  const included = doc({ total: '63.80', subtotal: '63.80', tax: '3.83' });
  assert.equal(balance(included, undefined, {}).lines[0].outcome, 'holds');
});

test('a part that was not understood leaves a sum open', () => {
  const { lines } = balance(doc({ total: '10.00', cash: null, change: '1.00' }), undefined, {});
  assert.deepEqual(
    lines.map((line) => line.outcome),
    ['open'],
  );
});

test('asking for more than the papers show differs', () => {
  const more = doc({ total: '10.00' }, [['claim_amount', 'fail', { claimed: '12.00', documents: '10.00' }]]);
  assert.equal(balance(more, '12.00', {}).lines.at(-1).outcome, 'differs');
});
