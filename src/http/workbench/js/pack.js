// An evidence pack held against the log: what `tests/verify_pack.py` checks of a claim, its record and its policy.
import { checkpoint, entryBytes, hex, included, joined, logKey, salted, sha256, signedBy, unbase64 } from './proof.js';

/**
 * @typedef {{ seq: number, at: string, kind: string, subject: string, payload: string, prev_hash: string, proof:
 *   string[] }} PackEntry
 */
/** @typedef {{ what: 'entries'|'claim'|'record'|'policy'|'steps', n: number, ok: boolean }} Check */

/**
 * @param {any} pack
 * @param {string} keyText the log's key, as this browser knows it
 * @returns {Promise<{ checks: Check[], signature: boolean|null }>}
 */
export async function held(pack, keyText) {
  const key = await logKey(keyText);
  const state = checkpoint(pack.checkpoint);
  const signature = await signedBy(state, key);
  /** @type {PackEntry[]} */
  const entries = pack.entries;
  const inside = await Promise.all(
    entries.map(
      async (entry) =>
        entry.subject === pack.claim.id &&
        (
          await included(
            entryBytes(entry, await sha256(entry.payload)),
            entry.seq - 1,
            state.size,
            entry.proof.map(unbase64),
            state.root,
          )
        ).ok,
    ),
  );
  /** @type {Check[]} */
  const checks = [{ what: 'entries', n: entries.length, ok: inside.every(Boolean) }];
  if (pack.erased) return { checks, signature };
  const salt = pack.claim.salt;
  const payloads = (/** @type {string} */ kind) =>
    entries.filter((one) => one.kind === kind).map((one) => JSON.parse(one.payload));
  const accepted = payloads('claim_accepted')[0] ?? {};
  const claim =
    pack.claim.claim_json === null
      ? accepted.claim === null
      : accepted.claim === (await salted(salt, pack.claim.claim_json));
  checks.push({ what: 'claim', n: 0, ok: claim && accepted.created_at === pack.claim.created_at });
  // One entry holds the decisions of its moment, as one object or a list.
  const decided = payloads('decision').flat();
  for (const [n, decision] of pack.decisions.entries()) {
    const plain = hex(await sha256(decision.record));
    const sealed = await salted(salt, decision.record);
    checks.push({ what: 'record', n: n + 1, ok: decided[n]?.record === (decision.sealed === null ? plain : sealed) });
    const policy = JSON.parse(decision.record).versions.policy;
    checks.push({ what: 'policy', n: n + 1, ok: hex(await sha256(joined(pack.policies[policy] ?? ''))) === policy });
  }
  if (pack.steps) checks.push({ what: 'steps', n: pack.steps.length, ok: await stepsHold(pack.steps, entries, salt) });
  return { checks, signature };
}

/** What people do with a claim, each step an entry of its own. */
const STEPS = new Set([
  'claim_appealed',
  'claim_withdrawn',
  'claim_nudged',
  'claim_known',
  'photos_asked',
  'photos_added',
]);

/**
 * Whether people's steps are those that were logged.
 * @param {any[]} steps
 * @param {PackEntry[]} entries
 * @param {string} salt of the claim
 */
async function stepsHold(steps, entries, salt) {
  const logged = entries.filter((one) => one.kind.startsWith('review_') || STEPS.has(one.kind));
  if (logged.length !== steps.length) return false;
  const all = await Promise.all(
    steps.map(async (step, n) => {
      const entry = /** @type {PackEntry} */ (logged[n]);
      const payload = JSON.parse(entry.payload);
      const content = step.content === null ? null : await salted(salt, step.content);
      return (
        entry.kind === step.kind &&
        payload.by === (await salted(step.salt, step.by ?? '')) &&
        payload.content === content &&
        ['reason', 'sealed', 'second', 'verdict'].every((member) => payload[member] === step[member])
      );
    }),
  );
  return all.every(Boolean);
}
