// Parts of the audit screen: verdicts, facts, and a line of the log.
import { h, icon } from './dom.js';
import { t } from './i18n.js';

/**
 * An entry of the log, as the list tells of it.
 * @typedef {{ position: number, at: string, kind: string, subject: string, hash?: string, payload?: any,
 *   reader?: string|null }} Entry
 */

/** What stands before an entry of a kind. */
export const MARKS = /** @type {Record<string, Parameters<typeof icon>[0]>} */ ({
  claim_accepted: 'down',
  decision: 'check',
  claim_failed: 'cross',
  claim_read: 'blink',
  claim_erased: 'cross',
  review_claimed: 'person',
  review_taken_over: 'person',
  review_released: 'person',
  review_decided: 'check',
  review_seconded: 'check',
  review_paired: 'check',
  review_agreed: 'check',
  review_parted: 'flag',
  claim_known: 'blink',
  review_undone: 'turn',
  review_escalated: 'flag',
  review_noted: 'note',
  claim_appealed: 'flag',
  claim_withdrawn: 'cross',
  claim_nudged: 'clock',
  review_task_done: 'check',
  review_overdue: 'clock',
  photos_asked: 'photo',
  photos_added: 'photo',
  policy_adopted: 'flag',
  policy_backtested: 'turn',
  cards_changed: 'pen',
  skills_changed: 'pen',
  outcome: 'check',
  key_rotated: 'shield',
  gate_closed: 'warn',
  gate_reopened: 'check',
});

/** @param {boolean|null} ok @param {string} yes @param {string} no */
export const verdict = (ok, yes, no) =>
  h(
    'p',
    { class: `notice ${ok ? 'good' : ok === null ? 'warn' : 'bad'}` },
    icon(ok ? 'check' : 'warn'),
    h('span', { class: 'wrap' }, ok ? yes : ok === null ? t('audit.no_ed25519') : no),
  );

/** @param {[string, import('./dom.js').Child][]} rows */
export const facts = (rows) =>
  h(
    'dl',
    { class: 'facts' },
    rows.map(([term, value]) => [h('dt', {}, term), h('dd', { class: 'wrap' }, value)]),
  );
