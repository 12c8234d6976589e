// The figures of the operation, and what is not measured.
import { Problem, get, request, text } from './api.js';
import { policiesPanel } from './policies.js';
import { h, icon, put } from './dom.js';
import { forecastPanel } from './forecast.js';
import { shiftPanel } from './shift.js';
import { count, moment, percent, money } from './format.js';
import { name, t } from './i18n.js';
import { buckets, named, parse, quantile } from './metrics.js';
import { band, bars, columns, gauge } from './plot.js';
import { bind } from './keys.js';
import { seesCases, who } from './session.js';
import { button, failure, wrong } from './ui.js';
import { vigilancePanel } from './vigilance.js';

const DAY = 86_400_000;
const EVERY = 15_000;
/** Reviewers may see the figures, not how the process fares or what policy decides. */
const overseer = () => who().role !== 'reviewer';
const TOLD = 10;

/** @param {HTMLElement} root */
export function operationScreen(root) {
  let gone = false;
  let timer = 0;
  const alive = () => !gone;
  const figures = h('div', { class: 'op-grid' });
  const stamp = h('span', { class: 'small quiet' });
  const forecastBox = h('div', {}, h('div', { class: 'panel op-wait skeleton' }));
  const shiftBox = h('div');
  const vigilanceBox = h('div');
  const policyBox = h('div', { class: 'op-grid two' });
  const policiesBox = h('div');
  put(
    root,
    h(
      'div',
      { class: 'page operation' },
      h('header', { class: 'row op-head' }, h('h1', { class: 'grow' }, t('op.title')), stamp),
      figures,
      forecastBox,
      shiftBox,
      policyBox,
      policiesBox,
      vigilanceBox,
      unmeasured(),
    ),
  );
  put(
    figures,
    Array.from({ length: 4 }, () => h('div', { class: 'panel op-wait skeleton' })),
  );

  async function load() {
    clearTimeout(timer);
    // Each figure comes by itself: where one cannot be had, the others are still shown.
    const [stats, reviews, metrics] = await Promise.allSettled([
      get('/v1/stats'),
      seesCases() ? get('/v1/reviews?limit=100') : null,
      overseer() ? text('/metrics') : '',
    ]);
    if (gone) return;
    const open = new Set([...root.querySelectorAll('details[open]')].map((one) => one.id));
    put(
      figures,
      stats.status === 'fulfilled'
        ? [automation(stats.value), promisesPanel(stats.value.promises), gatePanel(stats.value), earned(stats.value)]
        : panel(
            t('op.claims'),
            failure(stats.reason, () => void load()),
          ),
      reviews.status === 'fulfilled'
        ? reviews.value && queuePanel(reviews.value)
        : panel(t('op.queue'), failure(reviews.reason)),
      !overseer()
        ? null
        : metrics.status === 'fulfilled'
          ? [reasonsPanel(parse(metrics.value)), timesPanel(parse(metrics.value))]
          : panel(t('op.times'), failure(metrics.reason)),
    );
    for (const id of open) document.getElementById(id)?.setAttribute('open', '');
    put(stamp, t('op.refreshed', { at: moment(new Date().toISOString()) }));
    timer = setTimeout(() => {
      if (!document.hidden) void load();
    }, EVERY);
  }

  async function loadPolicy() {
    if (!overseer()) return;
    try {
      const policy = await get('/v1/policy');
      if (gone) return;
      put(policyBox, policyPanel(policy), backtestPanel(policy));
      put(policiesBox, policiesPanel(policy.text ?? ''));
    } catch (error) {
      if (!gone)
        put(
          policyBox,
          panel(
            t('op.policy'),
            failure(error, () => void loadPolicy()),
          ),
        );
    }
  }

  const unbind = bind({
    title: 'nav.operation',
    bindings: [
      {
        keys: ['r'],
        what: 'again',
        act: () => {
          void load();
          void forecastPanel(forecastBox, alive);
          if (overseer()) void shiftPanel(shiftBox, alive);
          if (overseer()) void vigilancePanel(vigilanceBox, alive);
          void loadPolicy();
        },
      },
    ],
  });
  void load();
  void forecastPanel(forecastBox, alive);
  if (overseer()) void shiftPanel(shiftBox, alive);
  if (overseer()) void vigilancePanel(vigilanceBox, alive);
  void loadPolicy();
  return () => {
    gone = true;
    clearTimeout(timer);
    unbind();
  };
}

