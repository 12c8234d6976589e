// What on the paper says how much, held against the total. All in hundredths, as whole numbers.
import { fen } from './format.js';

/** @typedef {import('./types.js').Doc} Doc */
/** @typedef {{ label: string, amount: number|null, minus?: boolean }} Part */
/** @typedef {'holds'|'differs'|'covered'|'open'} Outcome */
/** @typedef {{ source: string, parts: Part[], amount: number|null, against: number|null, target: string,
 *   outcome: Outcome,   field?: string, check?: string }} Line */
/**
 * @typedef {{ total: number|null, lines: Line[], suggestion: { amount: number, sources: string[], text: string }|null
 *   }} Balance
 */

const PAYMENTS = ['fund_payment', 'other_payment', 'account_payment', 'cash_payment'];
const DIGITS = '零壹贰叁肆伍陆柒捌玖';
const PLAIN = '〇一二三四五六七八九';
const UNITS = /** @type {Record<string, number>} */ ({ 拾: 10, 十: 10, 佰: 100, 百: 100, 仟: 1000, 千: 1000 });

/**
 * An amount in Chinese capitals, in hundredths; null where it is none.
 * @param {string|null|undefined} text
 */
export function capitals(text) {
  const found = /^(?:人民币)?(?:([^元圆角分]+)[元圆])?(?:([^角])?角)?(?:零?([^分])分)?[整正]?$/.exec(
    (text ?? '').replace(/[\s:：(（)）¥￥]/g, ''),
  );
  if (!found || (!found[1] && !found[2] && !found[3])) return null;
  const digit = (/** @type {string} */ one) => Math.max(DIGITS.indexOf(one), PLAIN.indexOf(one));
  let whole = 0;
  let section = 0;
  let last = 0;
  for (const one of found[1] ?? '') {
    if (digit(one) >= 0) last = digit(one);
    else if (UNITS[one]) {
      section += (last || 1) * UNITS[one];
      last = 0;
    } else if (one === '万') {
      whole += (section + last) * 10_000;
      section = 0;
      last = 0;
    } else if (one === '亿') {
      whole = (whole + section + last) * 100_000_000;
      section = 0;
      last = 0;
    } else return null;
  }
  const [tens, ones] = [found[2] ? digit(found[2]) : 0, found[3] ? digit(found[3]) : 0];
  if (tens < 0 || ones < 0) return null;
  return (whole + section + last) * 100 + tens * 10 + ones;
}

/** @param {number} amount */
export const plain = (amount) =>
  `${amount < 0 ? '-' : ''}${Math.floor(Math.abs(amount) / 100)}.${String(Math.abs(amount) % 100).padStart(2, '0')}`;

/**
 * Every statement about the amount, and whether it holds.
 * @param {Doc} doc
 * @param {string|undefined} claimed what the claim asks for
 * @param {Record<string, string>} corrected what a person put in place of what was read
 * @returns {Balance}
 */
