// Plots, drawn small and plain. Each carries its figures as text too.
import { h, put, s } from './dom.js';
import { lang } from './i18n.js';

/**
 * Bars one under the other.
 * @param {{ label: string, value: number, tone?: string, shown?: string, before?: number }[]} rows
 * @param {{ max?: number }} [options]
 */
export function bars(rows, options = {}) {
  const max = options.max ?? Math.max(1, ...rows.map((row) => Math.max(row.value, row.before ?? 0)));
  return h(
    'dl',
    { class: 'bars' },
    rows.map((row) => {
      const bar = h('i', { class: row.tone ?? '' });
      bar.style.width = `${(100 * row.value) / max}%`;
      const before = row.before === undefined ? null : h('b', {});
      if (before) before.style.left = `${(100 * (row.before ?? 0)) / max}%`;
      return [
        h('dt', { class: 'cut', title: row.label }, row.label),
        h(
          'dd',
          {},
          h('span', { class: 'bar' }, bar, before),
          h('span', { class: 'num small' }, row.shown ?? row.value),
        ),
      ];
    }),
  );
}

/**
 * Parts of a whole in one band.
 * @param {{ label: string, value: number, tone: string, shown: string }[]} parts
 */
export function band(parts) {
  const whole = parts.reduce((sum, part) => sum + part.value, 0) || 1;
  return h(
    'div',
    { class: 'band-plot' },
    h(
      'div',
      { class: 'band', 'aria-hidden': 'true' },
      parts
        .filter((part) => part.value > 0)
        .map((part) => {
          const piece = h('i', { class: part.tone });
          piece.style.flexGrow = String(part.value / whole);
          return piece;
        }),
    ),
    h(
      'ul',
      { class: 'band-key small' },
      parts.map((part) => h('li', {}, h('i', { class: part.tone }), part.label, h('strong', {}, ` ${part.shown}`))),
    ),
  );
}

/**
 * Columns side by side.
 * @param {{ label: string, value: number, tone?: string }[]} columns
 * @param {string} title what a screen reader says
 */
export function columns(columns, title) {
  const [width, height, foot] = [400, 130, 22];
  const max = Math.max(1, ...columns.map((one) => one.value));
  const step = width / columns.length;
  return s(
    'svg',
    {
      class: 'plot',
      viewBox: `0 0 ${width} ${height + foot}`,
      role: 'img',
      'aria-label': `${title}: ${columns
        .filter((one) => one.value)
        .map((one) => `${one.label} ${one.value}`)
        .join(', ')}`,
    },
    s('line', { x1: 0, x2: width, y1: height, y2: height, class: 'axis' }),
    columns.map((one, index) => {
      const tall = one.value ? Math.max(3, (height - 20) * (one.value / max)) : 0;
      return [
        s('rect', {
          x: index * step + step * 0.14,
          width: step * 0.72,
          y: height - tall,
          height: tall,
          rx: 2,
          class: `column ${one.tone ?? ''}`,
        }),
        one.value ? s('text', { x: (index + 0.5) * step, y: height - tall - 5, class: 'figure' }, one.value) : null,
        s('text', { x: (index + 0.5) * step, y: height + 16, class: 'tick' }, one.label),
      ];
    }),
  );
}

/**
 * How near a bound is to its limit.
 * @param {{ value: number, limit: number, max: number, shown: string, limitShown: string }} gauge
 */
export function gauge({ value, limit, max, shown, limitShown }) {
  const [width, y] = [400, 34];
  const at = (/** @type {number} */ x) => Math.max(0, Math.min(width, (x / max) * width));
  const over = value > limit;
  const anchor = (/** @type {number} */ x) => (x < 70 ? 'start' : x > width - 70 ? 'end' : 'middle');
  return s(
    'svg',
    { class: 'plot', viewBox: `0 0 ${width} 70`, role: 'img', 'aria-label': `${shown}, ${limitShown}` },
    s('rect', { x: 0, y, width, height: 12, rx: 6, class: 'track' }),
    s('rect', { x: at(limit), y, width: width - at(limit), height: 12, rx: 6, class: 'forbidden' }),
    s('rect', { x: 0, y, width: at(value), height: 12, rx: 6, class: over ? 'column bad' : 'column good' }),
    s('line', { x1: at(limit), x2: at(limit), y1: y - 7, y2: y + 19, class: 'limit' }),
    s('text', { x: at(value), y: y - 12, class: 'figure', 'text-anchor': anchor(at(value)) }, shown),
    s('text', { x: at(limit), y: y + 34, class: 'tick', 'text-anchor': anchor(at(limit)) }, limitShown),
  );
}

/**
 * What something adds or takes, from a middle line, with the range that chance leaves it.
 * @param {{ value: number, low: number, high: number, most: number, tone: string, shown: string }} part
 */
