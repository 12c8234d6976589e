// One case: the photo on the left, on the right what was read, what does not hold, and what a person decides.
import { Problem } from './api.js';
import { act, cameFrom, keep, likelyNext, nextCase, nothingNext, openCase, picture, prefetch } from './cases.js';
import { balance } from './amounts.js';
import { cards, guarded, title } from './cards.js';
import { crop } from './crop.js';
import { h, icon, put } from './dom.js';
import { Draft } from './draft.js';
import { sheet } from './decide.js';
import { fieldTable, itemTable, problemCard } from './fields.js';
import { clock, moment, percent, shownMoney } from './format.js';
import { name, say, t } from './i18n.js';
import { bind } from './keys.js';
import { CARDS, cardsOf } from './layout.js';
import { ledger } from './ledger.js';
import { foremost, gather, troubled } from './problems.js';
import { compare, relatedList } from './related.js';
import { who } from './session.js';
import { signals } from './signals.js';
import { spoken } from './skills.js';
import { finishDialog, mayFinish } from './tasks.js';
import { brief, standing, timeline } from './timeline.js';
import { button, countdown, dialog, failure, kbd, toast, wrong } from './ui.js';
import { Viewer } from './viewer.js';

/** @typedef {import('./types.js').Case} Case */
/** @typedef {import('./types.js').Doc} Doc */
/** @typedef {import('./decide.js').Act} Act */
/** @typedef {import('./layout.js').CardKind} CardKind */

