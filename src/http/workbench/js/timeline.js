// Everything that happened to a case, and what follows from it: what is open, what was promised.
import { h, icon } from './dom.js';
import { ago, moment, shownMoney } from './format.js';
import { name, say, t } from './i18n.js';
import { promise, taskList } from './tasks.js';

/** @typedef {import('./types.js').Case} Case */
/** @typedef {import('./types.js').Step} Step */

const MARKS = /** @type {Record<string, 'check'|'clock'|'cross'|'photo'|'flag'|'note'|'person'|'dash'|'turn'>} */ ({
  approve: 'check',
  reject: 'cross',
  request_photos: 'photo',
  photos_asked: 'photo',
  photos_added: 'photo',
  escalated: 'flag',
  noted: 'note',
  appealed: 'flag',
  withdrawn: 'cross',
  nudged: 'clock',
  task_done: 'check',
  overdue: 'clock',
  undone: 'turn',
});

/** Steps whose reason is the task that they are about. */
const OF_TASKS = new Set(['task_done', 'overdue']);

/** @param {Step} step */
function sentence(step) {
  const by = step.by ?? t('step.machine');
  const verdict = step.verdict ? name('verdict', step.verdict) : '';
  if (step.kind === 'opened') return step.reason ? name('opened', step.reason) : t('step.opened');
  if ((step.kind === 'decided' || step.kind === 'seconded') && !step.by) return t('step.decided_machine', { verdict });
  return name('step', step.kind).replace('{by}', by).replace('{verdict}', verdict);
}

/** @param {Step} step */
function line(step) {
  const mark = MARKS[step.verdict ?? ''] ?? MARKS[step.kind] ?? (step.by ? 'person' : 'dash');
  return h(
    'li',
    { class: `step ${step.kind}` },
    h('span', { class: 'step-mark' }, icon(mark)),
    h(
      'div',
      { class: 'grow' },
      h(
        'div',
        { class: 'row' },
        h('span', {}, sentence(step)),
        step.reason &&
          step.kind !== 'opened' &&
          h('span', { class: 'chip' }, name(OF_TASKS.has(step.kind) ? 'task' : 'why', step.reason)),
      ),
      step.note && h('blockquote', { class: 'wrap' }, step.note),
      step.corrections?.map((one) =>
        h(
          'p',
          { class: 'small' },
          `${name('field', one.field)}: `,
          h('s', { class: 'quiet' }, one.from ?? t('field.none')),
          ' → ',
          h('strong', {}, one.to),
        ),
      ),
      h(
        'p',
        { class: 'small quiet' },
        h('time', { datetime: step.at, title: step.at }, moment(step.at)),
        step.entry
          ? [' · ', h('a', { href: `#/audit/entry/${step.entry}` }, t('step.entry', { n: step.entry }))]
          : null,
      ),
    ),
  );
}

/** @param {Case} item */
export function timeline(item) {
  /** @type {(Step & { kind: string })[]} */
  const before = [{ n: 0, at: item.submitted_at, by: null, kind: 'submitted' }];
  const steps = [...before, ...item.timeline].sort((a, b) => a.at.localeCompare(b.at) || a.n - b.n);
  return h('ol', { class: 'steps' }, steps.toReversed().map(line));
}

/**
 * What somebody who takes the case over has to know, in a few lines.
 * @param {Case} item
 * @param {((task: import('./types.js').Task) => void)|null} finish says that a task is done, where whoever looks may
 */
export function brief(item, finish) {
  const steps = item.timeline;
  const asked = steps.findLast(
    (step) => step.kind === 'photos_asked' || (step.kind === 'decided' && step.verdict === 'request_photos'),
  );
  const added = steps.findLast((step) => step.kind === 'photos_added');
  const first = steps.findLast((step) => step.kind === 'decided' && step.verdict === 'approve');
  const notes = steps.filter((step) => step.kind === 'noted' || step.kind === 'escalated');
  const claim = item.claim;
  const promised = promise(item.tasks);
  const needs = item.result.completeness?.needs ?? [];
  return h(
    'dl',
    { class: 'brief' },
    h('dt', {}, t('brief.asked')),
    h(
      'dd',
      {},
      claim?.amount
        ? t('brief.asked_amount', {
            amount: shownMoney(claim.amount),
            currency: claim.currency ?? '',
            name: claim.insured?.name ?? '–',
          })
        : t('brief.asked_nothing', { name: claim?.insured?.name ?? '–' }),
      ` · ${ago(item.submitted_at)}`,
    ),
    needs.length > 0 && [
      h('dt', {}, t('brief.papers')),
      h(
        'dd',
        {},
        h(
          'ul',
          { class: 'plain' },
          needs.map((need) =>
            h(
              'li',
              { class: need.met ? '' : 'bad' },
              icon(need.met ? 'check' : 'cross'),
              ' ',
              say(need.message),
              need.met ? null : ` – ${t('brief.missing')}`,
            ),
          ),
        ),
      ),
    ],
    item.appeal && [h('dt', {}, t('case.appeal')), h('dd', {}, t('brief.appeal'))],
    item.tasks.length > 0 && [h('dt', {}, t('brief.tasks')), h('dd', {}, taskList(item.tasks, finish))],
    item.nudged_at && [h('dt', {}, t('brief.nudge')), h('dd', {}, t('brief.nudged', { at: moment(item.nudged_at) }))],
    (promised || asked) && h('dt', {}, t('brief.promised')),
    promised && h('dd', {}, promised),
    asked && [
      h(
        'dd',
        {},
        t(added && added.at > asked.at ? 'brief.photos_came' : 'brief.photos_asked', {
          at: moment(asked.at),
          why: asked.reason ? name('why', asked.reason) : '–',
        }),
      ),
    ],
    item.second &&
      first && [
        h('dt', {}, t('state.second')),
        h('dd', {}, t('brief.second', { by: first.by ?? '–', note: first.note ?? '' })),
      ],
    notes.length > 0 && [
      h('dt', {}, t('brief.notes')),
      h(
        'dd',
        {},
        notes.slice(-2).map((step) => h('p', { class: 'wrap' }, `${step.by ?? ''}: ${step.note ?? ''}`)),
      ),
    ],
  );
}

/**
 * The values that a person put right for the verdict that stands.
 * @param {Case} item
 */
export function standing(item) {
  const after = item.timeline.findLastIndex((step) => ['opened', 'undone', 'appealed'].includes(step.kind));
  return item.timeline.slice(after + 1).findLast((step) => step.kind === 'decided')?.corrections ?? [];
}
