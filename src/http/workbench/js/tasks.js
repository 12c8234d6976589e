// What is to be done with a case, each task with its clock, and a way to say that it is done.
import { h, icon } from './dom.js';
import { moment, span } from './format.js';
import { name, t } from './i18n.js';
import { who } from './session.js';
import { button, dialog, wrong } from './ui.js';

/** @typedef {import('./types.js').Task} Task */

/** What the queue can be filtered by: of cases that are not ruled, and of those that are. */
export const TASKS = [
  'decide',
  'second_approval',
  'appeal',
  'missing_papers',
  'unreadable_page',
  'issuer_check',
  'fraud_referral',
];
export const TASKS_AFTER = ['refusal_notice', 'payment'];
const RULING = new Set(['decide', 'second_approval', 'appeal']);
const SOON = 3 * 86_400_000;

/** Whether whoever looks may say that tasks are done: an admin oversees and does none. */
export const mayFinish = () => who().role !== 'admin' && who().name !== null;

/** Whether a clock runs out soon. @param {Task} task */
export const soon = (task) =>
  task.state === 'open' && task.due_at !== null && Date.parse(task.due_at) - Date.now() < SOON;

/** @param {Task} task */
export function taskClock(task) {
  if (task.state === 'done')
    return { text: t(task.late ? 'task.done_late' : 'task.done_in_time'), tone: task.late ? 'bad' : 'good' };
  if (task.state === 'paused') return { text: t('task.paused'), tone: '' };
  const left = Date.parse(task.due_at ?? task.since) - Date.now();
  if (task.state === 'overdue') return { text: t('clock.over', { span: span(left) }), tone: 'bad' };
  return { text: t('clock.left', { span: span(left) }), tone: soon(task) ? 'warn' : '' };
}

/** Who has it or did it, and by when or when. @param {Task} task */
function facts(task) {
  if (task.state === 'done') return t('task.done_by', { by: task.who ?? '–', at: moment(task.done_at) });
  if (!task.due_at) return t('task.awaited', { at: moment(task.since) });
  const due = task.state === 'paused' ? t('task.stands', { at: moment(task.since) }) : moment(task.due_at);
  return [task.state === 'paused' ? due : t('task.due', { at: due }), task.who ?? t('task.nobody')].join(' · ');
}

/**
 * @param {Task[]} tasks
 * @param {((task: Task) => void)|null} finish says that one is done, where whoever looks may
 */
export const taskList = (tasks, finish) =>
  h(
    'ul',
    { class: 'tasks' },
    tasks.map((task) => {
      const { text, tone } = taskClock(task);
      return h(
        'li',
        { class: `task ${task.state}`, 'data-task': task.kind },
        h('span', { class: `chip ${tone}` }, icon(task.state === 'done' ? 'check' : 'clock'), text),
        h('strong', {}, name('task', task.kind)),
        h('span', { class: 'small quiet grow' }, facts(task)),
        finish && task.by_hand && button(t('task.finish'), () => finish(task), { class: 'tiny' }),
      );
    }),
  );

/** The tasks besides ruling whose time is over: a chip each. @param {Task[]} tasks */
export const overdueChips = (tasks) =>
  tasks
    .filter((task) => task.state === 'overdue' && !RULING.has(task.kind))
    .map((task) => h('span', { class: 'chip bad' }, icon('clock'), name('task', task.kind)));

/** What the claimant was told of the decision, and whether it was kept. @param {Task[]} tasks */
export function promise(tasks) {
  const ruling = tasks.find((task) => RULING.has(task.kind));
  if (!ruling?.due_at) return null;
  const at = moment(ruling.due_at);
  if (ruling.state === 'done') return t(ruling.late ? 'promise.broken' : 'promise.kept', { at });
  if (ruling.state === 'paused') return t('promise.paused');
  return t(ruling.state === 'overdue' ? 'promise.over' : 'promise.by', { at });
}

/**
 * Asks what was found, and sends it.
 * @param {Task} task
 * @param {(note: string) => Promise<void>} send
 */
export function finishDialog(task, send) {
  const note = h('textarea', { class: 'textarea', id: 'task-note', rows: '3', maxlength: '2000' });
  const trouble = h('p', { class: 'small bad', role: 'alert' });
  const go = async (/** @type {() => void} */ close) => {
    if (!note.value.trim()) {
      trouble.textContent = t('task.note_missing');
      note.focus();
      return;
    }
    try {
      await send(note.value.trim());
      close();
    } catch (error) {
      trouble.textContent = wrong(error);
    }
  };
  dialog(t('task.finish_title', { task: name('task', task.kind) }), (close) => {
    note.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void go(close);
    });
    return [
      h('p', { class: 'quiet' }, t('task.finish_why')),
      h('label', { class: 'small', for: 'task-note' }, t('task.note')),
      note,
      trouble,
      h(
        'div',
        { class: 'foot' },
        button(t('cancel'), close),
        button(t('task.finish'), () => void go(close), { class: 'primary' }),
      ),
    ];
  });
}
