// Claims that share something with this one, and the two papers laid over each other.
import { get } from './api.js';
import { picture } from './cases.js';
import { h, icon, put } from './dom.js';
import { middle, moved, steadyAffine } from './geometry.js';
import { name, t } from './i18n.js';
import { bind } from './keys.js';
import { button, failure, kbd } from './ui.js';

/** @typedef {import('./types.js').Doc} Doc */
/** @typedef {import('./types.js').Result} Result */
/** @typedef {{ claim: string, shared: string[] }} Related */

const BLINK = 420;
const SHOWN = [
  'total',
  'issue_date',
  'visit_date',
  'bill_code',
  'bill_number',
  'invoice_number',
  'check_code',
  'payer_name',
  'issuer_name',
  'total_in_words',
];

/** @type {Map<string, Promise<{ related: Related[] }>>} */
const asked = new Map();

/** @param {string} claim */
export function relatedOf(claim) {
  /** @type {Promise<{ related: Related[] }>} */
  const known = asked.get(claim) ?? get(`/v1/claims/${encodeURIComponent(claim)}/related`);
  asked.set(claim, known);
  known.catch(() => asked.delete(claim));
  if (asked.size > 50) asked.delete(/** @type {string} */ (asked.keys().next().value));
  return known;
}

/**
 * The list, which comes when it comes: a slow or failing search must not hold up the case.
 * @param {string} claim
 * @param {(other: string) => void} compare
 * @param {(count: number) => void} found
 */
export function relatedList(claim, compare, found) {
  const body = h('div', { class: 'related' }, h('div', { class: 'skeleton line' }));
  const load = () =>
    void relatedOf(claim).then(
      ({ related }) => {
        found(related.length);
        put(
          body,
          related.length
            ? h(
                'ul',
                {},
                related.map((one) =>
                  h(
                    'li',
                    { class: 'row' },
                    h('span', { class: 'mono cut grow' }, one.claim),
                    h(
                      'span',
                      { class: 'chips' },
                      one.shared.map((trait) =>
                        h(
                          'span',
                          { class: `chip ${trait === 'issuer' || trait === 'camera' ? '' : 'warn'}` },
                          name('trait', trait),
                        ),
                      ),
                    ),
                    button([icon('blink'), t('related.compare')], () => compare(one.claim), { class: 'tiny' }),
                  ),
                ),
              )
            : h('p', { class: 'quiet' }, t('related.none')),
        );
      },
      (error) => put(body, failure(error, load)),
    );
  load();
  return body;
}

/** Texts that stand once on each of two pages, as pairs of places on them. @param {Doc} one @param {Doc} other */
function pairs(one, other) {
  const places = (/** @type {Doc} */ doc) => {
    const found = new Map();
    for (const line of doc.lines) {
      if (line.text.length < 2) continue;
      found.set(line.text, found.has(line.text) ? null : middle(moved(line.polygon, doc.upload_to_page)));
    }
    return found;
  };
  const [here, there] = [places(one), places(other)];
  const both = [...here].filter(([text, place]) => place && there.get(text));
  return { from: both.map(([text]) => there.get(text)), to: both.map(([, place]) => place) };
}

/**
 * Two papers, side by side or one over the other.
 * @param {{ id: string, doc: Doc, index: number }} here
 * @param {string} other
 */
