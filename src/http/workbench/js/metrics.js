// The process's own counts, in the text form of OpenMetrics.

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample */

/** @param {string} text @returns {Sample[]} */
export function parse(text) {
  return text.split('\n').flatMap((line) => {
    const found = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!found || line.startsWith('#')) return [];
    const labels = Object.fromEntries(
      [...(found[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((one) => [one[1], one[2]]),
    );
    return [{ name: /** @type {string} */ (found[1]), labels, value: Number(found[3]) }];
  });
}

/** @param {Sample[]} samples @param {string} name */
export const named = (samples, name) => samples.filter((one) => one.name === name);

/**
 * The value below which a share of a histogram lies, within its bucket by a straight line; null where nothing was
 * counted.
 * @param {{ le: number, count: number }[]} buckets
 * @param {number} share
 */
export function quantile(buckets, share) {
  const sorted = [...buckets].sort((a, b) => a.le - b.le);
  const total = sorted.at(-1)?.count ?? 0;
  if (!total) return null;
  const wanted = total * share;
  let before = { le: 0, count: 0 };
  for (const bucket of sorted) {
    if (bucket.count >= wanted) {
      if (!Number.isFinite(bucket.le)) return before.le;
      const within = bucket.count === before.count ? 1 : (wanted - before.count) / (bucket.count - before.count);
      return before.le + (bucket.le - before.le) * within;
    }
    before = bucket;
  }
  return before.le;
}

/** @param {Sample[]} samples @param {string} stage */
export const buckets = (samples, stage) =>
  named(samples, 'claimlens_stage_duration_seconds_bucket')
    .filter((one) => one.labels.stage === stage)
    .map((one) => ({ le: one.labels.le === '+Inf' ? Infinity : Number(one.labels.le), count: one.value }));
