// The first visit: a demo that works, and an empty installation that says how to begin.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, person, unfit } from './browser.js';
import { decided, start } from './service.js';

const OUT = fileURLToPath(new URL('../../../target/workbench/', import.meta.url));
let demo;
let empty;
let browser;

before(
  async () => {
    await mkdir(OUT, { recursive: true });
    [demo, empty, browser] = await Promise.all([start([], { options: ['--demo'] }), start(), launch()]);
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  await demo?.stop();
  await empty?.stop();
});

test('the demo has one claim of each finding, and each of them can be opened', async () => {
  const claims = Object.values(await decided(demo.url));
  const { page, faults, go, close } = await person(browser, { url: demo.url, name: 'rv-1' });
  await go('#/queue', '.case-row .case-link');
  assert.match(await page.textContent('.demo'), /made up.*To leave it.*claimlens serve$/s);
  const held = claims.filter((claim) => claim.decision !== 'auto_approve');
  assert.equal(held.length, 10);
  assert.equal(await page.locator('.case-row .case-link').count(), held.length);
  const codes = new Set(held.flatMap((claim) => claim.reasons.map((reason) => reason.code)));
  for (const code of [
    'total_in_words_differs',
    'seen_before_same_number',
    'name_differs',
    'retake_advised',
    'photo_unreadable',
    'unknown_document',
    'processing_failed',
    'bill_too_old',
    'amount_above_limit',
    'kind_not_approvable',
  ])
    assert.ok(codes.has(code), code);
  for (const claim of held) {
    await go(`#/case/${claim.id}`, '.part.problems h2');
    assert.equal(await page.locator('.card-failed').count(), 0, claim.claim.id);
  }
  assert.deepEqual(faults, []);
  await close();
});

test('the demo has tasks that are late, and lists them first', async () => {
  await decided(demo.url);
  const { page, faults, go, close } = await person(browser, { url: demo.url, name: 'rv-1' });
  await go('#/tasks', '.task-row');
  assert.match(await page.textContent('.queue-head'), /[1-9]\d* overdue/);
  assert.match(await page.textContent('.task-row:first-child .due'), /over/);
  assert.deepEqual(faults, []);
  await close();
});

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`the demo and the empty queue are sound in ${language}, ${theme}`, async () => {
      for (const [name, url, ready] of [
        ['demo', demo.url, '.case-row .case-link'],
        ['first', empty.url, '.empty.first pre'],
      ]) {
        const { page, faults, go, close } = await person(browser, { url, name: 'rv-1', language, theme });
        await go('#/queue', ready);
        await page.waitForTimeout(250);
        await page.screenshot({ path: `${OUT}${name}-${language}-${theme}.png` });
        assert.deepEqual(await unfit(page), []);
        assert.deepEqual(faults, []);
        await close();
      }
    });
  }
}

test('an empty installation says what to do next, and does not call itself a demo', async () => {
  const { page, faults, go, close } = await person(browser, { url: empty.url, name: 'rv-1' });
  await go('#/queue', '.empty.first pre');
  const said = await page.locator('.empty.first pre').allTextContents();
  assert.ok(said[0].startsWith('curl ') && said[0].includes(`${empty.url}/v1/claims`), said[0]);
  assert.ok(said[1].startsWith('claimlens serve --demo'), said[1]);
  assert.equal(await page.getAttribute('.empty.first a', 'href'), '/docs');
  assert.equal(await page.textContent('.demo'), '');
  assert.deepEqual(faults, []);
  await close();
});
