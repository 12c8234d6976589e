// The sheet on which a decision is written: what, why, and what follows from it.
import { h, icon, put } from './dom.js';
import { fen, shownMoney } from './format.js';
import { name, say, t } from './i18n.js';
import { bind } from './keys.js';
import { button, kbd, wrong } from './ui.js';

/** @typedef {import('./types.js').Case} Case */
/** @typedef {'approve'|'reject'|'request_photos'|'escalate'|'note'} Act */

/** The codes that the service knows, by verdict. */
export const WHY = /** @type {Record<string, string[]>} */ ({
  reject: ['altered', 'repeated', 'not_covered', 'not_the_insured', 'wrong_amount', 'unreadable', 'other'],
  request_photos: ['blurred', 'cut_off', 'glare', 'page_missing', 'wrong_document', 'other'],
});
const MOST = 2000;

/** What the photos' own faults suggest to ask for. @param {Case} item */
function advice(item) {
  const told = (item.result.documents ?? []).flatMap((doc) => doc.retake);
  const missing = (item.result.completeness?.needs ?? []).filter((need) => !need.met);
  const papers = missing.map((need) => say(need.message)).join(', ');
  const asked = papers ? [t('decide.papers', { papers })] : [];
  const words = [...new Set([...told.map((one) => say(one.message)), ...asked])].join(' ');
  const known =
    told.map((one) => one.code).find((code) => WHY.request_photos?.includes(code)) ??
    (papers ? 'page_missing' : undefined);
  const codes = item.reasons;
  const guess =
    known ??
    (codes.includes('unknown_document')
      ? 'wrong_document'
      : codes.includes('required_field_missing')
        ? 'cut_off'
        : undefined);
  return { words, code: guess };
}

/** What the machine's reasons suggest as reason of a rejection. @param {Case} item */
function guess(item) {
  const has = (/** @type {RegExp} */ pattern) => item.reasons.some((code) => pattern.test(code));
  if (has(/^(characters_|other_|picture_of|file_edited|document_forged)/)) return 'altered';
  if (has(/^seen_before/)) return 'repeated';
  if (has(/^name_differs/)) return 'not_the_insured';
  if (has(/^outside_policy/)) return 'not_covered';
  return undefined;
}

/** An amount that nobody knows takes two people as well. @param {string|null|undefined} amount @param {string} limit */
const aboveLimit = (amount, limit) => (fen(amount) ?? Infinity) > (fen(limit) ?? Infinity);

/**
 * @param {HTMLElement} place
 * @param {Act} act
 * @param {Case} item
 * @param {import('./draft.js').Draft} draft
 * @param {(body: Record<string, any>) => Promise<void>} send
 * @param {() => void} closed
 * @returns {() => void} closes it
 */
export function sheet(place, act, item, draft, send, closed) {
  const codes = WHY[act] ?? [];
  const hint =
    act === 'request_photos' ? advice(item) : { words: '', code: act === 'reject' ? guess(item) : undefined };
  const corrections = (act === 'approve' || act === 'reject') && !item.second ? draft.all() : [];
  const note = h('textarea', {
    class: 'textarea',
    id: 'why',
    maxlength: MOST,
    placeholder: t(`decide.placeholder_${act}`),
  });
  note.value = hint.words;
  const fault = h('p', { class: 'bad small', role: 'alert' });
  const radios = codes.map((code) =>
    h('input', { type: 'radio', name: 'reason', id: `why-${code}`, value: code, checked: code === hint.code }),
  );
  const go = button([t(`decide.go_${act}`), kbd('Ctrl+Enter')], () => void submit(), { class: `primary act-${act}` });
  const total = corrections.find((one) => one.field === 'total')?.value ?? item.amount;
  const asked = corrections.some((one) => one.field === 'total') ? 'decide.corrected' : 'decide.asked';
  const second = act === 'approve' && !item.second && aboveLimit(total, item.needs_second_above);

  async function submit() {
    const text = note.value.trim();
    const code = radios.find((radio) => radio.checked)?.value;
    note.setAttribute('aria-invalid', String(!text));
    if (!text) {
      put(fault, t('decide.no_note'));
      note.focus();
      return;
    }
    if (codes.length && !code) {
      put(fault, t('decide.no_reason'));
      radios[0]?.focus();
      return;
    }
    go.setAttribute('disabled', '');
    try {
      if (act === 'note' || act === 'escalate') await send({ note: text });
      else {
        await send({
          verdict: act,
          note: text,
          ...(code ? { reason: code } : {}),
          ...(corrections.length
            ? { corrections: corrections.map(({ document, field, value }) => ({ document, field, value })) }
            : {}),
        });
      }
      close();
    } catch (error) {
      go.removeAttribute('disabled');
      put(fault, wrong(error));
    }
  }

  const box = h(
    'div',
    { class: `sheet ${act}`, role: 'group', 'aria-label': t(`decide.${act}`) },
    h(
      'header',
      { class: 'row' },
      h(
        'h2',
        { class: 'grow' },
        t(`decide.${act}`),
        act === 'approve' && total && h('span', {}, ` · ${t(asked)} ${shownMoney(total)} ${item.currency ?? ''}`),
      ),
      button([icon('cross'), h('span', { class: 'sr' }, t('cancel'))], () => close(), { class: 'plain icon' }),
    ),
    second &&
      h(
        'p',
        { class: 'notice warn small' },
        icon('person'),
        t('decide.second', { limit: shownMoney(item.needs_second_above) }),
      ),
    corrections.length > 0 &&
      h(
        'ul',
        { class: 'small' },
        corrections.map((one) =>
          h(
            'li',
            {},
            icon('pen'),
            ' ',
            name('field', one.field),
            ': ',
            h(
              's',
              { class: 'quiet' },
              item.result.documents?.[one.document]?.fields[one.field]?.value ?? t('field.none'),
            ),
            ' → ',
            h('strong', {}, one.value),
          ),
        ),
      ),
    codes.length > 0 &&
      h(
        'fieldset',
        { class: 'whys' },
        h('legend', { class: 'label' }, t('decide.reason')),
        codes.map((code, index) => h('label', { for: `why-${code}` }, radios[index], h('span', {}, name('why', code)))),
      ),
    h('label', { class: 'label', for: 'why' }, t(`decide.note_${act}`)),
    note,
    fault,
    h(
      'div',
      { class: 'row' },
      h(
        'span',
        { class: 'small quiet grow' },
        act === 'note' || act === 'escalate' ? t('decide.logged') : t('decide.undo_hint'),
      ),
      go,
    ),
  );

  const unbind = bind({
    title: 'keys.sheet',
    modal: true,
    bindings: [
      { keys: ['Ctrl+Enter'], what: 'decide.send', act: () => void submit() },
      { keys: ['Escape'], what: 'cancel', act: () => close() },
    ],
  });
  const close = () => {
    unbind();
    box.remove();
    closed();
  };
  put(place, box);
  (codes.length ? (radios.find((radio) => radio.checked) ?? radios[0]) : note)?.focus();
  return close;
}
