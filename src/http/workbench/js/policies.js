// Two policies side by side: what either would have decided of everything recorded.
import { Problem, request } from './api.js';
import { h, icon, put } from './dom.js';
import { count, money, percent } from './format.js';
import { name, t } from './i18n.js';
import { button, wrong } from './ui.js';

/** @typedef {{ before: number, after: number }} Change */
/** @typedef {{ policy: string, decisions: number, approved: Change, newly_approved: number, newly_held: number,
 *   amount_approved_fen: Change, approved_by_kind: Record<string, Change>, reasons: Record<string, Change>,
 *   failed: number, guarantee: any }} Report */

const SIDES = /** @type {const} */ (['a', 'b']);
/** Lines of a text that are told at most. */
const LINES = 12;

/** @param {string} inForce the text that both begin with */
export function policiesPanel(inForce) {
  const areas = SIDES.map((side) =>
    h('textarea', {
      class: 'textarea mono policy-edit',
      id: `policies-${side}`,
      spellcheck: 'false',
      value: inForce,
    }),
  );
  const answer = h('div', { class: 'backtest', 'aria-live': 'polite' });
  const go = button(t('policies.go'), () => void run(), { class: 'primary policies-go' });

  async function run() {
    put(answer, h('div', { class: 'skeleton line' }));
    go.setAttribute('disabled', '');
    try {
      /** @type {Report[]} */
      const reports = [];
      // One after the other: the service tries one at a time.
      for (const [at, area] of areas.entries()) reports.push(await tried(area.value, SIDES[at] ?? 'a'));
      const [a, b] = reports;
      if (a && b) put(answer, lines(areas.map((area) => area.value)), table(a, b));
    } catch (error) {
      const why = h('span', { class: 'wrap' }, said(error));
      put(answer, h('div', { class: 'notice bad', role: 'alert' }, icon('warn'), why));
    } finally {
      go.removeAttribute('disabled');
    }
  }

  return h(
    'section',
    { class: 'panel policies-panel' },
    h('header', {}, h('h2', {}, t('policies.title'))),
    h(
      'div',
      { class: 'body' },
      h('p', { class: 'small quiet' }, t('policies.why')),
      h(
        'div',
        { class: 'policies-texts' },
        areas.map((area, at) =>
          h('div', {}, h('label', { class: 'label', for: area.id }, t(`policies.${SIDES[at] ?? 'a'}`)), area),
        ),
      ),
      h('div', { class: 'row acts' }, go),
      answer,
    ),
  );
}

/** What is wrong with which of the two texts. */
class Unfit extends Error {
  /** @param {'a'|'b'} side @param {unknown} cause */
  constructor(side, cause) {
    super(side, { cause });
    this.side = side;
  }
}

/** @param {string} text @param {'a'|'b'} side @returns {Promise<Report>} */
async function tried(text, side) {
  try {
    return await (await request('POST', '/v1/policy/backtest', { body: text, type: 'application/toml' })).json();
  } catch (error) {
    throw new Unfit(side, error);
  }
}

/** @param {unknown} error */
function said(error) {
  if (!(error instanceof Unfit)) return wrong(error);
  const { cause, side } = error;
  const why =
    cause instanceof Problem && cause.code === 'policy_invalid'
      ? t('problem.policy_invalid', { detail: cause.message })
      : wrong(cause);
  return `${t(`policies.${side}`)}: ${why}`;
}

/** The lines that stand in one text alone. @param {string[]} texts */
function lines(texts) {
  const [a = [], b = []] = texts.map((text) => text.split('\n').map((line) => line.trim()));
  const only = [a.filter((line) => line && !b.includes(line)), b.filter((line) => line && !a.includes(line))];
  if (!only.some((some) => some.length)) return h('p', { class: 'small quiet' }, t('policies.same'));
  return h(
    'div',
    { class: 'policies-lines' },
    only.map((some, at) =>
      h(
        'div',
        {},
        h('h3', {}, t('policies.only', { side: t(`policies.${SIDES[at] ?? 'a'}`) })),
        some.length
          ? h('pre', { class: 'payload mono', tabindex: '0' }, some.slice(0, LINES).join('\n'))
          : h('p', { class: 'small quiet' }, t('policies.nothing')),
        some.length > LINES && h('p', { class: 'small quiet' }, t('policies.more', { n: some.length - LINES })),
      ),
    ),
  );
}

/** @param {Report} a @param {Report} b */
function table(a, b) {
  const bound = (/** @type {Report} */ one) => one.guarantee?.earned?.bound ?? null;
  /** @type {[string, string, string, string][]} */
  const sums = [
    [t('op.backtest_approved'), count(a.approved.before), count(a.approved.after), count(b.approved.after)],
    [t('op.backtest_new'), '–', count(a.newly_approved), count(b.newly_approved)],
    [t('op.backtest_held'), '–', count(a.newly_held), count(b.newly_held)],
    [
      t('op.backtest_amount'),
      money(a.amount_approved_fen.before),
      money(a.amount_approved_fen.after),
      money(b.amount_approved_fen.after),
    ],
    [t('policies.limit'), '–', percent(a.guarantee?.limit), percent(b.guarantee?.limit)],
    [t('policies.bound'), '–', percent(bound(a)), percent(bound(b))],
  ];
  const kinds = changes(a.approved_by_kind, b.approved_by_kind, 'kind');
  const reasons = changes(a.reasons, b.reasons, 'code').filter(([, ...three]) => new Set(three).size > 1);
  return [
    h('p', { class: 'small quiet' }, t('policies.of', { n: count(a.decisions) })),
    a.failed > 0 && h('p', { class: 'notice bad' }, t('op.backtest_failed', { n: a.failed })),
    h(
      'table',
      { class: 'table policies' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', {}, t('policies.what')),
          [t('policies.recorded'), t('policies.a'), t('policies.b')].map((text) => h('th', { class: 'num' }, text)),
        ),
      ),
      h(
        'tbody',
        {},
        sums.map(row),
        kinds.length > 0 && [group(t('policies.kinds')), kinds.map(row)],
        group(t('op.backtest_reasons')),
        reasons.length
          ? reasons.map(row)
          : h('tr', {}, h('td', { colspan: 4, class: 'small quiet' }, t('op.backtest_none'))),
      ),
    ),
  ];
}

/** @param {string} text */
const group = (text) => h('tr', { class: 'group' }, h('th', { colspan: 4, scope: 'colgroup' }, text));

/** @param {[string, string, string, string]} cells */
const row = ([label, before, a, b]) =>
  h(
    'tr',
    { class: a === b ? '' : 'other' },
    h('th', { scope: 'row' }, label),
    [before, a, b].map((text) => h('td', { class: 'num' }, text)),
  );

/**
 * Each name with how many there were, by the one and by the other, what differs most first.
 * @param {Record<string, Change>} a @param {Record<string, Change>} b @param {string} family
 * @returns {[string, string, string, string][]}
 */
function changes(a, b, family) {
  const none = { before: 0, after: 0 };
  const all = [...new Set([...Object.keys(a), ...Object.keys(b)])].map((code) => {
    const [one, other] = [a[code] ?? none, b[code] ?? none];
    return { code, before: (a[code] ?? b[code] ?? none).before, one: one.after, other: other.after };
  });
  all.sort((x, y) => Math.abs(y.one - y.other) - Math.abs(x.one - x.other) || y.before - x.before);
  return all.map(({ code, before, one, other }) => [name(family, code), count(before), count(one), count(other)]);
}
