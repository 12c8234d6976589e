// Places on photo and page. Polygons are in pixels of the photo as uploaded; the page is reached by a homography.

/** @typedef {import('./types.js').Polygon} Polygon */
/** @typedef {[number, number]} Point */

/** @param {number[]} m nine numbers, row by row @param {Point} point @returns {Point} */
export function through(m, [x, y]) {
  const [a, b, c, d, e, f, g, h, i] = /** @type {any} */ (m);
  const w = g * x + h * y + i;
  return [(a * x + b * y + c) / w, (d * x + e * y + f) / w];
}

/** @param {Polygon} polygon @param {number[]} m @returns {Polygon} */
export const moved = (polygon, m) => polygon.map((point) => through(m, point));

/** @param {Polygon[]} polygons @returns {{ x: number, y: number, width: number, height: number }|null} */
export function bounds(polygons) {
  const points = polygons.flat();
  if (!points.length) return null;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** @param {Polygon} polygon */
export const points = (polygon) => polygon.map(([x, y]) => `${x},${y}`).join(' ');

/** @param {Polygon} polygon @returns {Point} */
export function middle(polygon) {
  const n = polygon.length;
  return [polygon.reduce((sum, [x]) => sum + x, 0) / n, polygon.reduce((sum, [, y]) => sum + y, 0) / n];
}

/**
 * The affine map that takes `from` to `to` with the least squares, as [a, b, c, d, e, f] of CSS `matrix()`; null where
 * fewer than three points, or points on one line, do not say.
 * @param {Point[]} from
 * @param {Point[]} to
 * @returns {number[]|null}
 */
export function affine(from, to) {
  if (from.length < 3) return null;
  const n = from.length;
  const mean = (/** @type {Point[]} */ all, /** @type {0|1} */ axis) => all.reduce((sum, p) => sum + p[axis], 0) / n;
  const [mx, my, tx, ty] = [mean(from, 0), mean(from, 1), mean(to, 0), mean(to, 1)];
  let [xx, xy, yy, xu, yu, xv, yv] = [0, 0, 0, 0, 0, 0, 0];
  from.forEach(([px, py], index) => {
    const [x, y] = [px - mx, py - my];
    const target = /** @type {Point} */ (to[index]);
    const [u, v] = [target[0] - tx, target[1] - ty];
    xx += x * x;
    xy += x * y;
    yy += y * y;
    xu += x * u;
    yu += y * u;
    xv += x * v;
    yv += y * v;
  });
  const det = xx * yy - xy * xy;
  if (det < 1e-6 * (xx + yy) ** 2) return null;
  const a = (xu * yy - yu * xy) / det;
  const c = (yu * xx - xu * xy) / det;
  const b = (xv * yy - yv * xy) / det;
  const d = (yv * xx - xv * xy) / det;
  return [a, b, c, d, tx - a * mx - c * my, ty - b * mx - d * my];
}

/**
 * Like `affine`, but pairs that do not fit the rest are left out, twice.
 * @param {Point[]} from
 * @param {Point[]} to
 * @returns {{ matrix: number[], used: number }|null}
 */
export function steadyAffine(from, to) {
  let kept = from.map((_, index) => index);
  let matrix = null;
  for (let round = 0; round < 3; round += 1) {
    matrix = affine(
      kept.map((i) => /** @type {Point} */ (from[i])),
      kept.map((i) => /** @type {Point} */ (to[i])),
    );
    if (!matrix) return null;
    const [a, b, c, d, e, f] = /** @type {any} */ (matrix);
    const off = kept.map((i) => {
      const [x, y] = /** @type {Point} */ (from[i]);
      const [u, v] = /** @type {Point} */ (to[i]);
      return Math.hypot(a * x + c * y + e - u, b * x + d * y + f - v);
    });
    const limit = 3 * Math.max(1, [...off].sort((p, q) => p - q)[Math.floor(off.length / 2)] ?? 1);
    const next = kept.filter((_, index) => (off[index] ?? Infinity) <= limit);
    if (next.length === kept.length || next.length < 3) break;
    kept = next;
  }
  return matrix && { matrix, used: kept.length };
}
