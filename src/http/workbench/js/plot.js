// Plots, drawn small and plain. Each carries its figures as text too.
import { h, s } from './dom.js';

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
