import assert from 'node:assert/strict';
import test from 'node:test';
import { page } from './page.js';

const { affine, bounds, moved, steadyAffine, through } = await page('geometry.js');

test('a homography takes places of the upload to the page', () => {
  assert.deepEqual(through([2, 0, 10, 0, 2, 20, 0, 0, 1], [3, 4]), [16, 28]);
  assert.deepEqual(through([1, 0, 0, 0, 1, 0, 0, 0, 2], [4, 6]), [2, 3]);
  assert.deepEqual(
    moved(
      [
        [0, 0],
        [1, 1],
      ],
      [1, 0, 5, 0, 1, 6, 0, 0, 1],
    ),
    [
      [5, 6],
      [6, 7],
    ],
  );
});

test('bounds hold all polygons, and there are none of nothing', () => {
  assert.deepEqual(
    bounds([
      [
        [1, 2],
        [5, 3],
      ],
      [
        [0, 9],
        [2, 2],
      ],
    ]),
    { x: 0, y: 2, width: 5, height: 7 },
  );
  assert.equal(bounds([]), null);
});

test('two papers are laid over each other by what both say, in spite of a pair that does not fit', () => {
  const from = [
    [0, 0],
    [100, 0],
    [0, 100],
    [100, 100],
    [50, 70],
    [20, 30],
    [80, 10],
  ];
  const to = from.map(([x, y]) => [1.1 * x - 0.1 * y + 7, 0.1 * x + 1.1 * y - 3]);
  const exact = affine(from, to);
  for (const [index, value] of [1.1, 0.1, -0.1, 1.1, 7, -3].entries()) assert.ok(Math.abs(exact[index] - value) < 1e-9);
  const spoilt = to.map((point, index) => (index === 4 ? [900, 900] : point));
  const steady = steadyAffine(from, spoilt);
  assert.equal(steady.used, 6);
  assert.ok(Math.abs(steady.matrix[4] - 7) < 1e-6);
});

test('points on one line, or too few, lay nothing over anything', () => {
  assert.equal(
    affine(
      [
        [0, 0],
        [1, 1],
      ],
      [
        [0, 0],
        [1, 1],
      ],
    ),
    null,
  );
  assert.equal(
    affine(
      [
        [0, 0],
        [1, 1],
        [2, 2],
      ],
      [
        [0, 0],
        [1, 1],
        [2, 2],
      ],
    ),
    null,
  );
});