export function compare(here, other) {
  const before = document.activeElement;
  const sides = h('div', { class: 'compare-sides' });
  const facts = h('div', { class: 'compare-facts' });
  const modes = h('div', { class: 'segments', role: 'group', 'aria-label': t('compare.modes') });
  const note = h('p', { class: 'small quiet' });
  /** @type {'side'|'blink'|'difference'} */
  let mode = 'blink';
  let timer = 0;
  let steady = true;
  let index = 0;
  /** @type {Result|null} */
  let result = null;

  const close = () => {
    clearInterval(timer);
    unbind();
    box.remove();
    if (before instanceof HTMLElement) before.focus();
  };
  const box = h(
    'div',
    { class: 'compare', role: 'dialog', 'aria-modal': 'true', 'aria-label': t('compare.title'), tabindex: '-1' },
    h(
      'header',
      { class: 'row' },
      h('h2', {}, t('compare.title')),
      h('span', { class: 'grow' }),
      modes,
      button([t('key.close'), kbd('Escape')], close, { class: 'plain' }),
    ),
    note,
    sides,
    facts,
  );

  async function draw() {
    clearInterval(timer);
    put(
      modes,
      /** @type {const} */ (['side', 'blink', 'difference']).map((one) =>
        h(
          'button',
          {
            type: 'button',
            'aria-pressed': String(one === mode),
            on: {
              click: () => {
                mode = one;
                void draw();
              },
            },
          },
          t(`compare.${one}`),
        ),
      ),
    );
    try {
      result ??= await get(`/v1/claims/${encodeURIComponent(other)}`);
      const there = result?.documents?.[index];
      if (!there) {
        put(sides, h('p', { class: 'quiet' }, t('compare.gone')));
        return;
      }
      const [one, two] = await Promise.all([picture(here.id, here.index, 'page'), picture(other, index, 'page')]);
      if (!one || !two || !box.isConnected) return;
      const figure = (/** @type {string} */ url, /** @type {string} */ text) =>
        h('figure', {}, h('img', { src: url, alt: text }), h('figcaption', { class: 'small quiet' }, text));
      const names = [t('compare.this'), t('compare.that', { id: other })];
      if (mode === 'side') {
        put(note);
        put(sides, figure(one.url, names[0] ?? ''), figure(two.url, names[1] ?? ''));
      } else {
        const { from, to } = pairs(here.doc, there);
        const fit = steadyAffine(from, to);
        put(note, fit ? t('compare.laid', { n: fit.used }) : t('compare.not_laid'), ' ', t('compare.hold'));
        over(one.url, two.url, there, fit?.matrix ?? null, names);
      }
      put(
        facts,
        table(there),
        (result?.documents?.length ?? 0) > 1 &&
          h(
            'div',
            { class: 'chips' },
            result?.documents?.map((doc, n) =>
              button(
                `${n + 1} · ${name('kind', doc.kind)}`,
                () => {
                  index = n;
                  void draw();
                },
                { class: 'chip', 'aria-pressed': String(n === index) },
              ),
            ),
          ),
      );
    } catch (error) {
      put(
        sides,
        failure(error, () => void draw()),
      );
    }
  }

  /** @type {(on: boolean) => void} */
  let flip = () => {};

  /**
   * @param {string} one
   * @param {string} two
   * @param {Doc} there
   * @param {number[]|null} matrix
   * @param {string[]} names
   */
  function over(one, two, there, matrix, names) {
    const [width, height] = here.doc.page_size;
    const scale = Math.min((sides.clientWidth || 1100) / width, (window.innerHeight * 0.56) / height);
    const below = h('img', { src: one, alt: names[0] });
    const above = h('img', { src: two, alt: names[1], class: mode === 'difference' ? 'difference' : '' });
    const label = h('span', { class: 'compare-label chip accent' }, names[0]);
    const frame = h('div', { class: `compare-over ${mode}` }, below, above, label);
    frame.style.width = `${width * scale}px`;
    frame.style.height = `${height * scale}px`;
    below.style.width = `${width}px`;
    above.style.width = `${there.page_size[0]}px`;
    below.style.transform = `scale(${scale})`;
    const m = matrix ?? [width / there.page_size[0], 0, 0, height / there.page_size[1], 0, 0];
    above.style.transform = `scale(${scale}) matrix(${m.join(',')})`;
    put(sides, frame);
    if (mode === 'difference') {
      put(label, t('compare.difference_is'));
      return;
    }
    let on = false;
    flip = (wanted) => {
      on = wanted;
      above.style.visibility = on ? 'visible' : 'hidden';
      put(label, on ? names[1] : names[0]);
    };
    flip(false);
    steady = matchMedia('(prefers-reduced-motion: reduce)').matches;
    timer = setInterval(() => {
      if (!steady) flip(!on);
    }, BLINK);
  }

  /** @param {Doc} there */
  function table(there) {
    const rows = SHOWN.filter((field) => here.doc.fields[field] || there.fields[field]);
    return h(
      'table',
      { class: 'table' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', {}, t('compare.field')),
          h('th', {}, t('compare.this')),
          h('th', {}, t('compare.that_short')),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((field) => {
          const [a, b] = [here.doc.fields[field]?.value ?? '–', there.fields[field]?.value ?? '–'];
          return h(
            'tr',
            { class: a === b ? '' : 'differs' },
            h('td', { class: 'quiet' }, name('field', field)),
            h('td', {}, a),
            h('td', {}, b, a !== b && h('span', { class: 'chip warn' }, t('compare.other'))),
          );
        }),
      ),
    );
  }

  const unbind = bind({
    title: 'compare.title',
    modal: true,
    bindings: [
      {
        keys: ['Space'],
        what: 'compare.flip',
        act: () => {
          steady = true;
          const label = sides.querySelector('.compare-over img:nth-child(2)');
          flip(!(label instanceof HTMLElement && label.style.visibility === 'visible'));
        },
      },
      {
        keys: ['p'],
        what: 'compare.run',
        act: () => {
          steady = !steady;
        },
      },
      {
        keys: ['s'],
        what: 'compare.side',
        act: () => {
          mode = 'side';
          void draw();
        },
      },
      {
        keys: ['b'],
        what: 'compare.blink',
        act: () => {
          mode = 'blink';
          void draw();
        },
      },
      {
        keys: ['d'],
        what: 'compare.difference',
        act: () => {
          mode = 'difference';
          void draw();
        },
      },
      { keys: ['Escape'], what: 'key.close', act: close },
    ],
  });
  document.body.append(box);
  box.focus();
  put(sides, h('div', { class: 'skeleton compare-wait' }));
  void draw();
}
