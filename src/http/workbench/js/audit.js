// For auditors: the log, what an entry commits to, and proofs that this browser checks by itself.
import { Problem, get, post, request, text } from './api.js';
import { h, icon, put } from './dom.js';
import { count, moment, short } from './format.js';
import { name, say, t } from './i18n.js';
import { bind } from './keys.js';
import { held } from './pack.js';
import { included, logKey, proof, signedBy } from './proof.js';
import { button, failure, kbd, toast } from './ui.js';
import { look } from './witness.js';

/** @typedef {{ position: number, at: string, kind: string, subject: string, hash?: string, payload?: any, reader?: string|null }} Entry */

const AT_ONCE = 50;
const MARKS = /** @type {Record<string, Parameters<typeof icon>[0]>} */ ({ claim_accepted: 'down', decision: 'check', claim_failed: 'cross', claim_read: 'blink',
  claim_erased: 'cross', policy_adopted: 'flag', policy_backtested: 'turn', outcome: 'check', key_rotated: 'shield', gate_closed: 'warn', gate_reopened: 'check' });

/** What the list shows stays while entries are opened. */
const kept = { only: /** @type {'all'|'acts'|'looks'} */ ('acts'), entries: /** @type {Entry[]} */ ([]), next: /** @type {number|null} */ (null) };

/** @param {HTMLElement} root @param {string[]} parts */
export function auditScreen(root, parts) {
  let gone = false;
  const list = h('div', { class: 'log-list', role: 'list', 'aria-label': t('audit.log') });
  const detail = h('div', { class: 'audit-detail' });
  const only = h('div', { class: 'segments', role: 'group', 'aria-label': t('audit.kind') });
  const find = h('input', { class: 'input', type: 'search', placeholder: t('audit.find'), 'aria-label': t('audit.find') });
  find.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') find.blur();
    if (event.key !== 'Enter') return;
    const sought = find.value.trim();
    find.blur();
    if (/^\d+$/.test(sought)) location.hash = `#/audit/entry/${sought}`;
    else if (sought) location.hash = `#/audit/claim/${encodeURIComponent(sought)}`;
  });
  const side = h('div', { class: 'audit-side' }, h('div', { class: 'audit-find' }, find, only), list);
  put(root, h('div', { class: 'audit' }, side, detail));

  const here = parts[0] === 'entry' ? Number(parts[1]) : null;

  async function load(older = false) {
    try {
      const from = older && kept.next ? `&from=${kept.next}` : '';
      const reads = kept.only === 'all' ? '' : `&reads=${kept.only === 'looks'}`;
      const body = await get(`/v1/audit/entries?limit=${AT_ONCE}${from}${reads}`);
      if (gone) return;
      kept.entries = older ? [...kept.entries, ...body.entries] : body.entries;
      kept.next = body.next ?? null;
      draw();
    } catch (error) {
      if (!gone) put(list, failure(error, () => void load(older)));
    }
  }

  /** @param {Entry} entry */
  function row(entry) {
    return h('a', { class: `log-row ${entry.kind}`, role: 'listitem', href: `#/audit/entry/${entry.position}`, 'aria-current': entry.position === here ? 'true' : null },
      h('span', { class: 'num quiet mono' }, entry.position), icon(MARKS[entry.kind] ?? 'dash'),
      h('span', { class: 'cut' }, name('entry', entry.kind), entry.reader ? h('span', { class: 'quiet' }, ` · ${entry.reader}`) : null),
      h('span', { class: 'mono quiet cut' }, entry.subject.startsWith('clm_') ? `…${entry.subject.slice(-8)}` : entry.subject),
      h('time', { class: 'small quiet num', datetime: entry.at }, moment(entry.at)));
  }

  function draw() {
    put(only, /** @type {const} */ (['acts', 'looks', 'all']).map((one) => h('button', {
      type: 'button', 'aria-pressed': String(one === kept.only), on: { click: () => { kept.only = one; kept.entries = []; void load(); } },
    }, t(`audit.${one}`))));
    put(list, kept.entries.map(row), kept.next ? button(t('audit.older'), () => void load(true), { class: 'plain older' }) : null);
    list.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {number} by */
  function move(by) {
    const at = kept.entries.findIndex((one) => one.position === here);
    const next = kept.entries[Math.max(0, at + by)];
    if (next) location.hash = `#/audit/entry/${next.position}`;
    else if (kept.next) void load(true);
  }

  if (kept.entries.length) draw();
  if (!here || !kept.entries.some((one) => one.position === here)) void load();
  const alive = () => !gone;
  if (parts[0] === 'entry') void entryView(detail, Number(parts[1]), alive);
  else if (parts[0] === 'claim') void claimView(detail, parts[1] ?? '', alive);
  else void stateView(detail, alive);
  const unbind = bind({ title: 'nav.audit', bindings: [
    { keys: ['j', 'ArrowDown'], what: 'key.down', act: () => move(1) },
    { keys: ['k', 'ArrowUp'], what: 'key.up', act: () => move(-1) },
    { keys: ['/'], what: 'audit.find', act: () => find.focus() },
    { keys: ['v'], what: 'audit.replay_go', act: () => { /** @type {HTMLButtonElement|null} */ (detail.querySelector('.replay-go'))?.click(); } },
    { keys: ['c'], what: 'audit.pack_go', act: () => { /** @type {HTMLButtonElement|null} */ (detail.querySelector('.pack-go'))?.click(); } },
    { keys: ['Enter'], what: 'audit.open_claim', act: () => { /** @type {HTMLAnchorElement|null} */ (detail.querySelector('.open-claim'))?.click(); } },
    { keys: ['Escape'], what: 'audit.title', act: () => { location.hash = '#/audit'; } },
  ] });
  return () => { gone = true; unbind(); };
}

