// The audit log's promises, checked here and now with the browser's own cryptography: C2SP signed notes and
// `tlog-proof`, RFC 9162 Merkle trees over SHA-256, Ed25519 signatures. Nothing of it trusts the service's word.

/**
 * @typedef {{ origin: string, size: number, root: Uint8Array, text: string, signatures: { name: string, id: string,
 *   bytes: Uint8Array }[] }} Checkpoint
 */
/** @typedef {{ name: string, id: string, bytes: Uint8Array, text: string }} LogKey */
/**
 * @typedef {{ seq: number, at: string, kind: string, subject: string, payload: string, prev: string, bytes: Uint8Array
 *   }} Leaf
 */
/** @typedef {{ leaf: Leaf, index: number, hashes: Uint8Array[], checkpoint: Checkpoint }} Proof */

const DOMAIN = 'claimlens log entry v1\0';
const encoder = new TextEncoder();

/** What does not have the form it must have. */
export class Malformed extends Error {}

/** @param {...(Uint8Array|number[]|string)} parts */
export function joined(...parts) {
  const all = parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : Uint8Array.from(part)));
  const out = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** @param {...(Uint8Array|number[]|string)} parts @returns {Promise<Uint8Array>} */
export const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', joined(...parts)));

/** @param {Uint8Array} bytes */
export const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** @param {string} text */
export function unhex(text) {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Malformed('not lower-case hex digits');
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Bytes of base64, which may be written in one way only. @param {string} text */
export function unbase64(text) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw new Malformed('not base64');
  }
  if (btoa(binary) !== text) throw new Malformed('not canonical base64');
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export const same = (a, b) => a.length === b.length && a.every((byte, index) => byte === b[index]);

/** Reads `NAME+ID+BASE64`. @param {string} text @returns {Promise<LogKey>} */
export async function logKey(text) {
  const found = /^(\S+?)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
  if (!found) throw new Malformed('not a public key of a log');
  const [, name = '', id = '', base64 = ''] = found;
  const bytes = unbase64(base64);
  const named = hex((await sha256(`${name}\n`, bytes)).slice(0, 4));
  if (bytes.length !== 33 || bytes[0] !== 1 || named !== id) throw new Malformed('the public key is malformed');
  return { name, id, bytes: bytes.slice(1), text: text.trim() };
}

/** @param {string} note @returns {Checkpoint} */
export function checkpoint(note) {
  const found = /^((\S+)\n(0|[1-9]\d{0,15})\n(\S+)\n)\n((?:— \S+ \S+\n)+)$/.exec(note);
  if (!found) throw new Malformed('not a signed checkpoint');
  const [, text = '', origin = '', size = '', root = '', lines = ''] = found;
  const signatures = lines
    .trim()
    .split('\n')
    .map((line) => {
      const [, name = '', base64 = ''] = line.split(' ');
      const bytes = unbase64(base64);
      return { name, id: hex(bytes.slice(0, 4)), bytes: bytes.slice(4) };
    });
  return { origin, size: Number(size), root: unbase64(root), text, signatures };
}

/**
 * Whether the key signed these bytes; null where this browser cannot tell.
 * @param {LogKey} key @param {Uint8Array} signature @param {Uint8Array} message
 * @returns {Promise<boolean|null>}
 */
export async function signed(key, signature, message) {
  let imported;
  try {
    imported = await crypto.subtle.importKey('raw', Uint8Array.from(key.bytes), { name: 'Ed25519' }, false, ['verify']);
  } catch {
    return null;
  }
  return crypto.subtle.verify({ name: 'Ed25519' }, imported, Uint8Array.from(signature), Uint8Array.from(message));
}

/** @param {Checkpoint} state @param {LogKey} key */
export async function signedBy(state, key) {
  const signature = state.signatures.find((one) => one.name === key.name && one.id === key.id);
  if (!signature || state.origin !== key.name) return false;
  return signed(key, signature.bytes, joined(state.text));
}