export function balance(doc, claimed, corrected) {
  const text = (/** @type {string} */ field) => corrected[field] ?? doc.fields[field]?.value;
  const value = (/** @type {string} */ field) => fen(text(field));
  const finding = (/** @type {string} */ check) =>
    doc.findings.find((one) => one.check === check && one.outcome !== 'not_applicable');
  const total = value('total');
  /** @type {Line[]} */
  const lines = [];
  /** @param {Omit<Line, 'outcome'>} line */
  const tell = (line) => {
    const known = line.amount !== null && line.against !== null;
    lines.push({ ...line, outcome: !known ? 'open' : line.amount === line.against ? 'holds' : 'differs' });
  };
  const part = (/** @type {string} */ field, minus = false) => ({ label: field, amount: value(field), minus });
  const sum = (/** @type {Part[]} */ parts) =>
    parts.every((one) => one.amount !== null)
      ? parts.reduce((all, one) => all + (one.minus ? -1 : 1) * (one.amount ?? 0), 0)
      : null;

  if (doc.fields.total_in_words) {
    const words = corrected.total_in_words === undefined ? fen(finding('total_in_words')?.detail.words) : null;
    tell({
      source: 'words',
      parts: [],
      amount: words ?? capitals(text('total_in_words')),
      against: total,
      target: 'total',
      field: 'total_in_words',
      check: 'total_in_words',
    });
  }
  if (doc.items.length) {
    const rows = doc.items.map((item) => ({ label: item.name, amount: fen(item.amount) }));
    const target = doc.fields.subtotal ? 'subtotal' : doc.fields.amount_without_tax ? 'amount_without_tax' : 'total';
    const all = sum(rows);
    tell({
      source: 'rows',
      parts: rows,
      amount: all,
      against: all === total && total !== null ? total : value(target),
      target: all === total && total !== null ? 'total' : target,
      check: 'items_sum',
    });
  }
  if (PAYMENTS.some((field) => doc.fields[field])) {
    const parts = PAYMENTS.filter((field) => doc.fields[field]).map((field) => part(field));
    tell({ source: 'payments', parts, amount: sum(parts), against: total, target: 'total', check: 'payment_split' });
  }
  if (doc.fields.subtotal) {
    // Prices may hold the tax already: whichever sum comes to the total is meant.
    const ways = [['subtotal', 'tax', 'rounding'], ['subtotal', 'rounding'], ['subtotal', 'tax'], ['subtotal']].map(
      (fields) => fields.filter((field) => doc.fields[field]).map((field) => part(field)),
    );
    const first = /** @type {Part[]} */ (ways.find((parts) => total !== null && sum(parts) === total) ?? ways[0]);
    tell({
      source: 'subtotal',
      parts: first,
      amount: sum(first),
      against: total,
      target: 'total',
      check: 'subtotal_sum',
    });
  }
  if (doc.fields.cash && doc.fields.change) {
    const parts = [part('cash'), part('change', true)];
    tell({ source: 'cash', parts, amount: sum(parts), against: total, target: 'total', check: 'cash_change' });
  }
  if (doc.fields.amount_without_tax && doc.fields.tax) {
    const parts = [part('amount_without_tax'), part('tax')];
    tell({ source: 'tax', parts, amount: sum(parts), against: total, target: 'total', check: 'tax_sum' });
  }
  if (doc.fields.deposit && doc.fields.cash_payment) {
    const parts = ['deposit', 'top_up'].filter((field) => doc.fields[field]).map((field) => part(field));
    if (doc.fields.refund) parts.push(part('refund', true));
    const [amount, cash] = [sum(parts), value('cash_payment')];
    const [account, other] = [value('account_payment') ?? 0, value('other_payment') ?? 0];
    // Some provinces count in what the account or other funds paid.
    const counted = [account, other, account + other].find((added) => cash !== null && cash + added === amount) ?? 0;
    tell({
      source: 'deposit',
      parts,
      amount,
      against: cash === null ? null : cash + counted,
      target: 'cash_payment',
      check: 'deposit_sum',
    });
  }
  const code = fen(finding('qr_matches_print')?.detail.qr_amount);
  if (code !== null)
    tell({ source: 'qr', parts: [], amount: code, against: total, target: 'total', check: 'qr_matches_print' });
  const suggestion = suggest(lines, total);
  const asked = fen(claimed) ?? fen(finding('claim_amount')?.detail.claimed);
  if (asked !== null && finding('claim_amount')) {
    const against = lone(doc) ? total : fen(finding('claim_amount')?.detail.documents);
    const outcome = against === null ? 'open' : asked === against ? 'holds' : asked < against ? 'covered' : 'differs';
    lines.push({
      source: 'claim',
      parts: [],
      amount: asked,
      against,
      target: lone(doc) ? 'total' : 'documents',
      outcome,
      check: 'claim_amount',
    });
  }
  return { total, lines, suggestion };
}

/** Whether the claim's papers come to just this one's total. @param {Doc} doc */
function lone(doc) {
  const told = doc.findings.find((one) => one.check === 'claim_amount')?.detail.documents;
  return told === undefined || told === doc.fields.total?.value;
}

/**
 * What the others say instead of the total, where at least two of them say the same and more than agree with it.
 * @param {Line[]} lines
 * @param {number|null} total
 */
function suggest(lines, total) {
  /** @type {Map<number, string[]>} */
  const said = new Map();
  for (const line of lines) {
    if (line.target !== 'total' || line.amount === null) continue;
    said.set(line.amount, [...(said.get(line.amount) ?? []), line.source]);
  }
  const best = [...said].sort((a, b) => b[1].length - a[1].length)[0];
  if (!best || best[0] === total || best[1].length < 2) return null;
  if (total !== null && (said.get(total)?.length ?? 0) >= best[1].length) return null;
  return { amount: best[0], sources: best[1], text: plain(best[0]) };
}
