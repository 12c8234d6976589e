import assert from 'node:assert/strict';
import test from 'node:test';
import { page } from './page.js';

const { en } = await page('words.en.js');
const { zh } = await page('words.zh.js');
const { gather, troubled } = await page('problems.js');
const { normal, typeOf } = await page('draft.js');
const { buckets, named, parse, quantile } = await page('metrics.js');

const places = (text) =>
  [...text.matchAll(/\{(\w+)\}/g)]
    .map((found) => found[1])
    .filter((one, at, all) => all.indexOf(one) === at)
    .sort();

test('both languages have the same words with the same figures in them', () => {
  assert.deepEqual(Object.keys(en).sort(), Object.keys(zh).sort());
  for (const [word, text] of Object.entries(en)) {
    assert.ok(text && zh[word], word);
    assert.deepEqual(places(text), places(zh[word]), word);
  }
});

test('problems are gathered by field, the total first, and a repeat is about the whole paper', () => {
  const reason = (code, fields, document = 0, severity = 'blocking') => ({
    code,
    fields,
    document,
    severity,
    regions: [],
    message: { en: code, zh: code },
  });
  const found = gather([
    reason('low_confidence', ['payer_name']),
    reason('seen_before_same_number', ['bill_code', 'bill_number']),
    reason('items_do_not_add_up', ['total']),
    reason('total_in_words_differs', ['total', 'total_in_words']),
    reason('within_amount_limit', ['total'], 0, 'info'),
  ]);
  assert.deepEqual(
    found.map((one) => [one.field, one.reasons.length]),
    [
      ['total', 2],
      ['payer_name', 1],
      [null, 1],
    ],
  );
  assert.deepEqual(
    [
      ...troubled(
        found.flatMap((one) => one.reasons),
        0,
      ),
    ],
    ['total', 'payer_name'],
  );
});

test('a correction must be of its field’s type and is kept in its normal form', () => {
  assert.equal(typeOf('total'), 'money');
  assert.equal(normal('total', ' ￥1,644.1 '), '1644.10');
  assert.equal(normal('total', '12.345'), null);
  assert.equal(normal('issue_date', '2026年6月3日'), '2026-06-03');
  assert.equal(normal('issue_date', '2026-02-30'), null);
  assert.equal(normal('bill_number', '００９４'), '0094');
  assert.equal(normal('payer_name', '  '), null);
});

test('the process’s counts are read, and a quantile lies within its bucket', () => {
  const samples = parse(
    '# TYPE x counter\nclaimlens_reasons_total{code="a\\"b"} 3\n' +
      'claimlens_stage_duration_seconds_bucket{le="1.0",stage="total"} 10\n' +
      'claimlens_stage_duration_seconds_bucket{le="2.0",stage="total"} 20\n' +
      'claimlens_stage_duration_seconds_bucket{le="+Inf",stage="total"} 20\n',
  );
  assert.equal(named(samples, 'claimlens_reasons_total')[0].value, 3);
  assert.equal(quantile(buckets(samples, 'total'), 0.5), 1);
  assert.equal(quantile(buckets(samples, 'total'), 0.75), 1.5);
  assert.equal(quantile([], 0.5), null);
});
