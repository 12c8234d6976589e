// What is to be done with a case and by when, as a reviewer sees it; and what a claimant asks meanwhile.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, person, unfit } from './browser.js';
import { start, submit, until } from './service.js';

const OUT = fileURLToPath(new URL('../../../target/workbench/', import.meta.url));
let service;
let browser;
let stay;
let receipt;

before(
  async () => {
    await mkdir(OUT, { recursive: true });
    service = await start();
    browser = await launch();
    // For a stay in hospital, and without the list and the record that it needs.
    stay = await submit(service.url, 'T-stay', 'inpatient_bill', ['inpatient_bill/flat.jpg'], { type: 'inpatient' });
    receipt = await submit(service.url, 'T-receipt', 'till_receipt', ['till_receipt/altered.jpg']);
  },
  { timeout: 900_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
});

const review = async (claim) => (await fetch(`${service.url}/v1/reviews/${claim.id}`)).json();
const nudge = (claim) =>
  fetch(`${service.url}/v1/claims/${claim.id}/nudge`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
  });

/** The screen in both languages and themes: pictures, and nothing serious for axe. */
async function looked(name, hash, ready, act) {
  for (const language of ['en', 'zh']) {
    for (const theme of ['light', 'dark']) {
      const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1', language, theme });
      await go(hash, ready);
      await act?.(page);
      await page.waitForTimeout(250);
      await page.screenshot({ path: `${OUT}${name}-${language}-${theme}.png` });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false);
      assert.deepEqual(await unfit(page), [], `${name} ${language} ${theme}`);
      assert.deepEqual(faults, []);
      await close();
    }
  }
}

test('a claimant asks when it goes on, and whoever looks at the queue sees it', { timeout: 900_000 }, async () => {
  const answer = await nudge(receipt);
  assert.equal(answer.status, 200);
  const told = await answer.json();
  assert.equal(told.guidance[0].by, told.review.due_at, 'by when');
  assert.equal((await nudge(receipt)).status, 429);
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go('#/queue', '.case-row .case-link');
  assert.equal(await page.locator('.case-row .case-link').first().textContent(), 'T-receipt', 'it comes first');
  assert.equal(await page.locator('.case-row .chip', { hasText: 'claimant asks' }).count(), 1);
  // Only what papers are missing of.
  await page.selectOption('#queue-task', 'missing_papers');
  await page.waitForFunction(() => document.querySelectorAll('.case-row .case-link').length === 1);
  assert.equal(await page.textContent('.case-row .case-link'), 'T-stay');
  // Cases that are ruled have other tasks.
  await page.keyboard.press('5');
  await page.waitForSelector('.empty');
  assert.deepEqual(
    await page.locator('#queue-task option').evaluateAll((all) => all.map((one) => one.value)),
    ['', 'refusal_notice', 'payment'],
  );
  assert.deepEqual(faults, []);
  await close();
  await looked('tasks-queue', '#/queue', '.case-row .case-link');
});

test('what is to be done is told with its clock, and done by hand or by a verdict', { timeout: 900_000 }, async () => {
  await looked('tasks-case', `#/case/${stay.id}`, '.task[data-task=missing_papers]');
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go(`#/case/${stay.id}`, '.task[data-task=missing_papers]');
  assert.match(await page.textContent('.task[data-task=decide]'), /29 days left.*nobody yet/);
  assert.match(await page.textContent('.brief'), /Promised.*A decision by/);
  await page.click('.task[data-task=missing_papers] button');
  await page.waitForSelector('#task-note');
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() => document.querySelector('.dialog [role=alert]')?.textContent !== '');
  await page.screenshot({ path: `${OUT}tasks-done-en-light.png` });
  assert.deepEqual(await unfit(page), []);
  await page.keyboard.type('The list and the record came by post.');
  await page.keyboard.press('Control+Enter');
  await page.waitForSelector('.task.done[data-task=missing_papers]');
  const step = (await review(stay)).timeline.at(-1);
  assert.deepEqual(
    [step.kind, step.reason, step.by, step.note],
    ['task_done', 'missing_papers', 'rv-1', 'The list and the record came by post.'],
  );
  await page.keyboard.press('t');
  await until('the case to be held', async () => (await review(stay)).holder === 'rv-1');
  await page.waitForFunction(() => document.querySelector('.task[data-task=decide]')?.textContent?.includes('rv-1'));
  await page.keyboard.press('x');
  await page.waitForSelector('.sheet.reject');
  await page.focus('#why');
  await page.keyboard.type('Not of this policy.');
  await page.focus('.whys input[value=not_covered]');
  await page.keyboard.press('Space');
  await page.keyboard.press('Control+Enter');
  await page.waitForSelector('.task[data-task=refusal_notice]');
  assert.match(await page.textContent('.task[data-task=decide]'), /done in time.*rv-1/);
  assert.match(await page.textContent('.brief'), /kept/);
  assert.deepEqual(faults, []);
  await close();
  await looked('tasks-after', `#/case/${stay.id}`, '.task[data-task=refusal_notice]');
  await looked('tasks-operation', '#/operation', '.op-grid .plot, .op-grid .band');
});
