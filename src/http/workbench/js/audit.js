// For auditors: the log, what an entry commits to, and proofs that this browser checks by itself.
import { get } from './api.js';
import { MARKS, facts, verdict } from './auditparts.js';
import { h, icon, put } from './dom.js';
import { entryView } from './entry.js';
import { count, moment } from './format.js';
import { name, t } from './i18n.js';
import { bind } from './keys.js';
import { claimView } from './record.js';
import { button, failure } from './ui.js';
import { look } from './witness.js';

/** @typedef {import('./auditparts.js').Entry} Entry */

const AT_ONCE = 50;
/** What the list shows stays while entries are opened. */
const kept = {
  only: /** @type {'all'|'acts'|'looks'} */ ('acts'),
  entries: /** @type {Entry[]} */ ([]),
  next: /** @type {number|null} */ (null),
};

/** @param {HTMLElement} root @param {string[]} parts */
export function auditScreen(root, parts) {
  let gone = false;
  const list = h('div', { class: 'log-list', role: 'list', 'aria-label': t('audit.log') });
  const detail = h('div', { class: 'audit-detail' });
  const only = h('div', { class: 'segments', role: 'group', 'aria-label': t('audit.kind') });
  const find = h('input', {
    class: 'input',
    type: 'search',
    placeholder: t('audit.find'),
    'aria-label': t('audit.find'),
  });
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
      if (!gone)
        put(
          list,
          failure(error, () => void load(older)),
        );
    }
  }

  /** @param {Entry} entry */
  function row(entry) {
    return h(
      'a',
      {
        class: `log-row ${entry.kind}`,
        role: 'listitem',
        href: `#/audit/entry/${entry.position}`,
        'aria-current': entry.position === here ? 'true' : null,
      },
      h('span', { class: 'num quiet mono' }, entry.position),
      icon(MARKS[entry.kind] ?? 'dash'),
      h(
        'span',
        { class: 'cut' },
        name('entry', entry.kind),
        entry.reader ? h('span', { class: 'quiet' }, ` · ${entry.reader}`) : null,
      ),
      h(
        'span',
        { class: 'mono quiet cut' },
        entry.subject.startsWith('clm_') ? `…${entry.subject.slice(-8)}` : entry.subject,
      ),
      h('time', { class: 'small quiet num', datetime: entry.at }, moment(entry.at)),
    );
  }

  function drawOnly() {
    put(
      only,
      /** @type {const} */ (['acts', 'looks', 'all']).map((one) =>
        h(
          'button',
          {
            type: 'button',
            'aria-pressed': String(one === kept.only),
            on: {
              click: () => {
                kept.only = one;
                kept.entries = [];
                waiting();
                void load();
              },
            },
          },
          t(`audit.${one}`),
        ),
      ),
    );
  }

  function draw() {
    drawOnly();
    put(
      list,
      kept.entries.map(row),
      kept.next ? button(t('audit.older'), () => void load(true), { class: 'plain older' }) : null,
    );
    list.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {number} by */
  function move(by) {
    const at = kept.entries.findIndex((one) => one.position === here);
    const next = kept.entries[Math.max(0, at + by)];
    if (next) location.hash = `#/audit/entry/${next.position}`;
    else if (kept.next) void load(true);
  }

  function waiting() {
    drawOnly();
    put(
      list,
      Array.from({ length: 8 }, () => h('div', { class: 'log-wait' }, h('div', { class: 'skeleton line' }))),
    );
  }

  if (kept.entries.length) draw();
  else waiting();
  if (!here || !kept.entries.some((one) => one.position === here)) void load();
  const alive = () => !gone;
  if (parts[0] === 'entry') void entryView(detail, Number(parts[1]), alive);
  else if (parts[0] === 'claim') void claimView(detail, parts[1] ?? '', alive);
  else void stateView(detail, alive);
  const unbind = bind({
    title: 'nav.audit',
    bindings: [
      { keys: ['j', 'ArrowDown'], what: 'key.down', act: () => move(1) },
      { keys: ['k', 'ArrowUp'], what: 'key.up', act: () => move(-1) },
      { keys: ['/'], what: 'audit.find', act: () => find.focus() },
      {
        keys: ['v'],
        what: 'audit.replay_go',
        act: () => {
          /** @type {HTMLButtonElement|null} */ (detail.querySelector('.replay-go'))?.click();
        },
      },
      {
        keys: ['c'],
        what: 'audit.pack_go',
        act: () => {
          /** @type {HTMLButtonElement|null} */ (detail.querySelector('.pack-go'))?.click();
        },
      },
      {
        keys: ['Enter'],
        what: 'audit.open_claim',
        act: () => {
          /** @type {HTMLAnchorElement|null} */ (detail.querySelector('.open-claim'))?.click();
        },
      },
      {
        keys: ['Escape'],
        what: 'audit.title',
        act: () => {
          location.hash = '#/audit';
        },
      },
    ],
  });
  return () => {
    gone = true;
    unbind();
  };
}

/** @param {HTMLElement} place @param {() => boolean} alive */
async function stateView(place, alive) {
  put(
    place,
    h('h1', {}, t('audit.title')),
    h('p', { class: 'quiet lead' }, t('audit.why')),
    h('div', { class: 'skeleton line' }),
  );
  try {
    const seen = await look();
    if (!alive()) return;
    const known = seen.known === 'first' ? 'audit.key_first' : /** @type {const} */ (`audit.key_${seen.known}`);
    put(
      place,
      h('h1', {}, t('audit.title')),
      h('p', { class: 'quiet lead' }, t('audit.why')),
      h(
        'section',
        { class: 'panel' },
        h(
          'header',
          {},
          h('h2', { class: 'grow' }, t('audit.checkpoint')),
          h('span', { class: 'chip' }, t('audit.entries', { n: count(seen.size) })),
        ),
        h(
          'div',
          { class: 'body checks' },
          verdict(seen.signature, t('audit.signature_ok'), t('audit.signature_bad')),
          h(
            'p',
            { class: `notice ${seen.known === 'other' ? 'bad' : seen.known === 'first' ? 'warn' : 'good'}` },
            icon(seen.known === 'other' || seen.known === 'first' ? 'warn' : 'check'),
            h('span', {}, t('audit.key'), ': ', t(known, { at: moment(seen.keyAt) })),
          ),
          seen.grew !== 'first' &&
            verdict(
              seen.grew !== 'not',
              seen.grew === 'same'
                ? t('audit.grew_same', { now: count(seen.size) })
                : t('audit.grew', { old: count(seen.old), now: count(seen.size) }),
              t('audit.grew_not', { at: moment(seen.oldAt) }),
            ),
          facts([
            ['', h('span', { class: 'mono' }, seen.origin)],
            [t('audit.proof_step_root'), h('span', { class: 'mono' }, seen.root)],
            [t('audit.key'), h('span', { class: 'mono' }, seen.key)],
          ]),
        ),
      ),
    );
  } catch (error) {
    if (alive())
      put(
        place,
        h('h1', {}, t('audit.title')),
        failure(error, () => void stateView(place, alive)),
      );
  }
}
