// Where an admin says which cards a case shows: by queue, in order, under which names.
import { get, request } from './api.js';
import { forget, usual } from './cards.js';
import { h, icon, put } from './dom.js';
import { moment } from './format.js';
import { lang, name, t } from './i18n.js';
import { bind } from './keys.js';
import { CARDS, KINDS } from './layout.js';
import { who } from './session.js';
import { button, desk, failure, kbd, toast, wrong } from './ui.js';

/** @typedef {import('./layout.js').Card} Card */
/** @typedef {import('./layout.js').CardKind} CardKind */
/** @typedef {import('./layout.js').Cards} Cards */
/** @typedef {import('./layout.js').CardsView} CardsView */

const NAME_MOST = 40;
const QUEUES_MOST = 32;

/** @param {HTMLElement} root */
export function cardsScreen(root) {
  /** @type {CardsView} */
  let view;
  /** @type {Cards} */
  let draft;
  /** @type {string[]} */
  let codes = [];
  /** Which queue is edited; the rest stands after the last. */
  let at = 0;
  /** What the keys move. @type {CardKind|null} */
  let chosen = null;
  let gone = false;

  const list = h('nav', { class: 'cards-queues panel', 'aria-label': t('cards.queues') });
  const editor = h('div', { class: 'cards-editor panel' });
  const foot = h('footer', { class: 'cards-foot row' });
  const told = h('p', { class: 'small quiet', role: 'status', 'aria-live': 'polite' });
  put(
    root,
    h(
      'div',
      { class: 'page cards' },
      desk('cards'),
      h('h1', {}, t('cards.title')),
      h('p', { class: 'quiet lead' }, t('cards.why')),
      h('div', { class: 'cards-columns' }, list, editor),
      foot,
    ),
  );
  put(editor, h('div', { class: 'skeleton line' }), h('div', { class: 'skeleton line' }));

  const may = () => who().open || who().role === 'admin';
  const changed = () => JSON.stringify(draft) !== JSON.stringify(view.cards);
  const queue = () => draft.queues[at];
  const shown = () => queue()?.cards ?? draft.rest;

  async function load() {
    try {
      const [found, reasons] = await Promise.all([get('/v1/cards'), get('/v1/reasons')]);
      if (gone) return;
      codes = reasons.reasons.map((/** @type {{ code: string }} */ one) => one.code);
      take(found);
    } catch (error) {
      if (!gone)
        put(
          editor,
          failure(error, () => void load()),
        );
    }
  }

  /** @param {CardsView} found */
  function take(found) {
    view = found;
    draft = structuredClone(found.cards);
    at = Math.min(at, draft.queues.length);
    draw();
  }

  function draw() {
    drawList();
    drawEditor();
    drawFoot();
  }

  function drawList() {
    const names = [...draft.queues.map((one) => one.name[lang()] || t('cards.new')), t('cards.rest')];
    put(
      list,
      names.map((text, n) =>
        h(
          'button',
          {
            type: 'button',
            class: 'cards-queue',
            'aria-current': n === at ? 'true' : null,
            on: {
              click: () => {
                at = n;
                chosen = null;
                draw();
              },
            },
          },
          h('span', { class: 'rung' }, n < draft.queues.length ? n + 1 : '·'),
          h('span', { class: 'cut' }, text),
        ),
      ),
      may() &&
        button([icon('plus'), t('cards.add')], add, {
          class: 'plain',
          disabled: draft.queues.length >= QUEUES_MOST,
        }),
    );
  }

  function add() {
    const used = new Set(draft.queues.filter((one) => !one.reason).map((one) => one.kind));
    draft.queues.push({
      name: { en: 'New queue', zh: '新队列' },
      kind: KINDS.find((kind) => !used.has(kind)) ?? 'unknown',
      cards: structuredClone(draft.rest),
    });
    at = draft.queues.length - 1;
    draw();
    document.getElementById('cards-name-en')?.focus();
  }

  function drawEditor() {
    const one = queue();
    const hidden = CARDS.filter((card) => !shown().some((row) => row.card === card));
    put(
      editor,
      h('header', {}, h('h2', {}, one ? one.name[lang()] : t('cards.rest'))),
      h(
        'div',
        { class: 'body' },
        one && queueFields(one),
        h('h3', {}, t('cards.shown')),
        h('ol', { class: 'cards-rows' }, shown().map(row)),
        told,
        h('h3', {}, t('cards.hidden')),
        hidden.length
          ? h(
              'ul',
              { class: 'cards-hidden row' },
              hidden.map((card) =>
                h(
                  'li',
                  {},
                  may()
                    ? button([icon('plus'), usual(card)], () => show(card), {
                        'aria-label': `${t('cards.show')}: ${usual(card)}`,
                      })
                    : usual(card),
                ),
              ),
            )
          : h('p', { class: 'small quiet' }, t('cards.none_hidden')),
      ),
    );
  }

  /** @param {import('./layout.js').Queue} one */
  function queueFields(one) {
    /** @param {'en'|'zh'} language */
    const input = (language) => {
      const element = h('input', {
        class: 'input',
        id: `cards-name-${language}`,
        maxlength: NAME_MOST,
        disabled: !may(),
        value: one.name[language],
      });
      element.addEventListener('input', () => {
        one.name[language] = element.value;
        element.setAttribute('aria-invalid', String(!element.value.trim()));
        drawList();
        drawFoot();
      });
      return h('div', {}, h('label', { class: 'label', for: element.id }, t(`cards.name_${language}`)), element);
    };
    /** @param {'kind'|'reason'} key @param {[string, string][]} options */
    const select = (key, options) => {
      const element = h(
        'select',
        { class: 'select', id: `cards-${key}`, disabled: !may() },
        options.map(([code, text]) => h('option', { value: code, selected: code === (one[key] ?? '') }, text)),
      );
      element.addEventListener('change', () => {
        if (element.value) one[key] = element.value;
        else delete one[key];
        drawFoot();
      });
      return h('div', {}, h('label', { class: 'label', for: element.id }, t(`cards.${key}`)), element);
    };
    const sorted = [...codes].sort((a, b) => name('code', a).localeCompare(name('code', b)));
    return h(
      'div',
      { class: 'cards-fields' },
      input('en'),
      input('zh'),
      select('kind', [
        ['', t('queue.any_kind')],
        ...KINDS.map((kind) => /** @type {[string, string]} */ ([kind, name('kind', kind)])),
      ]),
      select('reason', [
        ['', t('queue.any_reason')],
        ...sorted.map((code) => /** @type {[string, string]} */ ([code, name('code', code)])),
      ]),
      may() &&
        h(
          'div',
          { class: 'row cards-order' },
          button([icon('up'), t('cards.earlier')], () => order(-1), { class: 'tiny', disabled: at === 0 }),
          button([icon('below'), t('cards.later')], () => order(1), {
            class: 'tiny',
            disabled: at === draft.queues.length - 1,
          }),
          button([icon('cross'), t('cards.remove')], remove, { class: 'tiny' }),
        ),
    );
  }

  /** @param {Card} one @param {number} index */
  function row(one, index) {
    const called = usual(one.card);
    const last = shown().length - 1;
    const must = one.card === 'problems';
    const fault = h('span', { class: 'small bad', role: 'alert' });
    const inputs = /** @type {const} */ (['en', 'zh']).map((language) =>
      h('input', {
        class: 'input',
        maxlength: NAME_MOST,
        disabled: !may(),
        lang: language === 'zh' ? 'zh-CN' : 'en',
        placeholder: language === lang() ? called : language === 'en' ? 'English' : '中文',
        'aria-label': t(`cards.label_${language}`, { name: called }),
        value: one.label?.[language] ?? '',
      }),
    );
    for (const input of inputs) {
      input.addEventListener('input', () => {
        const [en = '', zh = ''] = inputs.map((each) => each.value.trim());
        if (en || zh) one.label = { en, zh };
        else delete one.label;
        put(fault, Boolean(en) !== Boolean(zh) && t('cards.both'));
        drawFoot();
      });
    }
    return h(
      'li',
      {
        class: 'cards-row',
        'data-card': one.card,
        'aria-current': chosen === one.card ? 'true' : null,
        on: {
          focusin: () => {
            chosen = one.card;
            mark();
          },
        },
      },
      h('span', { class: 'rung' }, index + 1),
      h('span', { class: 'cards-name' }, called, must && h('span', { class: 'small quiet' }, t('cards.always'))),
      inputs,
      may() && [
        button(icon('up'), () => move(one.card, -1), {
          class: 'icon plain up',
          disabled: index === 0,
          'aria-label': t('cards.up', { name: called }),
          title: t('cards.up', { name: called }),
        }),
        button(icon('below'), () => move(one.card, 1), {
          class: 'icon plain below',
          disabled: index === last,
          'aria-label': t('cards.down', { name: called }),
          title: t('cards.down', { name: called }),
        }),
        button(t('cards.hide'), () => hide(one.card), {
          class: 'tiny',
          disabled: must,
          'aria-label': `${t('cards.hide')}: ${called}`,
        }),
      ],
      fault,
    );
  }

  function mark() {
    for (const each of editor.querySelectorAll('.cards-row')) {
      if (/** @type {HTMLElement} */ (each).dataset.card === chosen) each.setAttribute('aria-current', 'true');
      else each.removeAttribute('aria-current');
    }
  }

  /** @param {CardKind|null} card @param {number} by */
  function move(card, by) {
    const all = shown();
    const from = all.findIndex((one) => one.card === card);
    const to = from + by;
    const moved = all[from];
    if (!may() || !moved || to < 0 || to >= all.length) return;
    all.splice(from, 1);
    all.splice(to, 0, moved);
    chosen = moved.card;
    drawEditor();
    drawFoot();
    // The button that was pressed, or the other one where it goes no further.
    const buttons = (by < 0 ? ['up', 'below'] : ['below', 'up']).map((button) => buttonOf(moved.card, button));
    buttons.find((one) => one && !one.disabled)?.focus();
    put(told, t('cards.moved', { name: usual(moved.card), n: to + 1, all: all.length }));
  }

  /** @param {CardKind} card @param {string} which */
  const buttonOf = (card, which) =>
    /** @type {HTMLButtonElement|null} */ (editor.querySelector(`[data-card="${card}"] .${which}`));

  /** @param {CardKind} card */
  function hide(card) {
    const all = shown();
    all.splice(
      all.findIndex((one) => one.card === card),
      1,
    );
    drawEditor();
    drawFoot();
    /** @type {HTMLElement|null} */ (editor.querySelector('.cards-hidden .button'))?.focus();
  }

  /** @param {CardKind} card */
  function show(card) {
    shown().push({ card });
    drawEditor();
    drawFoot();
    buttonOf(card, 'up')?.focus();
  }

  /** @param {number} by */
  function order(by) {
    const [one] = draft.queues.splice(at, 1);
    if (!one) return;
    at += by;
    draft.queues.splice(at, 0, one);
    draw();
  }

  function remove() {
    draft.queues.splice(at, 1);
    at = Math.min(at, draft.queues.length);
    draw();
  }

  function drawFoot() {
    const last = view.at
      ? [
          t('cards.last', { at: moment(view.at), by: view.by ?? t('cards.somebody') }),
          ' ',
          h('a', { href: `#/audit/entry/${view.entry}` }, t('step.entry', { n: view.entry })),
        ]
      : t('cards.never');
    put(
      foot,
      h('p', { class: 'small quiet grow' }, last),
      !may()
        ? h('p', { class: 'small quiet' }, t('cards.forbidden'))
        : [
            changed() && h('span', { class: 'chip warn' }, t('cards.changed')),
            button(t('cards.discard'), () => take(view), { disabled: !changed() }),
            button([t('cards.save'), kbd('Ctrl+s')], () => void save(), { class: 'primary', disabled: !changed() }),
          ],
    );
  }

  async function save() {
    if (!may() || !changed()) return;
    try {
      const answer = await request('PUT', '/v1/cards', { body: draft, headers: { 'If-Match': `"${view.entry}"` } });
      forget();
      toast(t('cards.saved'));
      const found = await answer.json();
      if (!gone) take(found);
    } catch (error) {
      toast(wrong(error), { bad: true });
    }
  }

  const unbind = bind({
    title: 'cards.title',
    bindings: [
      { keys: ['Alt+ArrowUp'], what: 'cards.up_key', act: () => move(chosen, -1) },
      { keys: ['Alt+ArrowDown'], what: 'cards.down_key', act: () => move(chosen, 1) },
      { keys: ['Ctrl+s'], what: 'cards.save', act: () => void save() },
    ],
  });
  void load();
  return () => {
    gone = true;
    unbind();
  };
}
