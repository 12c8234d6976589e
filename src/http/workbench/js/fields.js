// What was read: the problems with why, and every field, each with its place on the photo.
import { h, icon, put } from './dom.js';
import { percent, shownMoney } from './format.js';
import { name, say, t } from './i18n.js';
import { typeOf, normal } from './draft.js';
import { button, kbd } from './ui.js';

/** @typedef {import('./types.js').Doc} Doc */
/** @typedef {import('./types.js').Polygon} Polygon */
/** @typedef {import('./problems.js').Problem} Problem */

/** @typedef {{ doc: Doc, index: number, corrected: Record<string, string>, troubled: Set<string>, editing: string|null,
 *   crop: (field: string) => HTMLCanvasElement|null, mayCorrect: boolean, agrees: () => boolean,
 *   hover: (fields: string[], regions: Polygon[]) => void, focus: (key: string) => void,
 *   edit: (key: string|null) => void, correct: (field: string, value: string|null) => void }} FieldContext */

const GROUPS = /** @type {[string, string[]][]} */ ([
  [
    'amounts',
    [
      'total',
      'total_in_words',
      'subtotal',
      'amount_without_tax',
      'tax',
      'rounding',
      'cash',
      'change',
      'fund_payment',
      'other_payment',
      'account_payment',
      'cash_payment',
      'self_paid',
      'self_funded',
      'deposit',
      'top_up',
      'refund',
    ],
  ],
  [
    'person',
    [
      'payer_name',
      'patient_name',
      'buyer_name',
      'payer_id',
      'buyer_tax_id',
      'sex',
      'age',
      'insurance_type',
      'insurance_number',
    ],
  ],
  [
    'paper',
    [
      'bill_title',
      'bill_code',
      'bill_number',
      'check_code',
      'invoice_code',
      'invoice_number',
      'issue_date',
      'issuer_name',
      'seller_name',
      'issuer_id',
      'seller_tax_id',
      'issuer_address',
      'institution_type',
    ],
  ],
  [
    'visit',
    [
      'visit_date',
      'admission_date',
      'discharge_date',
      'stay_days',
      'department',
      'diagnosis',
      'outpatient_number',
      'case_number',
      'admission_number',
      'business_serial',
      'reviewer',
      'cashier',
    ],
  ],
]);

/** A value as it is read best. @param {string} field @param {string|null|undefined} value */
const shown = (field, value) =>
  value === null || value === undefined ? null : typeOf(field) === 'money' ? shownMoney(value) : value;

/** Two readings, with what differs marked. @param {Record<string, string>} readers */
function readings(readers) {
  const all = Object.entries(readers);
  if (all.length < 2 || new Set(all.map(([, text]) => text)).size < 2) return null;
  const longest = Math.max(...all.map(([, text]) => text.length));
  const odd = Array.from({ length: longest }, (_, at) => new Set(all.map(([, text]) => text[at])).size > 1);
  return h(
    'dl',
    { class: 'readings small' },
    all.map(([reader, text]) => [
      h('dt', { class: 'quiet' }, name('reader', reader)),
      h(
        'dd',
        { class: 'mono' },
        [...text].map((one, at) => (odd[at] ? h('mark', {}, one) : one)),
      ),
    ]),
  );
}

/** Where a value is written anew. @param {string} key @param {string} field @param {FieldContext} context */
function editor(key, field, context) {
  const { doc, corrected } = context;
  const was = doc.fields[field]?.value ?? '';
  const input = h('input', {
    class: 'input edit',
    id: 'edit',
    'aria-label': t('field.correct_label', { field: name('field', field) }),
    autocomplete: 'off',
    spellcheck: 'false',
    value: corrected[field] ?? was,
    inputmode: typeOf(field) === 'money' ? 'decimal' : null,
  });
  const fault = h('span', { class: 'bad small', role: 'alert' });
  const save = () => {
    const value = normal(field, input.value);
    if (value === null) {
      input.setAttribute('aria-invalid', 'true');
      put(fault, t(`field.invalid_${typeOf(field)}`));
      return;
    }
    context.correct(field, value === was ? null : value);
  };
  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      event.stopPropagation();
      save();
    }
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      context.edit(null);
    }
  });
  queueMicrotask(() => {
    input.focus();
    input.select();
  });
  return h(
    'div',
    { class: 'editor' },
    input,
    button([t('field.save'), kbd('Enter')], save, { class: 'tiny primary' }),
    corrected[field] !== undefined && button(t('field.restore'), () => context.correct(field, null), { class: 'tiny' }),
    fault,
  );
}