/** @param {boolean|null} ok @param {string} yes @param {string} no */
const verdict = (ok, yes, no) => h('p', { class: `notice ${ok ? 'good' : ok === null ? 'warn' : 'bad'}` }, icon(ok ? 'check' : 'warn'), h('span', { class: 'wrap' }, ok ? yes : ok === null ? t('audit.no_ed25519') : no));

/** @param {[string, import('./dom.js').Child][]} rows */
const facts = (rows) => h('dl', { class: 'facts' }, rows.map(([term, value]) => [h('dt', {}, term), h('dd', { class: 'wrap' }, value)]));

/** @param {HTMLElement} place @param {() => boolean} alive */
async function stateView(place, alive) {
  put(place, h('h1', {}, t('audit.title')), h('p', { class: 'quiet lead' }, t('audit.why')), h('div', { class: 'skeleton line' }));
  try {
    const seen = await look();
    if (!alive()) return;
    const known = seen.known === 'first' ? 'audit.key_first' : /** @type {const} */ (`audit.key_${seen.known}`);
    put(place, h('h1', {}, t('audit.title')), h('p', { class: 'quiet lead' }, t('audit.why')),
      h('section', { class: 'panel' }, h('header', {}, h('h2', { class: 'grow' }, t('audit.checkpoint')), h('span', { class: 'chip' }, t('audit.entries', { n: count(seen.size) }))),
        h('div', { class: 'body checks' },
          verdict(seen.signature, t('audit.signature_ok'), t('audit.signature_bad')),
          h('p', { class: `notice ${seen.known === 'other' ? 'bad' : seen.known === 'first' ? 'warn' : 'good'}` }, icon(seen.known === 'other' || seen.known === 'first' ? 'warn' : 'check'),
            h('span', {}, t('audit.key'), ': ', t(known, { at: moment(seen.keyAt) }))),
          seen.grew !== 'first' && verdict(seen.grew !== 'not', seen.grew === 'same' ? t('audit.grew_same', { now: count(seen.size) })
            : t('audit.grew', { old: count(seen.old), now: count(seen.size) }), t('audit.grew_not', { at: moment(seen.oldAt) })),
          facts([['', h('span', { class: 'mono' }, seen.origin)], [t('audit.proof_step_root'), h('span', { class: 'mono' }, seen.root)], [t('audit.key'), h('span', { class: 'mono' }, seen.key)]]))));
  } catch (error) {
    if (alive()) put(place, h('h1', {}, t('audit.title')), failure(error, () => void stateView(place, alive)));
  }
}