/** @param {HTMLElement} root @param {string[]} parts */
export function caseScreen(root, parts) {
  const id = parts[0] ?? '';
  /** @type {Case} */
  let item;
  /** @type {Draft} */
  const draft = new Draft(id);
  /** @type {Viewer} */
  let viewer;
  let index = 0;
  let focused = /** @type {string|null} */ (null);
  let editing = /** @type {string|null} */ (null);
  let cut = /** @type {{ image: HTMLImageElement, page: boolean }|null} */ (null);
  let closeSheet = () => {};
  let taking = /** @type {Promise<boolean>|null} */ (null);
  let gone = false;
  let unbind = () => {};

  const strip = h('header', { class: 'case-strip' });
  const left = h('div', { class: 'case-left' });
  const index_nav = h('nav', { class: 'case-nav', 'aria-label': t('case.sections') });
  const scroll = h('div', { class: 'case-scroll', tabindex: '0', role: 'region', 'aria-label': t('case.read') });
  const sheetPlace = h('div', { class: 'sheet-place' });
  const bar = h('footer', { class: 'case-bar', role: 'toolbar', 'aria-label': t('case.decide') });
  const box = (/** @type {CardKind} */ kind) =>
    h('section', { class: `part ${kind === 'brief' ? 'opening' : kind}`, id: `part-${kind}` });
  const boxes = /** @type {Record<CardKind, HTMLElement>} */ (
    Object.fromEntries(CARDS.map((kind) => [kind, box(kind)]))
  );
  /** @type {import('./layout.js').Card[]} */
  let shown = [];
  put(
    root,
    h('div', { class: 'case' }, strip, left, h('div', { class: 'case-right' }, index_nav, scroll, sheetPlace, bar)),
  );
  put(left, h('div', { class: 'skeleton viewer-wait' }));
  put(
    scroll,
    Array.from({ length: 5 }, () => h('div', { class: 'skeleton line' })),
  );

  /** @returns {Doc[]} */
  const docs = () => item.result.documents ?? [];
  const doc = () => docs()[index];
  const reasons = () => item.result.reasons ?? [];
  const mine = () => item.holder !== null && item.holder === who().name;

  async function load() {
    try {
      let all;
      [item, all] = await Promise.all([openCase(id), cards()]);
      shown = cardsOf(all, item);
    } catch (error) {
      if (gone) return;
      put(
        root,
        h(
          'div',
          { class: 'page' },
          error instanceof Problem && error.status === 404
            ? h(
                'div',
                { class: 'empty' },
                h('h2', {}, t('case.none')),
                h('a', { class: 'button', href: cameFrom.list }, t('case.back')),
              )
            : failure(error, () => void caseScreen(root, parts)),
        ),
      );
      return;
    }
    if (gone) return;
    document.title = `${item.external_id ?? item.id} · claimlens`;
    viewer = new Viewer({ claim: id, onPick: (field) => focus(keyOf(field), false), onHover: (field) => mark(field) });
    put(left, docs().length ? viewer.element : h('div', { class: 'empty' }, h('h2', {}, t('case.no_documents'))));
    put(
      scroll,
      shown.map(({ card }) => boxes[card]),
    );
    if (docs().length) showDocument(foremost(item.result));
    else draw();
    card('related', () => [
      heading('related'),
      relatedList(id, openCompare, (count) => {
        relatedCount = count;
        drawNav();
      }),
    ]);
    const both = [
      bind({ title: 'keys.photo', bindings: viewer.bindings() }),
      bind({ title: 'case.title', bindings: bindings() }),
    ];
    unbind = () => both.forEach((one) => one());
    scroll.focus();
    likelyNext(id).then(
      (next) => {
        if (next && !gone) prefetch(next);
      },
      () => {},
    );
  }

  let relatedCount = 0;

  /** The cards that can be gone to; the brief stands where one begins. */
  const sections = () => shown.map((one) => one.card).filter((kind) => kind !== 'brief');

  /**
   * The picture that pieces are cut out of: the photo, or the page where browsers do not draw it.
   * @param {number} of
   */
  async function cuttable(of) {
    const photo = await picture(id, of, 'original');
    if (photo) return { image: photo.image, page: false };
    const page = await picture(id, of, 'page');
    return page && { image: page.image, page: true };
  }

  /** @param {number} to */
  function showDocument(to) {
    const wanted = docs()[to];
    if (!wanted) return;
    index = to;
    cut = null;
    const asked = to;
    void viewer.show(wanted, index, troubled(reasons(), index));
    void cuttable(asked).then(
      (found) => {
        if (!found || gone || asked !== index) return;
        cut = found;
        drawProblems();
      },
      () => {},
    );
    draw();
  }

  function draw() {
    drawStrip();
    drawBrief();
    drawProblems();
    drawAmounts();
    drawFields();
    const one = doc();
    card('pixels', () => [
      heading('pixels'),
      one ? signals(one, (fields, regions) => viewer.light(fields, regions, true)) : null,
    ]);
    card('history', () => [heading('history'), timeline(item)]);
    drawNav();
    drawBar();
  }

  /** @param {CardKind} kind */
  const part = (kind) => boxes[kind];
  /** @param {CardKind} kind */
  const named = (kind) => shown.find((one) => one.card === kind);
  /** @param {CardKind} kind */
  const called = (kind) => title(named(kind) ?? { card: kind });
  /** @param {CardKind} kind */
  const heading = (kind) => h('h2', {}, called(kind));

  /**
   * Draws a card, if this case shows it.
   * @param {CardKind} kind
   * @param {() => import('./dom.js').Child[]} content
   */
  function card(kind, content) {
    if (named(kind)) guarded(part(kind), called(kind), () => put(part(kind), content()));
  }

  function drawBrief() {
    const finish = (/** @type {import('./types.js').Task} */ task) =>
      finishDialog(task, async (note) => {
        changed(await act(item, `tasks/${task.kind}/done`, { note }));
        toast(t('task.finished', { task: name('task', task.kind) }));
      });
    card('brief', () => [named('brief')?.label && heading('brief'), brief(item, mayFinish() ? finish : null)]);
  }

  function drawStrip() {
    const due = clock(item);
    const risk = item.wrong_approval_ppm;
    put(
      strip,
      h(
        'a',
        { class: 'button plain icon', href: cameFrom.list, 'aria-label': t('case.back'), title: t('case.back') },
        icon('left'),
      ),
      h(
        'div',
        { class: 'case-name' },
        h('h1', { class: 'cut' }, item.external_id ?? item.id),
        h(
          'span',
          { class: 'small quiet cut' },
          name('kind', item.kind),
          item.languages.length > 0 && ` · ${spoken(item.languages)}`,
          ` · ${shownMoney(item.amount)} ${item.currency ?? ''}`,
        ),
      ),
      docs().length > 1 &&
        h(
          'div',
          { class: 'segments', role: 'group', 'aria-label': t('case.documents') },
          docs().map((one, n) =>
            h(
              'button',
              {
                type: 'button',
                'aria-pressed': String(n === index),
                title: one.source,
                on: { click: () => showDocument(n) },
              },
              `${n + 1} `,
              h('span', { class: 'doc-kind' }, name('kind', one.kind)),
              troubled(reasons(), n).size > 0 && h('span', { class: 'dot', 'aria-label': t('part.problems') }),
            ),
          ),
        ),
      h('span', { class: 'grow' }),
      item.escalated && h('span', { class: 'chip bad' }, icon('flag'), t('case.escalated')),
      item.nudged_at &&
        h('span', { class: 'chip warn', title: moment(item.nudged_at) }, icon('person'), t('case.nudged')),
      item.appeal && h('span', { class: 'chip accent' }, t('case.appeal')),
      h('span', { class: `chip ${due.tone}`, title: moment(item.due_at) }, icon('clock'), due.text),
      risk !== null &&
        h('span', { class: 'chip', title: t('queue.risk_why') }, t('case.risk', { risk: percent(risk / 1e6) })),
      holding(),
      button([t('case.next'), kbd('n')], () => void goNext(), {
        class: item.state === 'closed' || item.state === 'waiting' ? 'primary' : '',
      }),
    );
  }

  function holding() {
    if (item.state === 'closed' || item.state === 'waiting')
      return h(
        'span',
        { class: 'chip accent' },
        t(`state.${item.state}`),
        item.verdict && ` · ${name('verdict', item.verdict)}`,
      );
    if (mine()) return button([t('case.release'), kbd('t')], () => void release(), { class: 'tiny' });
    if (item.holder)
      return [
        h('span', { class: 'chip warn' }, icon('person'), t('case.held_by', { holder: item.holder })),
        button([t('case.takeover'), kbd('t')], takeover, { class: 'tiny' }),
      ];
    return item.may.includes('claim')
      ? button([t('case.take'), kbd('t')], () => void take(), { class: 'tiny primary' })
      : null;
  }

  /** What stands in place of what was read: by the first person, where a second decides, and by this one. */
  function corrected() {
    const told = standing(item).filter((one) => one.document === index);
    return { ...Object.fromEntries(told.map((one) => [one.field, one.to])), ...draft.of(index) };
  }

  /** @returns {import('./fields.js').FieldContext} */
  function context() {
    return {
      doc: /** @type {Doc} */ (doc()),
      index,
      corrected: corrected(),
      troubled: troubled(reasons(), index),
      editing,
      mayCorrect: mayCorrect(),
      agrees: () => {
        const lines = balance(/** @type {Doc} */ (doc()), item.claim?.amount, corrected()).lines;
        return lines.length > 0 && lines.every((line) => line.outcome !== 'differs');
      },
      crop: (field) => {
        const found = doc()?.fields[field];
        const shown = doc();
        if (!cut || !found?.polygon.length || !shown) return null;
        return cut.page
          ? crop(cut.image, found.page_polygon, shown.page_size)
          : crop(cut.image, found.polygon, shown.size);
      },
      hover: (fields, regions) => {
        if (fields.length || regions.length) viewer.light(fields, regions);
        else relight();
      },
      focus: (key) => focus(key),
      edit: (key) => {
        void startEdit(key);
      },
      correct: (field, value) => {
        draft.set(index, field, value);
        editing = null;
        redraw();
      },
    };
  }

  const problems = () => gather(reasons()).filter((one) => one.document === null || one.document === index);

  function drawProblems() {
    card('problems', problemsContent);
    mark(null);
  }

  function problemsContent() {
    const all = problems();
    const elsewhere = gather(reasons()).length - all.length;
    const failed = item.result.status === 'failed';
    return [
      heading('problems'),
      item.reading && h('p', { class: 'notice warn' }, icon('clock'), t('case.reading')),
      failed && h('p', { class: 'notice bad' }, icon('warn'), t('case.failed')),
      !all.length && !failed && h('p', { class: 'quiet' }, elsewhere ? t('problems.none_here') : t('problems.none')),
      doc()
        ? all.map((one) => problemCard(one, context()))
        : all.map((one) => h('p', {}, one.reasons.map((reason) => say(reason.message)).join(' '))),
      elsewhere > 0 && h('p', { class: 'small quiet' }, t('problems.elsewhere', { n: elsewhere })),
    ];
  }

  function drawAmounts() {
    const one = doc();
    card('amounts', () => [
      heading('amounts'),
      one &&
        ledger(one, item.claim?.amount, corrected(), {
          hover: (fields, regions) => {
            if (regions.length) viewer.light(fields, regions);
            else relight();
          },
          use: mayCorrect() ? (amount) => void useAmount(amount) : undefined,
        }),
    ]);
  }

  function drawFields() {
    card('fields', () => [heading('fields'), doc() && [fieldTable(context()), itemTable(context())]]);
  }

  function drawNav() {
    put(
      index_nav,
      sections().map((kind) => {
        // Where a card fails, so may what is counted of it; it says so itself.
        const n = part(kind).querySelector('.card-failed') ? 0 : counted(kind);
        return h(
          'button',
          { type: 'button', on: { click: () => part(kind).scrollIntoView({ block: 'start' }) } },
          called(kind),
          n ? h('span', { class: `count ${kind === 'related' ? '' : 'bad'}` }, n) : null,
        );
      }),
    );
  }

  /** What there is to see on a card. @param {CardKind} kind */
  function counted(kind) {
    const one = doc();
    if (kind === 'problems') return problems().length;
    if (kind === 'related') return relatedCount;
    if (kind === 'pixels') return one?.authenticity.signals.filter((signal) => signal.alarm).length ?? 0;
    if (kind !== 'amounts' || !one) return 0;
    return balance(one, item.claim?.amount, corrected()).lines.filter((line) => line.outcome === 'differs').length;
  }

  function drawBar() {
    const can = item.may.includes('decide') || item.may.includes('claim');
    const blocked = Object.values(item.may_not ?? {}).includes('same_reviewer') ? 'same_reviewer' : null;
    const acts = /** @type {const} */ ([
      ['approve', 'a', 'check'],
      ['reject', 'x', 'cross'],
      ['request_photos', 'p', 'photo'],
    ]);
    put(
      bar,
      acts.map(([verdict, key, mark]) =>
        button([icon(mark), t(`decide.short_${verdict}`), kbd(key)], () => void decide(verdict), {
          class: `act-${verdict} grow`,
          disabled: !can,
          title: blocked ? name('problem', blocked) : null,
        }),
      ),
      button([icon('flag'), kbd('e')], () => void decide('escalate'), {
        'aria-label': t('decide.escalate'),
        title: t('decide.escalate'),
        disabled: !can,
      }),
      button([icon('note'), kbd('m')], () => void decide('note'), {
        'aria-label': t('decide.note'),
        title: t('decide.note'),
      }),
      draft.all().length > 0 && h('p', { class: 'small accent-text' }, t('draft.kept', { n: draft.all().length })),
      blocked && h('p', { class: 'small warn' }, name('problem', blocked)),
    );
  }

  function redraw() {
    drawProblems();
    drawAmounts();
    drawFields();
    drawNav();
    drawBar();
    if (focused) mark(null);
  }

  /** @param {string} field */
  const keyOf = (field) => problems().find((one) => one.field === field)?.key ?? `field.${index}.${field}`;

  const rows = () => /** @type {HTMLElement[]} */ ([...scroll.querySelectorAll('[data-key]')]);

  /** @param {string} key */
  function placesOf(key) {
    const problem = problems().find((one) => one.key === key);
    if (!problem) return { fields: [key.split('.').slice(2).join('.')], regions: [] };
    return { fields: problem.field ? [problem.field] : [], regions: problem.reasons.flatMap((one) => one.regions) };
  }

  /** @param {string} key @param {boolean} [go] */
  function focus(key, go = true) {
    focused = key;
    mark(null);
    const row = rows().find((one) => one.dataset.key === key);
    row?.scrollIntoView({ block: 'nearest' });
    const { fields, regions } = placesOf(key);
    // A field's own place is looked at closely; the others that a reason speaks of are lit as well.
    if (fields.length && fields[0] && doc()?.fields[fields[0]]) {
      viewer.light(fields, [], go);
      viewer.light(fields, regions);
    } else viewer.light(fields, regions, go);
  }

  function relight() {
    if (!focused) {
      viewer.light([]);
      return;
    }
    const { fields, regions } = placesOf(focused);
    viewer.light(fields, regions);
  }

  /** Marks the rows of the field under the pointer, and the one chosen. @param {string|null} hovered */
  function mark(hovered) {
    for (const row of rows()) {
      row.toggleAttribute('data-focused', row.dataset.key === focused);
      row.toggleAttribute('data-hovered', hovered !== null && (row.dataset.key ?? '').endsWith(`.${hovered}`));
    }
    if (hovered) viewer.canvas.classList.add('pointing');
    else viewer?.canvas.classList.remove('pointing');
  }

  /** @param {number} by */
  function move(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((one) => one.dataset.key === focused);
    const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))];
    if (next?.dataset.key) focus(next.dataset.key);
  }

  /** A second person says yes or no to what the first put right. */
  const mayCorrect = () => !item.second && (item.may.includes('decide') || item.may.includes('claim'));

  /** @param {string|null} key */
  async function startEdit(key) {
    if (key && (!mayCorrect() || !(await held()))) return;
    editing = key;
    if (key) {
      focused = key;
      focus(key);
    }
    redraw();
    if (!key) scroll.focus();
  }

  /** @param {string} amount */
  async function useAmount(amount) {
    if (!(await held())) return;
    draft.set(index, 'total', amount);
    redraw();
    focus(keyOf('total'));
  }

  /** Takes the case if it is free; a decision needs its holder. @returns {Promise<boolean>} */
  async function held() {
    if (item.may.includes('decide')) return true;
    if (!item.may.includes('claim')) {
      if (item.holder && !mine()) takeover();
      return false;
    }
    return take();
  }

  /** Asks for the case once, however many keys that need it are pressed until the answer is there. */
  function take() {
    taking ??= act(item, 'claim', { takeover: false })
      .then(
        (now) => {
          changed(now);
          return true;
        },
        async (error) => {
          await trouble(error);
          return false;
        },
      )
      .finally(() => {
        taking = null;
      });
    return taking;
  }

  async function release() {
    try {
      changed(await act(item, 'release'));
      toast(t('case.released'));
    } catch (error) {
      await trouble(error);
    }
  }

  function takeover() {
    dialog(t('case.takeover_title'), (close) => [
      h('p', {}, t('case.takeover_why', { holder: item.holder ?? '?', until: moment(item.held_until) })),
      h(
        'div',
        { class: 'foot' },
        button(t('cancel'), close),
        button(
          t('case.takeover'),
          () => {
            close();
            act(item, 'claim', { takeover: true }).then(changed, trouble);
          },
          { class: 'primary' },
        ),
      ),
    ]);
  }

  /** @param {Case} now */
  function changed(now) {
    item = now;
    if (gone) return;
    draw();
  }

  /** Says what went wrong; where somebody else changed the case, shows it as it is now. @param {unknown} error */
  async function trouble(error) {
    toast(wrong(error), { bad: true });
    if (error instanceof Problem && [409, 412].includes(error.status)) {
      try {
        changed(await openCase(id));
      } catch (again) {
        toast(wrong(again), { bad: true });
      }
    }
  }

  /** @param {Act} verdict */
  async function decide(verdict) {
    if (verdict !== 'note' && !(await held())) return;
    closeSheet();
    bar.hidden = true;
    closeSheet = sheet(
      sheetPlace,
      verdict,
      item,
      draft,
      async (body) => {
        const path = verdict === 'note' || verdict === 'escalate' ? verdict : 'decide';
        let now;
        try {
          now = await act(item, path, body);
        } catch (error) {
          if (error instanceof Problem && error.status === 412) await trouble(error);
          throw error;
        }
        if (verdict === 'note' || verdict === 'escalate') toast(t(`decide.done_${verdict}`));
        else {
          draft.clear();
          offerUndo(now, verdict);
        }
        changed(now);
      },
      () => {
        bar.hidden = false;
        closeSheet = () => {};
        scroll.focus();
      },
    );
  }

  /** @param {Case} now @param {Act} verdict */
  function offerUndo(now, verdict) {
    if (!now.undo_until) {
      toast(t('decide.done', { verdict: name('verdict', verdict) }));
      return;
    }
    const more = now.state === 'second' ? ` · ${t('state.second')}` : '';
    countdown(`${now.external_id ?? now.id}: ${name('verdict', verdict)}${more}`, {
      label: t('decide.undo'),
      key: 'u',
      until: Date.parse(now.undo_until),
      // What follows a verdict is to be done once that stands.
      over: () => {
        if (!gone) openCase(id).then(changed, (error) => toast(wrong(error), { bad: true }));
      },
      act: () =>
        act(now, 'undo').then(
          (back) => {
            toast(t('decide.undone'));
            if (gone) {
              keep(back);
              location.hash = `#/case/${back.id}`;
            } else changed(back);
          },
          (error) => toast(wrong(error), { bad: true }),
        ),
    });
  }

  async function goNext() {
    try {
      const found = await nextCase();
      if (found) location.hash = `#/case/${found.id}`;
      else {
        toast(nothingNext());
        location.hash = cameFrom.list;
      }
    } catch (error) {
      toast(wrong(error), { bad: true });
    }
  }

  /** @param {string} other */
  function openCompare(other) {
    const one = doc();
    if (one) compare({ id, doc: one, index }, other);
  }

  /** @param {number} by */
  function section(by) {
    const top = scroll.getBoundingClientRect().top + 60;
    const all = sections();
    const at = all.findLastIndex((one) => part(one).getBoundingClientRect().top <= top);
    part(all[Math.max(0, Math.min(all.length - 1, at + by))] ?? 'problems').scrollIntoView({ block: 'start' });
  }

  /** @returns {import('./keys.js').Binding[]} */
  function bindings() {
    return [
      { keys: ['j', 'ArrowDown'], what: 'key.down', act: () => move(1) },
      { keys: ['k', 'ArrowUp'], what: 'key.up', act: () => move(-1) },
      {
        keys: ['Enter', 'c'],
        what: 'field.correct',
        act: () => {
          const problem = problems().find((one) => one.key === focused);
          if (focused && (!problem || problem.field)) void startEdit(focused);
        },
      },
      {
        keys: ['='],
        what: 'amounts.key',
        act: () => {
          /** @type {HTMLButtonElement|null} */ (part('amounts').querySelector('.notice .button'))?.click();
        },
      },
      { keys: ['a'], what: 'decide.approve', act: () => void decide('approve') },
      { keys: ['x'], what: 'decide.reject', act: () => void decide('reject') },
      { keys: ['p'], what: 'decide.request_photos', act: () => void decide('request_photos') },
      { keys: ['e'], what: 'decide.escalate', act: () => void decide('escalate') },
      { keys: ['m'], what: 'decide.note', act: () => void decide('note') },
      { keys: ['n'], what: 'key.next', act: () => void goNext() },
      {
        keys: ['t'],
        what: 'key.take',
        act: () => {
          if (mine()) void release();
          else void held();
        },
      },
      { keys: ['v'], what: 'case.next_section', act: () => section(1) },
      { keys: ['Shift+v'], what: 'case.previous_section', act: () => section(-1) },
      {
        keys: ['['],
        what: 'case.previous_document',
        act: () => {
          if (index > 0) showDocument(index - 1);
        },
      },
      {
        keys: [']'],
        what: 'case.next_document',
        act: () => {
          if (index < docs().length - 1) showDocument(index + 1);
        },
      },
      {
        keys: ['w'],
        what: 'related.compare',
        act: () => {
          /** @type {HTMLButtonElement|null} */ (part('related').querySelector('.button'))?.click();
        },
      },
      {
        keys: ['Escape'],
        what: 'case.back',
        act: () => {
          location.hash = cameFrom.list;
        },
      },
    ];
  }

  void load();
  return () => {
    gone = true;
    unbind();
    closeSheet();
    viewer?.close();
  };
}
