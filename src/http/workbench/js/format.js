// Figures as people read them. Money stays a string of digits until it is shown: no amount passes through a float.
import { lang, t } from './i18n.js';

/**
 * Money in hundredths, or null where the text is no amount.
 * @param {string|null|undefined} text
 * @returns {number|null}
 */
export function fen(text) {
  const found = /^(-?)(\d{1,12})(?:\.(\d{1,2}))?$/.exec(text ?? '');
  if (!found) return null;
  const whole = Number(found[2]) * 100 + Number((found[3] ?? '').padEnd(2, '0'));
  return found[1] ? -whole : whole;
}

/** @param {number} amount in hundredths */
export function money(amount) {
  const digits = String(Math.abs(amount)).padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${amount < 0 ? '−' : ''}${whole}.${digits.slice(-2)}`;
}

/** @param {string|null|undefined} text */
export function shownMoney(text) {
  const amount = fen(text);
  return amount === null ? (text ?? '–') : money(amount);
}

/** A share from 0 to 1. @param {number|null|undefined} share */
export function percent(share) {
  if (share === null || share === undefined) return '–';
  const value = share * 100;
  const digits = value >= 10 || value === 0 ? 1 : value >= 1 ? 1 : value >= 0.1 ? 2 : 3;
  return `${value.toFixed(digits)} %`;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long, in its largest unit. @param {number} ms */
export function span(ms) {
  const long = Math.abs(ms);
  if (long >= 2 * DAY) return t('time.days', { n: Math.floor(long / DAY) });
  if (long >= 2 * HOUR) return t('time.hours', { n: Math.floor(long / HOUR) });
  if (long >= MINUTE) return t('time.minutes', { n: Math.floor(long / MINUTE) });
  return t('time.moments');
}

/** @param {string} at RFC 3339 */
export const ago = (at) => t('time.ago', { span: span(Date.now() - Date.parse(at)) });

/** Day and minute in the reader's own time. @param {string|null|undefined} at RFC 3339 */
export function moment(at) {
  if (!at) return '–';
  const options = /** @type {const} */ ({
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  });
  return new Intl.DateTimeFormat(lang() === 'zh' ? 'zh-CN' : 'en-GB', options).format(new Date(at));
}

/** The legal clock of a case. @param {{ due_at: string, paused: boolean, state: string }} item */
export function clock(item) {
  const left = Date.parse(item.due_at) - Date.now();
  if (item.state === 'closed') return { text: t('clock.stopped'), tone: '', left };
  if (item.paused) return { text: t('clock.paused'), tone: '', left };
  if (left < 0) return { text: t('clock.over', { span: span(left) }), tone: 'bad', left };
  return { text: t('clock.left', { span: span(left) }), tone: left < 3 * DAY ? 'warn' : '', left };
}

/** A number with groups of thousands. @param {number} n */
export const count = (n) => new Intl.NumberFormat('en-US').format(n);

/** The first digits of a hash. @param {string} hash */
export const short = (hash) => (hash.length > 14 ? `${hash.slice(0, 12)}…` : hash);