export function aside({ value, low, high, most, tone, shown }) {
  const [width, height] = [220, 22];
  const x = (/** @type {number} */ at) => width / 2 + (Math.max(-most, Math.min(most, at)) / most) * (width / 2 - 4);
  const y = height / 2;
  return s(
    'svg',
    { class: 'plot aside', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': shown },
    s('rect', { x: Math.min(x(0), x(value)), y: y - 5, width: Math.abs(x(value) - x(0)), height: 10, class: tone }),
    s('line', { x1: x(0), x2: x(0), y1: 0, y2: height, class: 'axis' }),
    s('line', { x1: x(low), x2: x(high), y1: y, y2: y, class: 'range' }),
    [low, high].map((end) => s('line', { x1: x(end), x2: x(end), y1: y - 4, y2: y + 4, class: 'range' })),
  );
}

const HALF_HOUR = 1_800_000;

/** The least round number from here on. @param {number} least */
function round(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= least) ?? 10) * power;
}

/**
 * What runs over days, half-hour by half-hour; whoever points at it is told the figures of that half-hour.
 * @param {{ title: string, label: string, at: string[], told: string[], tall?: number,
 *   lines: { tone: string, values: number[] }[], band?: { low: number[], high: number[] }|null,
 *   steps?: number[] }} plot
 */
export function course({ title, label, at, told, lines, band = null, steps, tall = 200 }) {
  const [width, left, top, foot] = [1200, 46, 18, 26];
  const most = Math.max(1, ...lines.flatMap((line) => line.values), ...(band?.high ?? []), ...(steps ?? []));
  // Nobody is a fraction of a person, and half a case is none.
  const apart = Math.ceil(round(most / 4));
  const marks = [0, 1, 2, 3, 4].map((n) => n * apart).filter((value) => value < most + apart / 2);
  const scale = Math.max(...marks, most);
  const step = (width - left) / at.length;
  const x = (/** @type {number} */ n) => left + n * step;
  const y = (/** @type {number} */ value) => top + (tall - top) * (1 - value / scale);
  const middle = (/** @type {number} */ n) => x(n + 0.5).toFixed(1);
  const path = (/** @type {number[]} */ values) =>
    values.map((value, n) => `${n ? 'L' : 'M'}${middle(n)} ${y(value).toFixed(1)}`).join('');
  const around = band
    ? `${path(band.high)}${band.low
        .map((value, n) => `L${middle(n)} ${y(value).toFixed(1)}`)
        .toReversed()
        .join('')}Z`
    : '';
  const stairs = (/** @type {number[]} */ values) =>
    values
      .map((value, n) => `${n ? 'L' : 'M'}${x(n).toFixed(1)} ${y(value).toFixed(1)}H${x(n + 1).toFixed(1)}`)
      .join('');
  const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', hour12: false });
  const day = new Intl.DateTimeFormat(lang() === 'zh' ? 'zh-CN' : 'en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
  });
  const days = at.length * HALF_HOUR > 3 * 86_400_000;
  const ticks = at.flatMap((one, n) => {
    const date = new Date(one);
    const hours = date.getHours();
    if (date.getMinutes() !== 0 || (days ? hours !== 0 : hours % 6 !== 0)) return [];
    return [{ n, text: hours === 0 ? day.format(date) : clock.format(date), midnight: hours === 0 }];
  });
  const rule = s('line', { y1: top, y2: tall, class: 'pointed', visibility: 'hidden' });
  const said = h('p', { class: 'course-told small num' }, '\u00a0');
  const svg = s(
    'svg',
    { class: 'plot course', viewBox: `0 0 ${width} ${tall + foot}`, role: 'img', 'aria-label': title },
    marks.map((value) => [
      s('line', { x1: left, x2: width, y1: y(value), y2: y(value), class: value ? 'mesh' : 'axis' }),
      s('text', { x: left - 8, y: y(value) + 4, class: 'tick', 'text-anchor': 'end' }, value),
    ]),
    s('text', { x: left, y: 10, class: 'tick', 'text-anchor': 'start' }, label),
    ticks.map(({ n, text, midnight }) => [
      s('line', { x1: x(n), x2: x(n), y1: midnight ? top : tall, y2: tall + 5, class: midnight ? 'mesh' : 'axis' }),
      s('text', { x: x(n) + 4, y: tall + 18, class: 'tick', 'text-anchor': 'start' }, text),
    ]),
    band && s('path', { d: around, class: 'around' }),
    steps && s('path', { d: `${stairs(steps)}V${y(0)}H${left}Z`, class: 'filled' }),
    steps && s('path', { d: stairs(steps), class: 'line warn' }),
    lines.map((line) => s('path', { d: path(line.values), class: `line ${line.tone}` })),
    rule,
  );
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const n = Math.floor((((event.clientX - box.left) / box.width) * width - left) / step);
    const words = told[n];
    if (words === undefined) return;
    rule.setAttribute('x1', middle(n));
    rule.setAttribute('x2', middle(n));
    rule.setAttribute('visibility', 'visible');
    put(said, words);
  });
  svg.addEventListener('pointerleave', () => {
    rule.setAttribute('visibility', 'hidden');
    put(said, '\u00a0');
  });
  return h('div', {}, svg, said);
}
