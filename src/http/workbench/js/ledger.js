// The amounts as a reconciliation: every statement about the total, and by how much it differs.
import { balance } from './amounts.js';
import { h, icon } from './dom.js';
import { money } from './format.js';
import { name, t } from './i18n.js';
import { button, kbd } from './ui.js';

/** @typedef {import('./types.js').Doc} Doc */

/**
 * @param {Doc} doc
 * @param {string|undefined} claimed
 * @param {Record<string, string>} corrected
 * @param {{ hover: (fields: string[], regions: import('./types.js').Polygon[]) => void, use?: (amount: string) => void
 *   }} acts
 */
export function ledger(doc, claimed, corrected, acts) {
  const { total, lines, suggestion } = balance(doc, claimed, corrected);
  if (total === null && !lines.length) return h('p', { class: 'quiet' }, t('amounts.none'));
  const off = lines.filter((line) => line.outcome === 'differs').length;
  const sources = (/** @type {string[]} */ all) => all.map((one) => name('source', one)).join(t('list.comma'));
  return h(
    'div',
    { class: 'ledger' },
    h(
      'div',
      { class: 'ledger-total' },
      h(
        'span',
        {},
        t('amounts.total'),
        corrected.total !== undefined && h('span', { class: 'chip accent' }, t('field.corrected')),
      ),
      h('strong', { class: 'num' }, total === null ? '–' : money(total)),
    ),
    h(
      'ul',
      {},
      lines.map((line) => {
        const regions = doc.findings.find((one) => one.check === line.check)?.regions ?? [];
        const by = line.amount !== null && line.against !== null ? line.amount - line.against : null;
        return h(
          'li',
          {
            class: `ledger-line ${line.outcome}`,
            tabindex: '-1',
            on: {
              pointerenter: () => acts.hover([], regions),
              pointerleave: () => acts.hover([], []),
            },
          },
          icon(line.outcome === 'differs' ? 'cross' : line.outcome === 'open' ? 'dash' : 'check'),
          h(
            'div',
            { class: 'grow' },
            h('span', {}, name('source', line.source)),
            line.target !== 'total' &&
              h('span', { class: 'small quiet' }, ` ${t('amounts.against', { target: name('field', line.target) })}`),
            line.parts.length > 0 &&
              h(
                'div',
                { class: 'parts small quiet' },
                line.parts.map((part, index) => [
                  index > 0 && (part.minus ? ' − ' : ' + '),
                  h('span', { title: name('field', part.label) }, part.amount === null ? '?' : money(part.amount)),
                ]),
              ),
          ),
          h('span', { class: 'num' }, line.amount === null ? '–' : money(line.amount)),
          h(
            'span',
            { class: 'num small difference' },
            line.outcome === 'covered'
              ? t('amounts.less')
              : by === null
                ? t('amounts.unknown')
                : by === 0
                  ? '='
                  : `${by > 0 ? '+' : '−'}${money(Math.abs(by))}`,
          ),
        );
      }),
    ),
    suggestion &&
      h(
        'div',
        { class: 'notice warn' },
        icon('warn'),
        h(
          'div',
          { class: 'grow' },
          t('amounts.suggest', {
            sources: sources(suggestion.sources),
            amount: money(suggestion.amount),
            total: total === null ? '–' : money(total),
          }),
        ),
        acts.use &&
          button(
            [t('amounts.use', { amount: money(suggestion.amount) }), kbd('=')],
            () => acts.use?.(suggestion.text),
            { class: 'tiny' },
          ),
      ),
    !off && !suggestion && lines.length > 0 && h('p', { class: 'small good row' }, icon('check'), t('amounts.holds')),
  );
}
