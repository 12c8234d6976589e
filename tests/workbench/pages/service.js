// The real service on a free port with records of its own, and the samples sent to it as claims.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HOME = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);
const PROGRAM = process.env.CLAIMLENS_PROGRAM ?? join(HOME, 'target/release/claimlens');

/** Waits until something is there; says what it waited for if it never is. */
export async function until(what, found, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await found();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Gives somebody a key to records that nobody serves yet. */
async function key(data, role, name) {
  const { stdout } = await run(PROGRAM, ['keys', 'add', name, '--role', role, '--data', data], { cwd: HOME });
  const found = /\bclk_\S+/.exec(stdout);
  if (!found) throw new Error(`no key in: ${stdout}`);
  return found[0];
}

/**
 * @param {{ role: string, name: string }[]} holders who is given a key before it starts; without any it runs open
 * @param {{ port?: number, options?: string[] }} [more] the port it listens on, and further options
 */
export async function start(holders = [], { port: wanted = 0, options = [] } = {}) {
  const data = await mkdtemp(join(tmpdir(), 'claimlens-workbench-'));
  const keys = {};
  for (const { role, name } of holders) keys[name] = await key(data, role, name);
  const given = ['--listen', `127.0.0.1:${wanted}`, '--data', data, '--blind-pairs', '0', ...options];
  const child = spawn(PROGRAM, ['serve', ...given], {
    cwd: HOME,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (part) => {
    told += part;
  });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  ended.catch(() => {});
  const port = await until(`the service's port; it said: ${told}`, () => {
    if (child.exitCode !== null) throw new Error(`the service ended: ${told}`);
    return /listening\D*port=(?:\x1b\[[0-9;]*m)*(\d+)/.exec(told.replace(/\x1b\[[0-9;]*m/g, ''))?.[1];
  });
  const url = `http://127.0.0.1:${port}`;
  await until('the service to be ready', () =>
    fetch(`${url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    ),
  );
  return {
    url,
    keys,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      // The demo keeps its records beside those of the folder.
      for (const folder of [data, `${data}-demo`]) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What came of the claims of `serve --demo`, by the sender's names; nothing is read, so that it is there at once. */
export async function decided(url) {
  const { claims } = await until('the decisions of the demo', async () => {
    const list = await (await fetch(`${url}/v1/claims?limit=50`)).json();
    return list.claims.length === 13 && list.claims.every((claim) => claim.status !== 'processing') && list;
  });
  return Object.fromEntries(claims.map((claim) => [claim.claim.id, claim]));
}

/** A photo among the samples, as a part of a form. */
async function part(path) {
  return [new Blob([await readFile(join(HOME, 'samples', path))], { type: 'image/jpeg' }), path.split('/').pop()];
}

/** Sends a claim with these photos and gives what was decided. */
export async function submit(url, id, kind, photos, change = {}) {
  const claim = { ...JSON.parse(await readFile(join(HOME, 'samples', kind, 'claim.json'), 'utf8')), id, ...change };
  const form = new FormData();
  form.set('claim', new Blob([JSON.stringify(claim)], { type: 'application/json' }), 'claim.json');
  for (const photo of photos) form.append('photo', ...(await part(photo)));
  const answer = await fetch(`${url}/v1/claims`, { method: 'POST', body: form, headers: { Prefer: 'wait=60' } });
  if (answer.status !== 200 && answer.status !== 202) throw new Error(`${id}: ${answer.status} ${await answer.text()}`);
  const { id: name } = await answer.json();
  const decided = async () => {
    const claim = await (await fetch(`${url}/v1/claims/${name}`)).json();
    return claim.status === 'processing' ? null : claim;
  };
  return until(`a decision on ${id}`, decided, 300_000);
}

/** Adds photos to a claim that waits for them. */
export async function add(url, claim, photos, replaces) {
  const form = new FormData();
  if (replaces !== undefined) form.set('replaces', String(replaces));
  for (const photo of photos) form.append('photo', ...(await part(photo)));
  return fetch(`${url}/v1/claims/${claim}/photos`, { method: 'POST', body: form });
}

/**
 * Claims with something of everything: one approved by itself, a bill altered in its total, one above every limit, a
 * receipt that does not add up, and a photo of the first bill again.
 */
export async function fill(url) {
  const claims = {};
  for (const [name, kind, photos] of [
    ['genuine', 'outpatient_bill', ['outpatient_bill/photo.jpg']],
    ['altered', 'outpatient_bill', ['outpatient_bill/altered.jpg']],
    ['large', 'inpatient_bill', ['inpatient_bill/altered.jpg']],
    ['receipt', 'till_receipt', ['till_receipt/altered.jpg']],
    ['several', 'inpatient_bill', ['inpatient_bill/flat.jpg', 'outpatient_bill/flat.jpg']],
  ])
    claims[name] = await submit(url, `T-${name}`, kind, photos);
  return claims;
}
