import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import test from 'node:test';
import { page } from './page.js';

const {
  Malformed,
  checkpoint,
  continues,
  entryBytes,
  hex,
  included,
  joined,
  leafOf,
  logKey,
  proof,
  signedBy,
  unbase64,
  unhex,
} = await page('proof.js');

// A tree as RFC 9162 defines it, written apart from the one in the pages.
const sha = (...parts) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest();
const split = (n) => 2 ** Math.floor(Math.log2(n - 1));
const root = (leaves) =>
  leaves.length === 1
    ? sha([0], leaves[0])
    : sha([1], root(leaves.slice(0, split(leaves.length))), root(leaves.slice(split(leaves.length))));
const path = (m, leaves) => {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...path(m, leaves.slice(0, k)), root(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), root(leaves.slice(0, k))];
};
const grown = (m, leaves, whole = true) => {
  if (m === leaves.length) return whole ? [] : [root(leaves)];
  const k = split(leaves.length);
  return m <= k
    ? [...grown(m, leaves.slice(0, k), whole), root(leaves.slice(k))]
    : [...grown(m - k, leaves.slice(k), false), root(leaves.slice(0, k))];
};
const leaves = (n) => Array.from({ length: n }, (_, index) => Buffer.from(`leaf ${index}`));
const bytes = (buffer) => new Uint8Array(buffer);

test('every entry of every tree up to 40 is proved, and no other root, place or entry is', async () => {
  for (let n = 1; n <= 40; n += 1) {
    const all = leaves(n);
    const top = bytes(root(all));
    for (let m = 0; m < n; m += 1) {
      const way = path(m, all).map(bytes);
      assert.ok((await included(bytes(all[m]), m, n, way, top)).ok, `${m} of ${n}`);
      assert.ok(!(await included(bytes(Buffer.from('another')), m, n, way, top)).ok);
      assert.ok(!(await included(bytes(all[m]), m, n, way, bytes(sha('x')))).ok);
      assert.ok(!(await included(bytes(all[m]), m, n, [...way, top], top)).ok);
      if (n > 1) assert.ok(!(await included(bytes(all[m]), (m + 1) % n, n, way, top)).ok);
      if (way.length) assert.ok(!(await included(bytes(all[m]), m, n, way.slice(1), top)).ok);
    }
  }
});

test('a log that grew is told from one that was rewritten', async () => {
  for (let n = 1; n <= 24; n += 1) {
    const all = leaves(n);
    for (let m = 1; m <= n; m += 1) {
      const way = grown(m, all).map(bytes);
      const [old, now] = [bytes(root(all.slice(0, m))), bytes(root(all))];
      assert.ok(await continues(m, old, n, now, way), `${m} to ${n}`);
      const other = bytes(root([Buffer.from('changed'), ...all.slice(1, m)]));
      assert.ok(!(await continues(m, other, n, now, way)), `${m} to ${n}, changed`);
      if (m < n) assert.ok(!(await continues(n, now, m, old, way)), 'shorter than before');
    }
  }
});

test('an entry’s bytes are read as they are written, and nothing else is', async () => {
  const entry = { seq: 7, at: '2026-01-02T03:04:05Z', kind: 'decision', subject: 'clm_x', prev_hash: '11'.repeat(32) };
  const whole = entryBytes(entry, unhex('22'.repeat(32)));
  const leaf = leafOf(whole);
  assert.deepEqual(
    [leaf.seq, leaf.at, leaf.kind, leaf.subject, leaf.payload, leaf.prev],
    [7, entry.at, 'decision', 'clm_x', '22'.repeat(32), entry.prev_hash],
  );
  assert.throws(() => leafOf(whole.slice(0, -1)), Malformed);
  assert.throws(() => leafOf(joined(whole, [0])), Malformed);
  assert.throws(() => leafOf(joined('other domain, other log', whole)), Malformed);
});

test('a signed checkpoint is held against the key, and a changed one does not hold', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const coded = Buffer.concat([Buffer.from([1]), raw]);
  const id = sha('log/1\n', coded).subarray(0, 4);
  const text = `log/1\n5\n${sha('root').toString('base64')}\n`;
  const signature = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString('base64');
  const note = `${text}\n— log/1 ${signature}\n`;
  const key = await logKey(`log/1+${id.toString('hex')}+${coded.toString('base64')}\n`);
  assert.equal(await signedBy(checkpoint(note), key), true);
  assert.equal(await signedBy(checkpoint(note.replace('\n5\n', '\n6\n')), key), false);
  assert.equal(await signedBy({ ...checkpoint(note), origin: 'log/2' }, key), false);
  await assert.rejects(logKey(`log/2+${id.toString('hex')}+${coded.toString('base64')}`), Malformed);
  for (const bad of ['', text, note.replace('\n\n', '\n'), note.replace('5', '05'), `${note}x`])
    assert.throws(() => checkpoint(bad), Malformed, bad);
});

test('base64 and hex are written in one way only', () => {
  assert.equal(hex(unbase64('AQI=')), '0102');
  for (const bad of ['AQI', 'AQJ=', 'AQ I=', '!!!!']) assert.throws(() => unbase64(bad), Malformed, bad);
  assert.throws(() => unhex('0G'), Malformed);
  assert.throws(() => proof('c2sp.org/tlog-proof@v1\nindex 0\n\n'), Malformed);
});
