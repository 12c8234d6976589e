// What will come to people: the next two days with the people they take, and how far such forecasts were off.
import { get } from './api.js';
import { h, put } from './dom.js';
import { count, percent } from './format.js';
import { lang, t } from './i18n.js';
import { course } from './plot.js';
import { failure } from './ui.js';

/** @typedef {{ at: string, cases: number, low: number|null, high: number|null, people: number|null }} Slot */
/** @typedef {{ mape: number|null, n: number, chance: number|null, of_all: number|null,
 *   half_hours: { at: string, came: number, expected: number }[] }} Measured */
/** @typedef {{ half_hours_known: number, half_hours_needed: number, half_hours_to_measure: number, half_hours: Slot[],
 *   weekly_growth: number, measured: Measured|null, handling: { seconds: number, n: number }|null,
 *   rule: { share_in_time: number, within_minutes: number, busy_most: number }, made_up: boolean }} Forecast */

const DAY = 48;
const SHOWN = 2 * DAY;
const LARGE = 10;

/** @param {HTMLElement} place @param {() => boolean} alive */
export async function forecastPanel(place, alive) {
  try {
    const forecast = await get('/v1/forecast');
    if (alive()) put(place, drawn(forecast));
  } catch (error) {
    if (alive())
      put(
        place,
        panel(
          null,
          failure(error, () => void forecastPanel(place, alive)),
        ),
      );
  }
}

/** @param {import('./dom.js').Child} chip @param {...import('./dom.js').Child} body */
const panel = (chip, ...body) =>
  h(
    'section',
    { class: 'panel forecast' },
    h('header', {}, h('h2', { class: 'grow' }, t('forecast.title')), chip),
    h('div', { class: 'body' }, body),
  );

/** Small numbers with a digit behind the point. @param {number} n */
const cases = (n) => (n < LARGE ? n.toFixed(1) : count(Math.round(n)));

/** @param {string} at */
const hour = (at) =>
  new Intl.DateTimeFormat(lang() === 'zh' ? 'zh-CN' : 'en-GB', {
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(new Date(at));

/** @param {Forecast} forecast */
function drawn(forecast) {
  const { half_hours: all, measured } = forecast;
  const known = { days: Math.floor(forecast.half_hours_known / DAY), needed: forecast.half_hours_needed / DAY };
  if (!all.length) {
    return panel(
      null,
      h('p', {}, t('forecast.too_little', known)),
      h('p', { class: 'small quiet' }, t('forecast.how')),
    );
  }
  const error = measured?.mape ?? null;
  return panel(
    forecast.made_up
      ? h('span', { class: 'chip warn' }, t('forecast.made_up'))
      : error === null
        ? h('span', { class: 'chip' }, t('forecast.unmeasured'))
        : h('span', { class: 'chip accent' }, t('forecast.mape', { error: percent(error), n: count(measured?.n ?? 0) })),
    forecast.made_up && h('p', {}, t('forecast.made_up_why', known)),
    next(forecast),
    measured && last(measured),
    h('p', { class: 'small quiet' }, t('forecast.how'), ' ', growth(forecast.weekly_growth)),
  );
}

/** @param {number} growth */
const growth = (growth) =>
  growth === 0
    ? t('forecast.steady')
    : t(growth > 0 ? 'forecast.grows' : 'forecast.shrinks', { by: percent(Math.abs(growth)) });

/** @param {Forecast} forecast */
function next({ half_hours: all, measured, handling, rule }) {
  const shown = all.slice(0, SHOWN);
  const day = shown.slice(0, DAY);
  const sum = day.reduce((total, slot) => total + slot.cases, 0);
  const peak = day.reduce((most, slot) => (slot.cases > most.cases ? slot : most));
  const people = Math.max(...day.map((slot) => slot.people ?? 0));
  const told = (/** @type {Slot} */ slot) =>
    [
      hour(slot.at),
      t('forecast.expected', { n: cases(slot.cases) }),
      slot.low !== null && slot.high !== null
        ? t('forecast.between', { low: cases(slot.low), high: cases(slot.high) })
        : null,
      slot.people !== null ? t('forecast.people', { n: slot.people }) : null,
    ]
      .filter(Boolean)
      .join(' · ');
  const summary = t('forecast.next_day', { n: cases(sum), peak: cases(peak.cases), at: hour(peak.at) });
  return h(
    'div',
    { class: 'forecast-part' },
    h('h3', {}, t('forecast.next')),
    h('p', { class: 'big' }, h('strong', {}, cases(sum)), h('span', { class: 'quiet' }, summary)),
    course({
      title: `${t('forecast.next')}: ${summary}`,
      at: shown.map((slot) => slot.at),
      lines: [{ tone: 'accent', values: shown.map((slot) => slot.cases) }],
      band: measured ? { low: shown.map((slot) => slot.low ?? 0), high: shown.map((slot) => slot.high ?? 0) } : null,
      told: shown.map(told),
      label: t('forecast.cases'),
    }),
    handling
      ? [
          course({
            title: t('forecast.staffing'),
            at: shown.map((slot) => slot.at),
            lines: [],
            steps: shown.map((slot) => slot.people ?? 0),
            told: shown.map(told),
            label: t('forecast.staffing'),
            tall: 110,
          }),
          h(
            'p',
            { class: 'small quiet' },
            t('forecast.rule', {
              most: people,
              seconds: Math.round(handling.seconds),
              n: count(handling.n),
              share: percent(rule.share_in_time),
              minutes: rule.within_minutes,
              busy: percent(rule.busy_most),
            }),
          ),
        ]
      : h('p', { class: 'small quiet' }, t('forecast.no_handling')),
    h(
      'details',
      { id: 'forecast-figures' },
      h('summary', { class: 'small' }, t('forecast.figures')),
      h(
        'ul',
        { class: 'forecast-figures small num' },
        shown.map((slot) => h('li', {}, told(slot))),
      ),
    ),
  );
}

/** @param {Measured} measured */
function last({ mape, n, chance, of_all: all, half_hours: points }) {
  const told =
    mape === null
      ? t('forecast.nothing_came')
      : t('forecast.measured', {
          error: percent(mape),
          n: count(n),
          chance: percent(chance),
          all: percent(all),
        });
  return h(
    'div',
    { class: 'forecast-part' },
    h('h3', {}, t('forecast.last')),
    h('p', { class: 'small' }, told),
    h(
      'ul',
      { class: 'band-key small' },
      h('li', {}, h('i', { class: 'came' }), t('forecast.came')),
      h('li', {}, h('i', {}), t('forecast.expected_before')),
    ),
    course({
      title: `${t('forecast.last')}: ${told}`,
      at: points.map((point) => point.at),
      lines: [
        { tone: 'came', values: points.map((point) => point.came) },
        { tone: 'accent', values: points.map((point) => point.expected) },
      ],
      told: points.map((point) =>
        [
          hour(point.at),
          t('forecast.came_n', { n: count(point.came) }),
          t('forecast.expected', { n: cases(point.expected) }),
        ].join(' · '),
      ),
      label: t('forecast.cases'),
    }),
  );
}
