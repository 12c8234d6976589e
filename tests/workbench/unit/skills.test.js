import assert from 'node:assert/strict';
import test from 'node:test';
import { page } from './page.js';

const { LANGUAGES, refused, said, toggled } = await page('skills.js');
const { KINDS } = await page('layout.js');
const { setLanguage } = await page('i18n.js');

const listed = (...names) => names.map((name) => ({ name, kinds: [], languages: [] }));

test('a choice keeps the order in which all are offered, and goes when it is made again', () => {
  const two = toggled(toggled([], 'till_receipt', KINDS), 'vat_invoice', KINDS);
  assert.deepEqual(two, ['vat_invoice', 'till_receipt']);
  assert.deepEqual(toggled(two, 'vat_invoice', KINDS), ['till_receipt']);
  assert.deepEqual(toggled(['en'], 'zh', LANGUAGES), ['zh', 'en']);
});

test('what somebody works on is said in words, and none named means all', () => {
  setLanguage('en');
  assert.equal(said({ kinds: ['vat_invoice', 'till_receipt'], languages: ['zh'] }), 'VAT invoice, till receipt · Chinese');
  assert.equal(said({ kinds: [], languages: ['zh', 'en'] }), 'Chinese, English');
  assert.equal(said({ kinds: [], languages: [] }), 'Every kind');
  setLanguage('zh');
  assert.equal(said({ kinds: ['vat_invoice'], languages: [] }), '增值税发票');
});

test('nobody is listed twice, under a name that no name can be, or beyond the most', () => {
  setLanguage('en');
  assert.equal(refused('rv-018', listed('rv-017')), null);
  assert.equal(refused('RV-017', listed('rv-017')), 'rv-017 is listed already.');
  for (const wrong of ['', 'rv 017', 'rv/017', '审核', 'x'.repeat(65)]) assert.match(refused(wrong, []), /^1 to 64 of/);
  assert.equal(refused('x'.repeat(64), []), null);
  const most = listed(...Array.from({ length: 500 }, (_, n) => `rv-${n}`));
  assert.equal(refused('rv-500', most), 'At most 500 reviewers can be listed.');
  assert.equal(refused('rv-500', most.slice(1)), null);
});
