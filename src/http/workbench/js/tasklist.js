// What is to be done, of all cases: what is overdue stands first.
import { post } from './api.js';
import { cameFrom } from './cases.js';
import { h, icon, put } from './dom.js';
import { ago, moment } from './format.js';
import { name, t } from './i18n.js';
import { bind } from './keys.js';
import { pagedList } from './list.js';
import { who } from './session.js';
import { TASKS, TASKS_AFTER, finishDialog, mayFinish, soon, taskClock } from './tasks.js';
import { button, toast } from './ui.js';

/** @typedef {import('./types.js').CaseTask} CaseTask */

/** What somebody chose lasts as long as the page. */
const view = {
  kind: '',
  mine: false,
  overdue: false,
  choice: /** @type {import('./list.js').Choice} */ ({ selected: 0, key: null }),
};

/** What is overdue, then what has a clock that runs, each by when it is due; then what stands still. */
const RANKS = /** @type {Record<string, number>} */ ({ overdue: 0, open: 1, paused: 2 });
const rank = (/** @type {CaseTask} */ one) => RANKS[one.state] ?? 3;
const due = (/** @type {CaseTask} */ one) => (one.due_at ? Date.parse(one.due_at) : Infinity);
const before = (/** @type {CaseTask} */ a, /** @type {CaseTask} */ b) =>
  rank(a) - rank(b) || (due(a) < due(b) ? -1 : due(a) > due(b) ? 1 : 0);