/** @param {HTMLElement} place @param {number} position @param {() => boolean} alive */
async function entryView(place, position, alive) {
  put(place, h('h1', {}, t('audit.entry', { n: position })), h('div', { class: 'skeleton line' }));
  try {
    const [body, keyText, listed] = await Promise.all([text(`/v1/audit/entries/${position}/proof`), text('/v1/audit/key'),
      get(`/v1/audit/entries?from=${position}&limit=1`).catch(() => null)]);
    const began = performance.now();
    const shown = proof(body);
    const key = await logKey(keyText);
    const signature = await signedBy(shown.checkpoint, key);
    const way = await included(shown.leaf.bytes, shown.index, shown.checkpoint.size, shown.hashes, shown.checkpoint.root);
    const ok = way.ok && shown.leaf.seq === position && shown.index === position - 1;
    const ms = performance.now() - began;
    if (!alive()) return;
    const { leaf } = shown;
    const entry = /** @type {Entry|undefined} */ (listed?.entries?.[0]);
    const isClaim = leaf.subject.startsWith('clm_');
    put(place,
      h('h1', {}, t('audit.entry', { n: position })),
      h('p', { class: 'row lead' }, h('span', { class: 'chip accent' }, name('entry', leaf.kind)), h('span', { class: 'quiet' }, moment(leaf.at)),
        entry?.reader && h('span', { class: 'chip' }, icon('person'), t('audit.reader', { name: entry.reader })),
        isClaim && h('a', { class: 'button tiny open-claim', href: `#/audit/claim/${leaf.subject}` }, t('audit.open_claim'), kbd('Enter'))),
      h('section', { class: 'panel' }, h('header', {}, h('h2', {}, t('audit.proof'))), h('div', { class: 'body checks' },
        verdict(ok, t('audit.proof_ok', { n: position, size: count(shown.checkpoint.size) }), t('audit.proof_bad')),
        verdict(signature, `${t('audit.signature_ok')}: ${key.name}`, t('audit.signature_bad')),
        ladder(way.steps, ok),
        h('p', { class: 'small quiet' }, t('audit.checked_in', { ms: ms.toFixed(1) })))),
      h('section', { class: 'panel' }, h('header', {}, h('h2', {}, t('audit.bytes'))), h('div', { class: 'body' }, facts([
        [t('audit.kind'), h('span', { class: 'mono' }, leaf.kind)], [t('audit.at'), h('span', { class: 'mono' }, leaf.at)],
        [t('audit.subject'), h('span', { class: 'mono' }, leaf.subject)],
        [t('audit.payload_hash'), h('span', { class: 'mono' }, leaf.payload)], [t('audit.prev'), h('span', { class: 'mono' }, leaf.prev)]]),
      entry?.payload !== undefined && [h('h3', {}, t('audit.payload')), h('pre', { class: 'payload mono', tabindex: '0' }, pretty(entry.payload))])));
  } catch (error) {
    if (!alive()) return;
    put(place, h('h1', {}, t('audit.entry', { n: position })),
      error instanceof Problem && error.status === 404 ? h('p', { class: 'notice' }, t('audit.none')) : failure(error, () => void entryView(place, position, alive)));
  }
}

/** @param {any} payload */
function pretty(payload) {
  try {
    return JSON.stringify(typeof payload === 'string' ? JSON.parse(payload) : payload, null, 2);
  } catch {
    return String(payload);
  }
}

/** The way from the entry to the root, as a ladder. @param {{ side: 'leaf'|'left'|'right', with?: string, result: string }[]} steps @param {boolean} ok */
function ladder(steps, ok) {
  return h('ol', { class: 'ladder' }, steps.map((step, index) => h('li', { class: step.side },
    h('span', { class: 'rung' }, index + 1),
    h('span', {}, t(`audit.proof_step_${step.side}`), step.with && h('code', { class: 'mono', title: step.with }, ` ${short(step.with)}`)),
    h('code', { class: 'mono', title: step.result }, short(step.result)))),
  h('li', { class: `root ${ok ? 'good' : 'bad'}` }, h('span', { class: 'rung' }, icon(ok ? 'check' : 'cross')), h('span', {}, t('audit.proof_step_root')), h('span', {})));
}

