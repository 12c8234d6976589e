// One claim as the log commits to it: evidence held against the log, the decision made again, who looked.
import { Problem, get, post, request, text } from './api.js';
import { MARKS, facts, verdict } from './auditparts.js';
import { h, icon, put } from './dom.js';
import { moment } from './format.js';
import { name, say, t } from './i18n.js';
import { held } from './pack.js';
import { seesCases } from './session.js';
import { button, failure, kbd, toast } from './ui.js';

/** @typedef {import('./auditparts.js').Entry} Entry */

/** @param {HTMLElement} place @param {string} id @param {() => boolean} alive */
export async function claimView(place, id, alive) {
  put(place, h('h1', { class: 'wrap' }, t('audit.claim', { id })), h('div', { class: 'skeleton line' }));
  try {
    const [result, listed] = await Promise.all([
      get(`/v1/claims/${encodeURIComponent(id)}`).catch((error) => {
        if (error instanceof Problem && error.status === 410) return null;
        throw error;
      }),
      get(`/v1/audit/entries?subject=${encodeURIComponent(id)}&limit=100`),
    ]);
    if (!alive()) return;
    /** @type {Entry[]} */
    const entries = listed.entries.filter((/** @type {Entry} */ one) => one.subject === id);
    const packBox = h('div', { class: 'checks' });
    const replayBox = h('div', { class: 'checks' });
    put(
      place,
      h('h1', { class: 'wrap' }, result?.claim?.id ?? id),
      h(
        'p',
        { class: 'row lead' },
        h('span', { class: 'mono small quiet' }, id),
        result?.decision &&
          h(
            'span',
            { class: `chip ${result.decision === 'auto_approve' ? 'good' : 'accent'}` },
            name('verdict', result.decision),
          ),
        seesCases() && h('a', { class: 'button tiny', href: `#/case/${id}` }, t('audit.open_case')),
      ),
      !result && h('p', { class: 'notice warn' }, t('audit.erased')),
      h(
        'div',
        { class: 'audit-columns' },
        h(
          'section',
          { class: 'panel' },
          h('header', {}, h('h2', { class: 'grow' }, t('audit.pack'))),
          h(
            'div',
            { class: 'body' },
            h('p', { class: 'small quiet' }, t('audit.pack_why')),
            packBox,
            h(
              'div',
              { class: 'row acts' },
              button([t('audit.pack_go'), kbd('c')], () => void checkPack(packBox, id), { class: 'pack-go primary' }),
              button([icon('down'), t('audit.pack_get')], () => void download(id)),
            ),
          ),
        ),
        h(
          'section',
          { class: 'panel' },
          h('header', {}, h('h2', { class: 'grow' }, t('audit.replay'))),
          h(
            'div',
            { class: 'body' },
            h('p', { class: 'small quiet' }, t('audit.replay_why')),
            replayBox,
            h(
              'div',
              { class: 'row acts' },
              button([t('audit.replay_go'), kbd('v')], () => void replay(replayBox, id), {
                class: 'replay-go primary',
              }),
            ),
          ),
        ),
      ),
      result?.reasons &&
        h(
          'section',
          { class: 'panel' },
          h('header', {}, h('h2', {}, t('audit.decided_so'))),
          h(
            'div',
            { class: 'body' },
            h(
              'ul',
              { class: 'reasons' },
              result.reasons.map((/** @type {import('./types.js').Reason} */ one) =>
                h(
                  'li',
                  { class: 'row' },
                  icon(one.severity === 'blocking' ? 'warn' : 'check'),
                  h('span', { class: 'grow' }, say(one.message)),
                  h('code', { class: 'mono small quiet' }, one.code),
                ),
              ),
            ),
            facts([
              [
                t('audit.versions'),
                h('span', { class: 'mono small' }, `${result.versions?.build} · ${result.versions?.runtime}`),
              ],
              ['evidence', h('span', { class: 'mono small' }, result.evidence_sha256)],
              ['policy', h('span', { class: 'mono small' }, result.versions?.policy)],
            ]),
          ),
        ),
      h(
        'section',
        { class: 'panel' },
        h(
          'header',
          {},
          h('h2', { class: 'grow' }, t('audit.trail')),
          h('span', { class: 'chip' }, t('audit.entries', { n: entries.length })),
        ),
        h(
          'div',
          { class: 'body trail' },
          entries.map((entry) =>
            h(
              'a',
              { class: `log-row ${entry.kind}`, href: `#/audit/entry/${entry.position}` },
              h('span', { class: 'num quiet mono' }, entry.position),
              icon(MARKS[entry.kind] ?? 'dash'),
              h('span', { class: 'cut' }, name('entry', entry.kind)),
              h('span', { class: 'cut' }, entry.reader ?? ''),
              h('time', { class: 'small quiet num', datetime: entry.at }, moment(entry.at)),
            ),
          ),
        ),
      ),
    );
  } catch (error) {
    if (!alive()) return;
    put(
      place,
      h('h1', { class: 'wrap' }, t('audit.claim', { id })),
      error instanceof Problem && error.status === 404
        ? h('p', { class: 'notice' }, t('case.none'))
        : failure(error, () => void claimView(place, id, alive)),
    );
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
    put(
      place,
      verdict(signature, t('audit.signature_ok'), t('audit.signature_bad')),
      checks.map((one) =>
        verdict(
          one.ok,
          t(`audit.check_${one.what}`, { n: one.n }),
          `${t('audit.proof_bad')} ${t(`audit.check_${one.what}`, { n: one.n })}`,
        ),
      ),
      h('p', { class: 'small quiet' }, t('audit.checked_in', { ms: ms.toFixed(1) })),
    );
  } catch (error) {
    put(
      place,
      failure(error, () => void checkPack(place, id)),
    );
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
    const differing = /** @type {{ claim: string, was: string|null, now: string|null, differences: string[] }[]} */ (
      report.differing ?? []
    );
    if (!report.checked) {
      put(place, h('p', { class: 'notice' }, t('audit.replay_none')));
      return;
    }
    put(
      place,
      differing.length
        ? differing.map((one) =>
            h(
              'div',
              { class: 'notice bad' },
              icon('warn'),
              h(
                'div',
                { class: 'grow' },
                h('strong', {}, t('audit.replay_differs')),
                ' ',
                t('audit.was'),
                ' ',
                one.was ? name('verdict', one.was) : '–',
                ', ',
                t('audit.now'),
                ' ',
                one.now ? name('verdict', one.now) : '–',
                h('pre', { class: 'payload mono', tabindex: '0' }, one.differences.join('\n')),
              ),
            ),
          )
        : verdict(
            report.identical === report.checked,
            t('audit.replay_same', { n: report.checked }),
            t('audit.replay_differs'),
          ),
    );
  } catch (error) {
    put(
      place,
      failure(error, () => void replay(place, id)),
    );
  }
}