/** @param {string} title @param {...import('./dom.js').Child} body */
const panel = (title, ...body) =>
  h('section', { class: 'panel' }, h('header', {}, h('h2', {}, title)), h('div', { class: 'body' }, body));
/** @param {string} figure @param {import('./dom.js').Child} words */
const big = (figure, words) => h('p', { class: 'big' }, h('strong', {}, figure), h('span', { class: 'quiet' }, words));

/** @param {any} stats */
function automation(stats) {
  const approved = stats.decisions.auto_approve ?? 0;
  const people = stats.decisions.human_review ?? 0;
  const all = approved + people;
  const claims = Object.entries(/** @type {Record<string, number>} */ (stats.claims));
  return panel(
    t('op.automation'),
    big(all ? percent(approved / all) : '–', t('op.automation_of', { n: count(approved), all: count(all) })),
    band([
      { label: t('op.approved'), value: approved, tone: 'good', shown: count(approved) },
      { label: t('op.held'), value: people, tone: 'warn', shown: count(people) },
    ]),
    h(
      'p',
      { class: 'small quiet' },
      t('op.state'),
      ': ',
      claims.map(([state, n]) => `${name('status', state)} ${count(n)}`).join(' · '),
    ),
  );
}

/** @param {Record<'decide_days'|'over_days'|'kept'|'broken'|'overdue'|'nudged', number>} of */
function promisesPanel({ decide_days, over_days, kept, broken, overdue, nudged }) {
  const all = kept + broken;
  return panel(
    t('op.promises'),
    all
      ? [
          big(percent(kept / all), t('op.promises_of', { n: count(all), days: over_days })),
          band([
            { label: t('op.kept'), value: kept, tone: 'good', shown: count(kept) },
            { label: t('op.broken'), value: broken, tone: 'bad', shown: count(broken) },
          ]),
        ]
      : h('p', { class: 'quiet' }, t('op.promises_none', { days: over_days })),
    h('p', {}, t('op.promises_now', { overdue: count(overdue), nudged: count(nudged) })),
    h('p', { class: 'small quiet' }, t('op.promises_why', { n: decide_days })),
  );
}

/** @param {any} stats */
function gatePanel(stats) {
  const gate = stats.gate;
  const open = gate.state === 'open';
  return h(
    'section',
    { class: 'panel' },
    h(
      'header',
      {},
      h('h2', { class: 'grow' }, t('op.gate')),
      h('span', { class: `chip ${open ? 'good' : 'bad'}` }, open ? t('op.gate_open') : t('op.gate_closed')),
    ),
    h(
      'div',
      { class: 'body' },
      gauge({
        value: gate.bound,
        limit: gate.limit,
        max: Math.max(gate.limit * 1.6, gate.bound * 1.1),
        shown: t('op.gate_now', { bound: percent(gate.bound) }),
        limitShown: t('op.gate_limit', { limit: percent(gate.limit) }),
      }),
      h(
        'p',
        {},
        t('op.gate_bound', {
          bound: percent(gate.bound),
          confidence: percent(gate.confidence),
          limit: percent(gate.limit),
        }),
      ),
      h(
        'p',
        { class: 'small quiet' },
        t('op.gate_from', { audited: count(gate.audited), wrong: count(gate.wrong), sample: count(gate.clean_sample) }),
      ),
      open && h('p', { class: 'small quiet' }, t('op.gate_left', { n: gate.outcomes_left })),
      gate.closes_after?.length > 0 &&
        h(
          'details',
          { id: 'op-closes' },
          h('summary', { class: 'small' }, t('op.gate_closes')),
          bars(
            gate.closes_after.map((/** @type {any} */ one) => ({
              label: percent(one.wrong_share),
              value: one.audits,
              shown: t('op.gate_audits', { n: one.audits }),
            })),
          ),
        ),
    ),
  );
}

/** @param {any} stats */
function earned(stats) {
  const { earned: on, share_altered_assumed: share } = stats.guarantee ?? {};
  if (!on) return null;
  return panel(
    t('op.earned'),
    bars(
      [
        {
          label: t('op.earned_genuine'),
          value: on.genuine_approved / on.genuine,
          tone: 'good',
          shown: percent(on.genuine_approved / on.genuine),
        },
        {
          label: t('op.earned_altered'),
          value: on.altered_approved / on.altered,
          tone: 'bad',
          shown: percent(on.altered_approved / on.altered),
        },
      ],
      { max: 1 },
    ),
    h(
      'p',
      { class: 'small quiet' },
      t('op.earned_why', {
        altered: count(on.altered),
        slipped: count(on.altered_approved),
        genuine: count(on.genuine),
        approved: count(on.genuine_approved),
        misread: count(on.genuine_approved_misread),
        share: percent(share),
      }),
    ),
  );
}

