// One entry of the log: its bytes, and the proof that it is in the log, checked here.
import { Problem, get, text } from './api.js';
import { facts, verdict } from './auditparts.js';
import { h, icon, put } from './dom.js';
import { count, moment, short } from './format.js';
import { name, t } from './i18n.js';
import { included, logKey, proof, signedBy } from './proof.js';
import { failure, kbd } from './ui.js';

/** @typedef {import('./auditparts.js').Entry} Entry */

/** @param {HTMLElement} place @param {number} position @param {() => boolean} alive */
export async function entryView(place, position, alive) {
  put(place, h('h1', {}, t('audit.entry', { n: position })), h('div', { class: 'skeleton line' }));
  try {
    const [body, keyText, listed] = await Promise.all([
      text(`/v1/audit/entries/${position}/proof`),
      text('/v1/audit/key'),
      get(`/v1/audit/entries?from=${position}&limit=1`).catch(() => null),
    ]);
    const began = performance.now();
    const shown = proof(body);
    const key = await logKey(keyText);
    const signature = await signedBy(shown.checkpoint, key);
    const way = await included(
      shown.leaf.bytes,
      shown.index,
      shown.checkpoint.size,
      shown.hashes,
      shown.checkpoint.root,
    );
    const ok = way.ok && shown.leaf.seq === position && shown.index === position - 1;
    const ms = performance.now() - began;
    if (!alive()) return;
    const { leaf } = shown;
    const entry = /** @type {Entry|undefined} */ (listed?.entries?.[0]);
    const isClaim = leaf.subject.startsWith('clm_');
    put(
      place,
      h('h1', {}, t('audit.entry', { n: position })),
      h(
        'p',
        { class: 'row lead' },
        h('span', { class: 'chip accent' }, name('entry', leaf.kind)),
        h('span', { class: 'quiet' }, moment(leaf.at)),
        entry?.reader && h('span', { class: 'chip' }, icon('person'), t('audit.reader', { name: entry.reader })),
        isClaim &&
          h(
            'a',
            { class: 'button tiny open-claim', href: `#/audit/claim/${leaf.subject}` },
            t('audit.open_claim'),
            kbd('Enter'),
          ),
        // The log holds what was said as a hash; what holds now stands there.
        leaf.kind === 'skills_changed' && h('a', { class: 'button tiny', href: '#/skills' }, t('skills.title')),
      ),
      h(
        'section',
        { class: 'panel' },
        h('header', {}, h('h2', {}, t('audit.proof'))),
        h(
          'div',
          { class: 'body checks' },
          verdict(ok, t('audit.proof_ok', { n: position, size: count(shown.checkpoint.size) }), t('audit.proof_bad')),
          verdict(signature, `${t('audit.signature_ok')}: ${key.name}`, t('audit.signature_bad')),
          ladder(way.steps, ok),
          h('p', { class: 'small quiet' }, t('audit.checked_in', { ms: ms.toFixed(1) })),
        ),
      ),
      h(
        'section',
        { class: 'panel' },
        h('header', {}, h('h2', {}, t('audit.bytes'))),
        h(
          'div',
          { class: 'body' },
          facts([
            [t('audit.kind'), h('span', { class: 'mono' }, leaf.kind)],
            [t('audit.at'), h('span', { class: 'mono' }, leaf.at)],
            [t('audit.subject'), h('span', { class: 'mono' }, leaf.subject)],
            [t('audit.payload_hash'), h('span', { class: 'mono' }, leaf.payload)],
            [t('audit.prev'), h('span', { class: 'mono' }, leaf.prev)],
          ]),
          entry?.payload !== undefined && [
            h('h3', {}, t('audit.payload')),
            h('pre', { class: 'payload mono', tabindex: '0' }, pretty(entry.payload)),
          ],
        ),
      ),
    );
  } catch (error) {
    if (!alive()) return;
    put(
      place,
      h('h1', {}, t('audit.entry', { n: position })),
      error instanceof Problem && error.status === 404
        ? h('p', { class: 'notice' }, t('audit.none'))
        : failure(error, () => void entryView(place, position, alive)),
    );
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

/**
 * The way from the entry to the root, as a ladder.
 * @param {{ side: 'leaf'|'left'|'right', with?: string, result: string }[]} steps
 * @param {boolean} ok
 */
function ladder(steps, ok) {
  return h(
    'ol',
    { class: 'ladder' },
    steps.map((step, index) =>
      h(
        'li',
        { class: step.side },
        h('span', { class: 'rung' }, index + 1),
        h(
          'span',
          {},
          t(`audit.proof_step_${step.side}`),
          step.with && h('code', { class: 'mono', title: step.with }, ` ${short(step.with)}`),
        ),
        h('code', { class: 'mono', title: step.result }, short(step.result)),
      ),
    ),
    h(
      'li',
      { class: `root ${ok ? 'good' : 'bad'}` },
      h('span', { class: 'rung' }, icon(ok ? 'check' : 'cross')),
      h('span', {}, t('audit.proof_step_root')),
      h('span', {}),
    ),
  );
}
