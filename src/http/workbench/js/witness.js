// This browser as a witness: it notes the log's key and state, and tells later whether the log only grew.
import { get, text } from './api.js';
import {
  checkpoint,
  continues,
  included,
  entryBytes,
  joined,
  logKey,
  sha256,
  signed,
  signedBy,
  unbase64,
} from './proof.js';

/** @typedef {{ key: string, keyAt: string, size: number, root: string, at: string }} Noted */
/** @typedef {{ key: string, size: number, origin: string, root: string, signature: boolean|null,
 *   known: 'first'|'same'|'rotated'|'other',
 *   keyAt: string, grew: 'first'|'same'|'grew'|'not', old: number, oldAt: string }} Seen */

const KEPT = 'claimlens.witness';

/** @returns {Noted|null} */
export function noted() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? 'null');
  } catch {
    return null;
  }
}

/** Whether each key signed the next, from the one noted to the one in force. @param {string} from @param {string} to */
async function led(from, to) {
  const history = await get('/v1/audit/keys');
  const state = checkpoint(history.checkpoint);
  if ((await signedBy(state, await logKey(to))) !== true) return false;
  let at = from;
  for (const entry of history.keys) {
    const change = JSON.parse(entry.payload);
    if (change.old !== at) continue;
    const statement = joined(`claimlens log key v1\n${change.old}\n${change.new}\n`);
    const inside = await included(
      entryBytes(entry, await sha256(entry.payload)),
      entry.seq - 1,
      state.size,
      entry.proof.map(unbase64),
      state.root,
    );
    if (!inside.ok || (await signed(await logKey(change.old), unbase64(change.signature), statement)) !== true)
      return false;
    at = change.new;
  }
  return at === to;
}

/** Looks at the log's state and notes it, if all holds. @returns {Promise<Seen>} */
export async function look() {
  const [keyText, note] = await Promise.all([text('/v1/audit/key'), text('/v1/audit/checkpoint')]);
  const key = await logKey(keyText);
  const state = checkpoint(note);
  const root = note.split('\n')[2] ?? '';
  const before = noted();
  const signature = await signedBy(state, key);
  /** @type {Seen} */
  const seen = {
    key: key.text,
    size: state.size,
    origin: state.origin,
    root,
    signature,
    known: 'first',
    keyAt: before?.keyAt ?? '',
    grew: 'first',
    old: before?.size ?? 0,
    oldAt: before?.at ?? '',
  };
  if (before) {
    seen.known = before.key === key.text ? 'same' : (await led(before.key, key.text)) ? 'rotated' : 'other';
    if (before.size === state.size) seen.grew = before.root === root ? 'same' : 'not';
    else if (before.size > state.size) seen.grew = 'not';
    else {
      const { hashes } = await get(`/v1/audit/consistency?old=${before.size}&new=${state.size}`);
      seen.grew = (await continues(before.size, unbase64(before.root), state.size, state.root, hashes.map(unbase64)))
        ? 'grew'
        : 'not';
    }
  }
  if (signature && seen.known !== 'other' && seen.grew !== 'not') {
    const at = new Date().toISOString();
    /** @type {Noted} */
    const next = {
      key: key.text,
      keyAt: before && seen.known === 'same' ? before.keyAt : at,
      size: state.size,
      root,
      at,
    };
    localStorage.setItem(KEPT, JSON.stringify(next));
  }
  return seen;
}
