// Corrections that a person has made and not yet sent. They outlive a reload of the page, not its closing.
import { fen } from './format.js';
import { plain } from './amounts.js';

const MONEY = new Set([
  'total',
  'fund_payment',
  'other_payment',
  'account_payment',
  'cash_payment',
  'self_paid',
  'self_funded',
  'deposit',
  'top_up',
  'refund',
  'amount_without_tax',
  'tax',
  'subtotal',
  'rounding',
  'cash',
  'change',
]);
const DATES = new Set(['issue_date', 'visit_date', 'admission_date', 'discharge_date']);

/** @param {string} field @returns {'money'|'date'|'text'} */
export const typeOf = (field) => (MONEY.has(field) ? 'money' : DATES.has(field) ? 'date' : 'text');

/**
 * The value in its normal form, or null where it is none of the field's type.
 * @param {string} field
 * @param {string} text
 */
export function normal(field, text) {
  const trimmed = text.normalize('NFKC').trim();
  switch (typeOf(field)) {
    case 'money': {
      const amount = fen(trimmed.replace(/[,¥￥\s]/g, ''));
      return amount === null ? null : plain(amount);
    }
    case 'date': {
      const found = /^(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?$/.exec(trimmed);
      if (!found) return null;
      const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])];
      const date = new Date(Date.UTC(year, month - 1, day));
      return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.toISOString().slice(0, 10) : null;
    }
    default:
      return trimmed && trimmed.length <= 200 ? trimmed : null;
  }
}

export class Draft {
  /** @param {string} id of the case */
  constructor(id) {
    this.kept = `claimlens.draft.${id}`;
    /** @type {Map<string, { document: number, field: string, value: string }>} */
    this.changes = new Map(JSON.parse(sessionStorage.getItem(this.kept) ?? '[]'));
  }

  /** @param {number} document @param {string} field @param {string|null} value null takes the correction back */
  set(document, field, value) {
    const key = `${document}.${field}`;
    if (value === null) this.changes.delete(key);
    else this.changes.set(key, { document, field, value });
    this.save();
  }

  /** @param {number} document @param {string} field */
  get(document, field) {
    return this.changes.get(`${document}.${field}`)?.value;
  }

  /** @param {number} document @returns {Record<string, string>} */
  of(document) {
    return Object.fromEntries(
      [...this.changes.values()].filter((one) => one.document === document).map((one) => [one.field, one.value]),
    );
  }

  all() {
    return [...this.changes.values()];
  }

  clear() {
    this.changes.clear();
    this.save();
  }

  save() {
    if (this.changes.size) sessionStorage.setItem(this.kept, JSON.stringify([...this.changes]));
    else sessionStorage.removeItem(this.kept);
  }
}