/** @param {HTMLElement} place @param {string} id @param {() => boolean} alive */
async function claimView(place, id, alive) {
  put(place, h('h1', { class: 'wrap' }, t('audit.claim', { id })), h('div', { class: 'skeleton line' }));
  try {
    const [result, listed] = await Promise.all([
      get(`/v1/claims/${encodeURIComponent(id)}`).catch((error) => { if (error instanceof Problem && error.status === 410) return null; throw error; }),
      get(`/v1/audit/entries?subject=${encodeURIComponent(id)}&limit=100`)]);
    if (!alive()) return;
    /** @type {Entry[]} */
    const entries = listed.entries.filter((/** @type {Entry} */ one) => one.subject === id);
    const packBox = h('div', { class: 'checks' });
    const replayBox = h('div', { class: 'checks' });
    put(place,
      h('h1', { class: 'wrap' }, result?.claim?.id ?? id),
      h('p', { class: 'row lead' }, h('span', { class: 'mono small quiet' }, id), result?.decision && h('span', { class: `chip ${result.decision === 'auto_approve' ? 'good' : 'accent'}` }, name('verdict', result.decision)),
        h('a', { class: 'button tiny', href: `#/case/${id}` }, t('audit.open_case'))),
      !result && h('p', { class: 'notice warn' }, t('audit.erased')),
      h('div', { class: 'audit-columns' },
        h('section', { class: 'panel' }, h('header', {}, h('h2', { class: 'grow' }, t('audit.pack'))), h('div', { class: 'body' }, h('p', { class: 'small quiet' }, t('audit.pack_why')), packBox,
          h('div', { class: 'row acts' }, button([t('audit.pack_go'), kbd('c')], () => void checkPack(packBox, id), { class: 'pack-go primary' }),
            button([icon('down'), t('audit.pack_get')], () => void download(id))))),
        h('section', { class: 'panel' }, h('header', {}, h('h2', { class: 'grow' }, t('audit.replay'))), h('div', { class: 'body' }, h('p', { class: 'small quiet' }, t('audit.replay_why')), replayBox,
          h('div', { class: 'row acts' }, button([t('audit.replay_go'), kbd('v')], () => void replay(replayBox, id), { class: 'replay-go primary' }))))),
      result?.reasons && h('section', { class: 'panel' }, h('header', {}, h('h2', {}, t('audit.decided_so'))), h('div', { class: 'body' },
        h('ul', { class: 'reasons' }, result.reasons.map((/** @type {import('./types.js').Reason} */ one) => h('li', { class: 'row' }, icon(one.severity === 'blocking' ? 'warn' : 'check'),
          h('span', { class: 'grow' }, say(one.message)), h('code', { class: 'mono small quiet' }, one.code)))),
        facts([[t('audit.versions'), h('span', { class: 'mono small' }, `${result.versions?.build} · ${result.versions?.runtime}`)],
          ['evidence', h('span', { class: 'mono small' }, result.evidence_sha256)], ['policy', h('span', { class: 'mono small' }, result.versions?.policy)]]))),
      h('section', { class: 'panel' }, h('header', {}, h('h2', { class: 'grow' }, t('audit.trail')), h('span', { class: 'chip' }, t('audit.entries', { n: entries.length }))),
        h('div', { class: 'body trail' }, entries.map((entry) => h('a', { class: `log-row ${entry.kind}`, href: `#/audit/entry/${entry.position}` },
          h('span', { class: 'num quiet mono' }, entry.position), icon(MARKS[entry.kind] ?? 'dash'), h('span', { class: 'cut' }, name('entry', entry.kind)),
          h('span', { class: 'cut' }, entry.reader ?? ''), h('time', { class: 'small quiet num', datetime: entry.at }, moment(entry.at)))))));
  } catch (error) {
    if (!alive()) return;
    put(place, h('h1', { class: 'wrap' }, t('audit.claim', { id })),
      error instanceof Problem && error.status === 404 ? h('p', { class: 'notice' }, t('case.none')) : failure(error, () => void claimView(place, id, alive)));
  }
}

/** @param {string} id */
const packOf = async (id) => (await request('GET', `/v1/claims/${encodeURIComponent(id)}/evidence`)).text();

/** @param {HTMLElement} place @param {string} id */
async function checkPack(place, id) {
  put(place, h('div', { class: 'skeleton line' }));
  try {
    const [body, keyText] = await Promise.all([packOf(id), text('/v1/audit/key')]);
    const began = performance.now();
    const { checks, signature } = await held(JSON.parse(body), keyText);
    const ms = performance.now() - began;
    put(place, verdict(signature, t('audit.signature_ok'), t('audit.signature_bad')),
      checks.map((one) => verdict(one.ok, t(`audit.check_${one.what}`, { n: one.n }), `${t('audit.proof_bad')} ${t(`audit.check_${one.what}`, { n: one.n })}`)),
      h('p', { class: 'small quiet' }, t('audit.checked_in', { ms: ms.toFixed(1) })));
  } catch (error) {
    put(place, failure(error, () => void checkPack(place, id)));
  }
}

/** @param {string} id */
async function download(id) {
  try {
    const url = URL.createObjectURL(new Blob([await packOf(id)], { type: 'application/json' }));
    const link = h('a', { href: url, download: `${id}.evidence.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    toast(String(error instanceof Problem ? error.message : error), { bad: true });
  }
}

/** @param {HTMLElement} place @param {string} id */
async function replay(place, id) {
  put(place, h('div', { class: 'skeleton line' }));
  try {
    const report = await post('/v1/audit/replay', { claims: [id] });
    const differing = /** @type {{ claim: string, was: string|null, now: string|null, differences: string[] }[]} */ (report.differing ?? []);
    if (!report.checked) { put(place, h('p', { class: 'notice' }, t('audit.replay_none'))); return; }
    put(place, differing.length
      ? differing.map((one) => h('div', { class: 'notice bad' }, icon('warn'), h('div', { class: 'grow' }, h('strong', {}, t('audit.replay_differs')), ' ',
        t('audit.was'), ' ', one.was ? name('verdict', one.was) : '–', ', ', t('audit.now'), ' ', one.now ? name('verdict', one.now) : '–',
        h('pre', { class: 'payload mono', tabindex: '0' }, one.differences.join('\n')))))
      : verdict(report.identical === report.checked, t('audit.replay_same', { n: report.checked }), t('audit.replay_differs')));
  } catch (error) {
    put(place, failure(error, () => void replay(place, id)));
  }
}