/** @param {import('./types.js').QueuePage} page */
function queuePanel(page) {
  const waiting = page.cases.filter((one) => !one.paused);
  const days = waiting.map((one) => Math.floor((Date.parse(one.due_at) - Date.now()) / DAY));
  const bins = [
    { label: t('op.over'), from: -Infinity, to: -1, tone: 'bad' },
    { label: '0–2', from: 0, to: 2, tone: 'warn' },
    { label: '3–6', from: 3, to: 6 },
    { label: '7–13', from: 7, to: 13 },
    { label: '14–20', from: 14, to: 20 },
    { label: '21–30', from: 21, to: Infinity },
  ];
  const { open = 0, held = 0, second = 0, waiting: paused = 0 } = page.counts;
  return panel(
    t('op.queue'),
    big(
      count(open + held + second),
      [
        `${t('state.held')} ${count(held)}`,
        `${t('state.second')} ${count(second)}`,
        `${t('state.waiting')} ${count(paused)}`,
      ].join(' · '),
    ),
    waiting.length
      ? [
          h('p', { class: 'small quiet' }, t('op.queue_due')),
          columns(
            bins.map((bin) => ({
              label: bin.label,
              tone: bin.tone,
              value: days.filter((day) => day >= bin.from && day <= bin.to).length,
            })),
            t('op.queue_due'),
          ),
        ]
      : h('p', { class: 'quiet' }, t('op.queue_none')),
    page.next && h('p', { class: 'small quiet' }, t('queue.shown', { n: page.cases.length })),
  );
}

const INFO = new Set(['all_checks_passed', 'within_amount_limit', 'total_corroborated']);

/** @param {import('./metrics.js').Sample[]} samples */
function reasonsPanel(samples) {
  const all = named(samples, 'claimlens_reasons_total')
    .map((one) => ({ code: one.labels.code ?? '', n: one.value }))
    .filter((one) => !INFO.has(one.code));
  const decided = named(samples, 'claimlens_decisions_total').reduce((sum, one) => sum + one.value, 0);
  all.sort((a, b) => b.n - a.n);
  return panel(
    t('op.reasons'),
    all.length
      ? bars(all.slice(0, TOLD).map((one) => ({ label: name('code', one.code), value: one.n })))
      : h('p', { class: 'quiet' }, t('op.times_none')),
    h('p', { class: 'small quiet' }, t('op.reasons_of', { n: count(decided) })),
  );
}

/** @param {number|null} seconds */
const duration = (seconds) =>
  seconds === null
    ? '–'
    : seconds < 0.1
      ? t('op.milliseconds', { n: Math.round(seconds * 1000) })
      : t('op.seconds', { n: seconds < 10 ? seconds.toFixed(1) : Math.round(seconds) });

/** @param {import('./metrics.js').Sample[]} samples */
function timesPanel(samples) {
  const total = buckets(samples, 'total');
  const read = Math.max(0, ...total.map((one) => one.count));
  if (!read) return panel(t('op.times'), h('p', { class: 'quiet' }, t('op.times_none')));
  const [p50, p95] = [quantile(total, 0.5), quantile(total, 0.95)];
  const stages = named(samples, 'claimlens_stage_duration_seconds_sum').filter((one) => one.labels.stage !== 'total');
  const counted = named(samples, 'claimlens_stage_duration_seconds_count');
  const mean = (/** @type {import('./metrics.js').Sample} */ one) =>
    one.value / (counted.find((other) => other.labels.stage === one.labels.stage)?.value || 1);
  return panel(
    t('op.times'),
    big(duration(p50), t('op.times_of', { n: count(read), p50: duration(p50), p95: duration(p95) })),
    h('p', { class: 'small quiet' }, t('op.stages')),
    bars(
      stages
        .map((one) => ({ label: name('stage', one.labels.stage ?? ''), value: mean(one), shown: duration(mean(one)) }))
        .sort((a, b) => b.value - a.value),
    ),
  );
}

