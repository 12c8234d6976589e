// Where an admin says which reviewer works on which papers.
import { Problem, get, request } from './api.js';
import { h, icon, put } from './dom.js';
import { count, moment } from './format.js';
import { name, t } from './i18n.js';
import { bind } from './keys.js';
import { KINDS } from './layout.js';
import { who } from './session.js';
import { LANGUAGES, refused, toggled } from './skills.js';
import { button, desk, failure, kbd, toast, wrong } from './ui.js';

/** @typedef {import('./skills.js').Reviewer} Reviewer */
/** @typedef {import('./skills.js').Skills} Skills */
/** @typedef {import('./skills.js').SkillsView} SkillsView */

/** What each column of choices offers, and what it says where nothing is chosen. */
const CHOICES = /** @type {const} */ ({
  kinds: { all: KINDS, family: 'kind', any: 'queue.any_kind' },
  languages: { all: LANGUAGES, family: 'language', any: 'queue.any_language' },
});

/** What was not saved when somebody left, such as for the page in the other language.
 * @type {{ entry: number, skills: Skills }|null} */
let unsaved = null;

/** @param {HTMLElement} root */
export function skillsScreen(root) {
  /** What is in force; null until it came. @type {SkillsView|null} */
  let view = null;
  /** @type {Skills} */
  let draft = { reviewers: [] };
  /** Whether somebody else saved meanwhile. */
  let overtaken = false;
  let saving = false;
  let gone = false;

  const open = h('div', { class: 'skills-open' });
  const list = h('div', { class: 'skills-list panel' });
  const told = h('p', { class: 'sr', role: 'status', 'aria-live': 'polite' });
  const foot = h('footer', { class: 'skills-foot row' });
  const may = () => who().open || who().role === 'admin';
  const changed = () => view !== null && JSON.stringify(draft) !== JSON.stringify(view.skills);

  const fault = h('p', { class: 'small bad', id: 'skills-fault', role: 'alert' });
  const input = h('input', {
    class: 'input',
    id: 'skills-name',
    maxlength: 64,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': 'skills-fault',
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.isComposing) add();
    if (event.key === 'Escape') input.blur();
  });
  input.addEventListener('input', () => tell(null));

  put(
    root,
    h(
      'div',
      { class: 'page skills' },
      may() && desk('skills'),
      h('h1', {}, t('skills.title')),
      h('p', { class: 'quiet lead' }, t('skills.why')),
      open,
      list,
      told,
      foot,
    ),
  );
  put(list, h('div', { class: 'skeleton line' }), h('div', { class: 'skeleton line' }));

  async function load() {
    try {
      const found = await get('/v1/skills');
      if (!gone) take(found);
    } catch (error) {
      if (!gone)
        put(
          list,
          failure(error, () => void load()),
        );
    }
  }

  /** @param {SkillsView} found */
  function take(found) {
    view = found;
    const kept = unsaved?.entry === found.entry ? unsaved.skills : found.skills;
    draft = structuredClone(kept);
    unsaved = null;
    overtaken = false;
    draw();
  }

  function draw() {
    drawOpen();
    drawList();
    drawFoot();
  }

  function drawOpen() {
    if (!view) return;
    const { cases, unsuited } = view.open;
    put(
      open,
      view.skills.reviewers.length > 0 && unsuited > 0
        ? h(
            'p',
            { class: 'notice warn' },
            icon('warn'),
            h('span', {}, t('skills.unsuited', { n: count(unsuited), all: count(cases) })),
          )
        : h('p', { class: 'small quiet' }, t('skills.open', { n: count(cases) })),
    );
  }

  /** Finds the button, or the name to be typed, at which the keyboard is, once the list is drawn anew. */
  function place() {
    const at = document.activeElement;
    const called = at instanceof HTMLElement && list.contains(at) && at.closest('tr')?.dataset.reviewer;
    if (!called) return () => (at === input ? input : null);
    const buttons = () => [...list.querySelectorAll(`[data-reviewer="${called}"] button`)];
    const nth = buttons().indexOf(at);
    return () => buttons()[nth];
  }

  function drawList() {
    const { reviewers } = draft;
    const before = place();
    put(
      list,
      reviewers.length > 0
        ? h(
            'table',
            { class: 'table' },
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                h('th', { scope: 'col' }, t('skills.reviewer')),
                h('th', { scope: 'col' }, t('skills.kinds')),
                h('th', { scope: 'col' }, t('skills.languages')),
                h('th', { scope: 'col', class: 'num' }, t('skills.suits')),
                may() && h('td', {}),
              ),
            ),
            h('tbody', {}, reviewers.map(line)),
          )
        : h('div', { class: 'empty' }, h('h2', {}, t('skills.none')), h('p', {}, t('skills.none_why'))),
      may() &&
        h(
          'div',
          { class: 'skills-add' },
          h('label', { class: 'label', for: 'skills-name' }, t('skills.name')),
          h('div', { class: 'row' }, input, button([icon('plus'), t('skills.add')], add)),
          fault,
        ),
    );
    const found = before();
    if (found instanceof HTMLElement) found.focus();
  }

  /** @param {Reviewer} one */
  function line(one) {
    const suits = h('td', { class: 'num' }, suited(one));
    const chosen = () => {
      put(suits, suited(one));
      drawFoot();
    };
    return h(
      'tr',
      { 'data-reviewer': one.name },
      h('th', { scope: 'row', class: 'wrap' }, one.name),
      h('td', {}, choices(one, 'kinds', chosen)),
      h('td', {}, choices(one, 'languages', chosen)),
      suits,
      may() &&
        h(
          'td',
          { class: 'skills-remove' },
          button(icon('cross'), () => remove(one), {
            class: 'icon plain',
            'aria-label': t('skills.remove', { name: one.name }),
            title: t('skills.remove', { name: one.name }),
          }),
        ),
    );
  }

  /** How many cases suit somebody, as far as what stands here is in force. @param {Reviewer} one */
  function suited(one) {
    const saved = view?.skills.reviewers.find((each) => each.name === one.name);
    const found = view?.open.of.find((each) => each.name === one.name);
    return found && JSON.stringify(saved) === JSON.stringify(one)
      ? count(found.cases)
      : h('span', { class: 'small quiet' }, t('skills.once_saved'));
  }

  /**
   * What somebody works on, to be chosen; the first says that it is all.
   * @param {Reviewer} one
   * @param {keyof typeof CHOICES} which
   * @param {() => void} chosen
   */
  function choices(one, which, chosen) {
    const { all, family, any } = CHOICES[which];
    const label = t(`skills.${which}_of`, { name: one.name });
    if (!may()) {
      const names = one[which].length ? one[which].map((code) => name(family, code)) : [t(any)];
      return h(
        'ul',
        { class: 'chips', 'aria-label': label },
        names.map((text) => h('li', { class: 'chip' }, text)),
      );
    }
    const chips = ['', ...all].map((code) =>
      button(
        code ? name(family, code) : t(any),
        () => {
          one[which] = code ? toggled(one[which], code, all) : [];
          mark();
          chosen();
        },
        { class: 'chip', 'data-code': code },
      ),
    );
    const mark = () => {
      for (const chip of chips) {
        const code = chip.dataset.code ?? '';
        chip.setAttribute('aria-pressed', String(code ? one[which].includes(code) : one[which].length === 0));
      }
    };
    mark();
    return h('div', { class: 'chips', role: 'group', 'aria-label': label }, chips);
  }

  /** What speaks against the name that somebody typed. @param {string|null} text */
  function tell(text) {
    put(fault, text);
    input.setAttribute('aria-invalid', String(text !== null));
  }

  /** Lists whoever's name was typed; tells whether that was possible. */
  function add() {
    const called = input.value.trim();
    const against = refused(called, draft.reviewers);
    tell(against);
    if (against) {
      input.focus();
      return false;
    }
    draft.reviewers.push({ name: called, kinds: [], languages: [] });
    input.value = '';
    drawList();
    drawFoot();
    put(told, t('skills.added', { name: called }));
    /** @type {HTMLElement|null} */ (list.querySelector('tbody tr:last-child .chip'))?.focus();
    return true;
  }

  /** @param {Reviewer} one */
  function remove(one) {
    const at = draft.reviewers.indexOf(one);
    draft.reviewers.splice(at, 1);
    drawList();
    drawFoot();
    put(told, t('skills.removed', { name: one.name }));
    const next = list.querySelectorAll('.skills-remove .button')[Math.min(at, draft.reviewers.length - 1)];
    (next instanceof HTMLElement ? next : input).focus();
  }

  function drawFoot() {
    if (!view) return;
    const last = view.at
      ? [
          t('cards.last', { at: moment(view.at), by: view.by ?? t('cards.somebody') }),
          ' ',
          h('a', { href: `#/audit/entry/${view.entry}` }, t('step.entry', { n: view.entry })),
        ]
      : t('skills.never');
    const acts = overtaken
      ? [
          h('span', { class: 'small bad', role: 'alert' }, t('problem.skills_changed')),
          button(t('skills.reload'), () => void load(), { class: 'primary' }),
        ]
      : [
          changed() && h('span', { class: 'chip warn' }, t('cards.changed')),
          button(t('cards.discard'), discard, { disabled: !changed() }),
          button([t('cards.save'), kbd('Ctrl+s')], () => void save(), { class: 'primary', disabled: !changed() }),
        ];
    put(
      foot,
      h('p', { class: 'small quiet grow' }, last),
      may() ? acts : h('p', { class: 'small quiet' }, t('skills.forbidden')),
    );
  }

  function discard() {
    if (view) take(view);
  }

  async function save() {
    if (!may() || overtaken || saving || !view) return;
    // A name that was typed and not added yet is meant as well.
    if ((input.value.trim() && !add()) || !changed()) return;
    saving = true;
    try {
      const headers = { 'If-Match': `"${view.entry}"` };
      const found = await (await request('PUT', '/v1/skills', { body: draft, headers })).json();
      toast(t('skills.saved'));
      if (!gone) take(found);
    } catch (error) {
      overtaken = error instanceof Problem && error.code === 'skills_changed';
      if (overtaken && !gone) drawFoot();
      else toast(wrong(error), { bad: true });
    } finally {
      saving = false;
    }
  }

  const unbind = bind({
    title: 'skills.title',
    bindings: [
      { keys: ['a'], what: 'skills.add', act: () => input.focus() },
      { keys: ['Ctrl+s'], what: 'cards.save', act: () => void save() },
    ],
  });
  void load();
  return () => {
    gone = true;
    unsaved = view && changed() ? { entry: view.entry, skills: draft } : null;
    unbind();
  };
}