/** The fields of an entry's bytes. @param {Uint8Array} bytes @returns {Leaf} */
export function leafOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const domain = encoder.encode(DOMAIN);
  if (bytes.length < domain.length + 8 || !same(bytes.slice(0, domain.length), domain))
    throw new Malformed('not an entry of this log');
  let at = domain.length;
  const seq = Number(view.getBigUint64(at));
  at += 8;
  const text = () => {
    if (at + 4 > bytes.length) throw new Malformed('an entry cut short');
    const length = view.getUint32(at);
    if (at + 4 + length > bytes.length) throw new Malformed('an entry cut short');
    const part = new TextDecoder('utf-8', { fatal: true }).decode(bytes.slice(at + 4, at + 4 + length));
    at += 4 + length;
    return part;
  };
  const [when, kind, subject] = [text(), text(), text()];
  if (bytes.length !== at + 64) throw new Malformed('an entry of another length');
  return {
    seq,
    at: when,
    kind,
    subject,
    payload: hex(bytes.slice(at, at + 32)),
    prev: hex(bytes.slice(at + 32)),
    bytes,
  };
}

/**
 * The bytes of an entry, from its fields.
 * @param {{ seq: number, at: string, kind: string, subject: string, prev_hash: string }} entry
 * @param {Uint8Array} payloadHash
 */
export function entryBytes(entry, payloadHash) {
  const seq = new Uint8Array(8);
  new DataView(seq.buffer).setBigUint64(0, BigInt(entry.seq));
  const texts = [entry.at, entry.kind, entry.subject].flatMap((text) => {
    const bytes = encoder.encode(text);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    return [length, bytes];
  });
  return joined(DOMAIN, seq, ...texts, payloadHash, unhex(entry.prev_hash));
}

/** Reads a C2SP `tlog-proof`. @param {string} text @returns {Proof} */
export function proof(text) {
  const found = /^c2sp\.org\/tlog-proof@v1\nextra (\S+)\nindex (0|[1-9]\d{0,15})\n((?:\S+\n)*)\n([\s\S]+)$/.exec(text);
  if (!found) throw new Malformed('not a proof');
  const [, extra = '', index = '', hashes = '', note = ''] = found;
  return {
    leaf: leafOf(unbase64(extra)),
    index: Number(index),
    hashes: hashes.split('\n').filter(Boolean).map(unbase64),
    checkpoint: checkpoint(note),
  };
}

/**
 * The way from a leaf to the root (RFC 9162, 2.1.3.2), each step with its result; `ok` if it ends at the root.
 * @param {Uint8Array} leaf
 * @param {number} index
 * @param {number} size
 * @param {Uint8Array[]} hashes
 * @param {Uint8Array} root
 */
export async function included(leaf, index, size, hashes, root) {
  let result = await sha256([0], leaf);
  /** @type {{ side: 'leaf'|'left'|'right', with?: string, result: string }[]} */
  const steps = [{ side: 'leaf', result: hex(result) }];
  if (index >= size || hashes.some((one) => one.length !== 32)) return { ok: false, steps };
  let [fn, sn] = [BigInt(index), BigInt(size - 1)];
  for (const other of hashes) {
    if (sn === 0n) return { ok: false, steps };
    const left = fn % 2n === 1n || fn === sn;
    result = left ? await sha256([1], other, result) : await sha256([1], result, other);
    steps.push({ side: left ? 'left' : 'right', with: hex(other), result: hex(result) });
    if (left)
      while (fn % 2n === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    fn >>= 1n;
    sn >>= 1n;
  }
  return { ok: sn === 0n && same(result, root), steps };
}

/**
 * Whether a log of `size2` entries continues one of `size1` (RFC 9162, 2.1.4.2).
 * @param {number} size1 @param {Uint8Array} root1 @param {number} size2 @param {Uint8Array} root2 @param
 *   {Uint8Array[]} hashes
 */
export async function continues(size1, root1, size2, root2, hashes) {
  if (size1 === size2) return hashes.length === 0 && same(root1, root2);
  if (size1 > size2) return false;
  if (size1 === 0) return hashes.length === 0;
  const path = [...hashes];
  let [fn, sn] = [BigInt(size1 - 1), BigInt(size2 - 1)];
  if ((BigInt(size1) & BigInt(size1 - 1)) === 0n) path.unshift(root1);
  while (fn % 2n === 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  const first = path.shift();
  if (!first) return false;
  let [fr, sr] = [first, first];
  for (const other of path) {
    if (sn === 0n) return false;
    if (fn % 2n === 1n || fn === sn) {
      fr = await sha256([1], other, fr);
      sr = await sha256([1], other, sr);
      while (fn % 2n === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      sr = await sha256([1], sr, other);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && same(fr, root1) && same(sr, root2);
}

/**
 * SHA-256 over salt and text, as the log hashes what could be guessed.
 * @param {string} salt hex
 * @param {string} text
 */
export async function salted(salt, text) {
  const bytes = unhex(salt);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return hex(await sha256(length, bytes, text));
}