/** @param {HTMLElement} root */
export function tasksScreen(root) {
  const head = h('div', { class: 'queue-head' });
  const bar = h('div', { class: 'queue-bar' });
  const list = pagedList({
    title: t('nav.tasks'),
    choice: view.choice,
    path: () => `/v1/tasks?${query()}`,
    lines: (/** @type {{ tasks: CaseTask[] }} */ page) => page.tasks,
    key: (one) => `${one.case} ${one.kind}`,
    row,
    empty: emptiness,
    order: (tasks) => tasks.sort(before),
    drawing: () => {
      drawHead();
      drawBar();
    },
  });
  put(root, h('div', { class: 'page queue tasks-page' }, head, bar, list.parts));

  function query() {
    const q = new URLSearchParams({ limit: '30' });
    if (view.kind) q.set('kind', view.kind);
    if (view.mine) q.set('mine', 'true');
    if (view.overdue) q.set('overdue', 'true');
    return q;
  }

  /** @param {Partial<{ kind: string, mine: boolean, overdue: boolean }>} change */
  function choose(change) {
    Object.assign(view, change);
    list.reset();
    drawBar();
  }

  function emptiness() {
    if (view.kind || view.mine || view.overdue) {
      return h(
        'div',
        { class: 'empty' },
        h('h2', {}, t('queue.none_filtered')),
        button(t('queue.clear'), () => choose({ kind: '', mine: false, overdue: false })),
      );
    }
    return h('div', { class: 'empty' }, h('h2', {}, t('tasks.none')), h('p', {}, t('tasks.none_why')));
  }

  function drawHead() {
    const all = list.all();
    const over = all.filter((one) => one.state === 'overdue').length;
    const near = all.filter(soon).length;
    put(
      head,
      h(
        'div',
        { class: 'grow' },
        h('h1', {}, t('nav.tasks')),
        h(
          'p',
          { class: 'row small quiet' },
          over > 0 && h('span', { class: 'chip bad' }, icon('clock'), t('tasks.overdue_n', { n: over })),
          near > 0 && h('span', { class: 'chip warn' }, icon('clock'), t('tasks.soon_n', { n: near })),
          !over && !near && all.length > 0 && t('queue.calm'),
        ),
      ),
    );
  }

  function drawBar() {
    const focused = bar.contains(document.activeElement) ? document.activeElement?.id : null;
    const options = (/** @type {string[]} */ kinds) =>
      kinds.map((kind) => h('option', { value: kind, selected: kind === view.kind }, name('task', kind)));
    const kinds = h(
      'select',
      { class: 'select', id: 'tasks-kind', 'aria-label': t('queue.by_task') },
      h('option', { value: '', selected: !view.kind }, t('queue.any_task')),
      h('optgroup', { label: t('tasks.of_open') }, options(TASKS)),
      h('optgroup', { label: t('tasks.of_ruled') }, options(TASKS_AFTER)),
    );
    kinds.addEventListener('change', () => choose({ kind: kinds.value }));
    const toggle = (/** @type {'mine'|'overdue'} */ key, /** @type {string} */ text) =>
      button(text, () => choose({ [key]: !view[key] }), { id: `tasks-${key}`, 'aria-pressed': String(view[key]) });
    put(bar, kinds, toggle('mine', t('tab.mine')), toggle('overdue', t('tasks.overdue')));
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {CaseTask} task @param {boolean} chosen */
  function row(task, chosen) {
    const { text, tone } = taskClock(task);
    const mine = task.who !== null && task.who === who().name;
    return h(
      'div',
      {
        class: 'case-row task-row',
        role: 'listitem',
        'data-id': task.case,
        'data-task': task.kind,
        'aria-current': chosen ? 'true' : null,
        on: { click: () => open(task) },
      },
      h(
        'div',
        { class: `due ${tone}` },
        icon('clock'),
        h('span', {}, text),
        h('span', { class: 'small quiet' }, moment(task.due_at)),
      ),
      h(
        'div',
        { class: 'what' },
        h('strong', {}, name('task', task.kind)),
        h('span', { class: 'small quiet' }, ago(task.since)),
      ),
      h(
        'div',
        { class: 'what' },
        h('a', { class: 'case-link cut', href: `#/case/${task.case}` }, task.external_id ?? task.case),
        h('span', { class: 'small quiet' }, name('state', task.case_state)),
      ),
      h(
        'div',
        { class: 'chips' },
        task.escalated && h('span', { class: 'chip bad' }, icon('flag'), t('case.escalated')),
        task.nudged_at &&
          h('span', { class: 'chip warn', title: moment(task.nudged_at) }, icon('person'), t('case.nudged')),
      ),
      h(
        'div',
        { class: 'held small' },
        task.who
          ? h('span', { class: `chip ${mine ? 'accent' : ''}` }, icon('person'), mine ? t('queue.mine') : task.who)
          : h('span', { class: 'quiet' }, t(task.due_at ? 'task.nobody' : 'tasks.claimant')),
      ),
      h(
        'div',
        // A click on the button is none on the line.
        { class: 'finish', on: { click: (/** @type {Event} */ event) => event.stopPropagation() } },
        task.by_hand &&
          mayFinish() &&
          button(t('task.finish'), () => finish(task), {
            class: 'tiny',
            'aria-label': t('task.finish_title', { task: name('task', task.kind) }),
          }),
      ),
    );
  }

  /** @param {CaseTask|undefined} task */
  function open(task) {
    if (task) location.hash = `#/case/${task.case}`;
  }

  /** @param {CaseTask|undefined} task */
  function finish(task) {
    if (!task || !mayFinish()) return;
    if (!task.by_hand) {
      toast(t('tasks.not_by_hand'));
      return;
    }
    finishDialog(task, async (note) => {
      await post(`/v1/reviews/${encodeURIComponent(task.case)}/tasks/${task.kind}/done`, { note });
      toast(t('task.finished', { task: name('task', task.kind) }));
      await list.load();
    });
  }

  const unbind = bind({
    title: 'nav.tasks',
    bindings: [
      { keys: ['j', 'ArrowDown'], what: 'key.down', act: () => list.move(1) },
      { keys: ['k', 'ArrowUp'], what: 'key.up', act: () => list.move(-1) },
      { keys: ['Enter', 'o'], what: 'key.open', act: () => open(list.selected()) },
      { keys: ['d'], what: 'key.finish', act: () => finish(list.selected()) },
      { keys: ['m'], what: 'key.mine', act: () => choose({ mine: !view.mine }) },
      { keys: ['l'], what: 'key.overdue', act: () => choose({ overdue: !view.overdue }) },
    ],
  });
  cameFrom.list = '#/tasks';
  drawHead();
  drawBar();
  void list.load();
  return () => {
    list.stop();
    unbind();
  };
}