/** @param {any} act */
const adopted = (act) =>
  h(
    'p',
    { class: 'small' },
    h('span', { class: 'mono' }, `${act.policy.slice(0, 12)}…`),
    ' ',
    t('op.policy_since', { at: moment(act.since), by: act.by ?? '–', why: act.why ?? '–' }),
    ' ',
    h('a', { href: `#/audit/entry/${act.entry}` }, t('step.entry', { n: act.entry })),
  );

/** @param {any} policy */
function policyPanel(policy) {
  if (!policy.in_force) return panel(t('op.policy'), h('p', { class: 'quiet' }, t('op.policy_none')));
  return panel(
    t('op.policy'),
    adopted(policy.in_force),
    policy.waiting?.length > 0 && [h('h3', {}, t('op.policy_waiting')), policy.waiting.map(adopted)],
    policy.shadow && [
      h('h3', {}, t('op.policy_shadow')),
      h('pre', { class: 'payload mono', tabindex: '0' }, JSON.stringify(policy.shadow, null, 2)),
    ],
    h(
      'pre',
      { class: 'payload mono policy-text', tabindex: '0', 'aria-label': t('op.policy_text') },
      policy.text ?? '',
    ),
  );
}

/** @param {any} policy */
function backtestPanel(policy) {
  const area = h('textarea', {
    class: 'textarea mono policy-edit',
    spellcheck: 'false',
    'aria-label': t('op.backtest'),
    value: policy.text ?? '',
  });
  const answer = h('div', { class: 'backtest' });
  const go = button(t('op.backtest_go'), () => void run(), { class: 'primary' });
  async function run() {
    put(answer, h('div', { class: 'skeleton line' }));
    go.setAttribute('disabled', '');
    try {
      const report = await (
        await request('POST', '/v1/policy/backtest', { body: area.value, type: 'application/toml' })
      ).json();
      put(
        answer,
        area.value === policy.text && h('p', { class: 'small quiet' }, t('op.backtest_same')),
        backtestReport(report),
      );
    } catch (error) {
      put(
        answer,
        h(
          'div',
          { class: 'notice bad', role: 'alert' },
          icon('warn'),
          h(
            'span',
            { class: 'wrap' },
            error instanceof Problem && error.code === 'policy_invalid'
              ? t('problem.policy_invalid', { detail: error.message })
              : wrong(error),
          ),
        ),
      );
    } finally {
      go.removeAttribute('disabled');
    }
  }
  return panel(
    t('op.backtest'),
    h('p', { class: 'small quiet' }, t('op.backtest_why')),
    area,
    h('div', { class: 'row acts' }, go),
    answer,
  );
}

/** @param {any} report */
function backtestReport(report) {
  const changed = Object.entries(
    /** @type {Record<string, { before: number, after: number }>} */ (report.reasons),
  ).filter(([, one]) => one.before !== one.after);
  const change = (/** @type {{ before: number, after: number }} */ one) => `${count(one.before)} → ${count(one.after)}`;
  return [
    h(
      'dl',
      { class: 'facts' },
      h('dt', {}, t('op.backtest_approved')),
      h('dd', {}, h('strong', {}, change(report.approved)), ` / ${count(report.decisions)}`),
      h('dt', {}, t('op.backtest_new')),
      h('dd', { class: report.newly_approved ? 'bad' : '' }, count(report.newly_approved)),
      h('dt', {}, t('op.backtest_held')),
      h('dd', {}, count(report.newly_held)),
      h('dt', {}, t('op.backtest_amount')),
      h('dd', {}, `${money(report.amount_approved_fen.before)} → ${money(report.amount_approved_fen.after)}`),
    ),
    report.failed > 0 && h('p', { class: 'notice bad' }, t('op.backtest_failed', { n: report.failed })),
    h('h3', {}, t('op.backtest_reasons')),
    changed.length
      ? bars(
          changed.map(([code, one]) => ({
            label: name('code', code),
            value: one.after,
            before: one.before,
            shown: change(one),
          })),
        )
      : h('p', { class: 'small quiet' }, t('op.backtest_none')),
  ];
}

const unmeasured = () =>
  h(
    'section',
    { class: 'panel unmeasured' },
    h('header', {}, h('h2', {}, t('op.unmeasured'))),
    h(
      'ul',
      { class: 'body' },
      h('li', { class: 'row' }, icon('dash'), h('span', { class: 'grow' }, t('op.unmeasured_2'))),
    ),
  );