/** @param {string} key @param {string} field @param {FieldContext} context */
function value(key, field, context) {
  const { doc } = context;
  const found = doc.fields[field];
  const corrected = context.corrected[field];
  if (context.editing === key) return editor(key, field, context);
  if (corrected !== undefined) {
    return h(
      'span',
      { class: 'value' },
      h('s', { class: 'quiet' }, shown(field, found?.value) ?? t('field.none')),
      ' ',
      h('strong', {}, shown(field, corrected)),
      ' ',
      h('span', { class: 'chip accent' }, t('field.corrected')),
    );
  }
  if (!found) return h('span', { class: 'value quiet' }, t('field.missing'));
  if (found.value === null) return h('span', { class: 'value warn' }, t('field.unclear', { text: found.text || '–' }));
  return h('span', { class: `value wrap ${typeOf(field)}` }, shown(field, found.value));
}

/**
 * What a card or row does when it is pointed at or chosen.
 * @param {string} key
 * @param {string[]} fields
 * @param {Polygon[]} regions
 * @param {FieldContext} context
 */
const linked = (key, fields, regions, context) => ({
  'data-key': key,
  tabindex: '-1',
  on: {
    pointerenter: () => context.hover(fields, regions),
    pointerleave: () => context.hover([], []),
    click: (/** @type {Event} */ event) => {
      if (!(event.target instanceof HTMLElement && event.target.closest('button, input'))) context.focus(key);
    },
  },
});

/** @param {Problem} problem @param {FieldContext} context */
export function problemCard(problem, context) {
  const { field, reasons, key } = problem;
  const fields = [...new Set(reasons.flatMap((one) => one.fields))];
  const regions = reasons.flatMap((one) => one.regions);
  const found = field ? context.doc.fields[field] : undefined;
  const agrees = field !== null && context.corrected[field] !== undefined && context.agrees();
  return h(
    'article',
    { class: `problem ${field ? '' : 'whole'}`, ...linked(key, field ? [field] : fields, regions, context) },
    field &&
      h(
        'header',
        { class: 'row' },
        h('h3', {}, name('field', field)),
        value(key, field, context),
        h('span', { class: 'grow' }),
        context.mayCorrect &&
          context.editing !== key &&
          button([icon('pen'), t('field.correct')], () => context.edit(key), { class: 'tiny plain' }),
      ),
    field && (context.crop(field) ?? null),
    found && readings(found.readers),
    h(
      'ul',
      { class: 'whys-list' },
      reasons.map((one) =>
        h('li', { class: 'row', title: one.code }, icon('warn'), h('span', { class: 'grow' }, say(one.message))),
      ),
    ),
    agrees && h('p', { class: 'small good row' }, icon('check'), t('amounts.agrees_now')),
    found &&
      found.repairs.length > 0 &&
      h('p', { class: 'small quiet' }, t('field.repaired', { how: found.repairs.join(', ') })),
  );
}

/** @param {FieldContext} context */
export function fieldTable(context) {
  const { doc, troubled } = context;
  const told = new Set(GROUPS.flatMap(([, fields]) => fields));
  const rest = Object.keys(doc.fields).filter((field) => !told.has(field));
  return h(
    'div',
    { class: 'fields' },
    [...GROUPS, /** @type {[string, string[]]} */ (['other', rest])].map(([group, fields]) => {
      const there = fields.filter((field) => doc.fields[field] || context.corrected[field] !== undefined);
      if (!there.length) return null;
      return h(
        'section',
        {},
        h('h3', { class: 'group' }, name('group', group)),
        there.map((field) => {
          const found = doc.fields[field];
          const key = `field.${context.index}.${field}`;
          const low = found && found.value !== null && found.confidence < 0.9;
          return h(
            'div',
            { class: `field-row ${troubled.has(field) ? 'troubled' : ''}`, ...linked(key, [field], [], context) },
            h('span', { class: 'field-name' }, name('field', field)),
            value(key, field, context),
            found &&
              found.value !== null &&
              h(
                'span',
                { class: `small num ${low ? 'warn' : 'quiet'}`, title: t('field.confidence') },
                percent(found.confidence),
              ),
            context.mayCorrect &&
              button(icon('pen'), () => context.edit(key), {
                class: 'tiny plain icon pen',
                'aria-label': t('field.correct_label', { field: name('field', field) }),
              }),
          );
        }),
      );
    }),
  );
}

/** @param {FieldContext} context */
export function itemTable({ doc, hover }) {
  if (!doc.items.length) return null;
  return h(
    'table',
    { class: 'table items' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', {}, t('items.name')),
        h('th', { class: 'num' }, t('items.quantity')),
        h('th', { class: 'num' }, t('items.amount')),
      ),
    ),
    h(
      'tbody',
      {},
      doc.items.map((item) =>
        h(
          'tr',
          { on: { pointerenter: () => hover([], [item.polygon]), pointerleave: () => hover([], []) } },
          h('td', { class: 'wrap' }, item.name),
          h('td', { class: 'num quiet' }, [item.quantity, item.unit].filter(Boolean).join(' ')),
          h('td', { class: 'num' }, shownMoney(item.amount)),
        ),
      ),
    ),
  );
}
