// What is to be done, of all cases in one list: what is overdue first, found by keys, and said to be done.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, person, unfit } from './browser.js';
import { start, submit, until } from './service.js';

const OUT = fileURLToPath(new URL('../../../target/workbench/', import.meta.url));
const DAY = 86_400_000;
let service;
let browser;
let stay;

before(
  async () => {
    await mkdir(OUT, { recursive: true });
    service = await start();
    browser = await launch();
    // For a stay in hospital, and without the list and the record that it needs.
    stay = await submit(service.url, 'T-stay', 'inpatient_bill', ['inpatient_bill/flat.jpg'], { type: 'inpatient' });
    await submit(service.url, 'T-receipt', 'till_receipt', ['till_receipt/altered.jpg']);
  },
  { timeout: 900_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
});

const kinds = (page) => page.locator('.task-row').evaluateAll((all) => all.map((one) => one.dataset.task));
const shown = (page, n) => page.waitForFunction((n) => document.querySelectorAll('.task-row').length === n, n);

/** Tasks as they stand after some weeks: one overdue that stands last, one that pauses, one that is due soon. */
function weeksLater() {
  const at = (days) => new Date(Date.now() + days * DAY).toISOString();
  const task = (n, kind, state, since, due_at, more = {}) => ({
    kind,
    state,
    since: at(since),
    due_at,
    late: state === 'overdue',
    who: null,
    done_at: null,
    by_hand: !['decide', 'second_approval', 'appeal'].includes(kind) && due_at !== null,
    case: `clm_${String(n).padStart(26, '0')}`,
    external_id: `CLAIM-2026-${1000 + n}`,
    case_state: 'open',
    escalated: false,
    nudged_at: null,
    ...more,
  });
  return {
    tasks: [
      task(1, 'decide', 'open', -28, at(2), { who: 'rv-1', case_state: 'held' }),
      task(2, 'missing_papers', 'paused', -9, null, { case_state: 'waiting' }),
      task(3, 'issuer_check', 'open', -1, at(4), { nudged_at: at(-0.2) }),
      task(4, 'appeal', 'open', -3, at(27)),
      task(5, 'fraud_referral', 'overdue', -9, at(-4), { escalated: true, who: 'rv-2', case_state: 'held' }),
    ],
    next: null,
  };
}

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`tasks are told with their clocks, what is overdue first, in ${language}, ${theme}`, async () => {
      for (const [width, height] of [
        [1280, 800],
        [820, 1180],
      ]) {
        const { page, faults, go, close } = await person(browser, {
          url: service.url,
          name: 'rv-1',
          language,
          theme,
          width,
          height,
        });
        await page.route('**/v1/tasks?*', (route) => route.fulfill({ json: weeksLater() }));
        await go('#/tasks', '.task-row');
        assert.deepEqual(await kinds(page), ['fraud_referral', 'decide', 'issuer_check', 'appeal', 'missing_papers']);
        if (language === 'en') {
          assert.match(await page.textContent('.task-row:first-child'), /4 days over.*escalated.*rv-2/);
          assert.match(await page.textContent('.task-row:nth-child(2)'), /days? left|h left/);
          assert.match(await page.textContent('.task-row:last-child'), /paused/);
          assert.match(await page.textContent('.queue-head'), /1 overdue.*1 due within 3 days/);
        }
        await page.screenshot({ path: `${OUT}tasklist-${width}-${language}-${theme}.png` });
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false);
        assert.deepEqual(await unfit(page), []);
        assert.deepEqual(faults, []);
        await close();
      }
    });
  }
}

test('a task is found by keys, its case opened and left again, and the help tells how', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go('#/queue', '.case-row .case-link');
  await page.keyboard.press('?');
  const entry = page.locator('.keys dt', { hasText: /^Alt 2$/ });
  assert.equal(await entry.locator('xpath=following-sibling::dd[1]').textContent(), 'Tasks');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Alt+2');
  await page.waitForSelector('.task-row');
  assert.equal(await page.textContent('nav [aria-current=page]'), 'Tasks');
  const all = await kinds(page);
  assert.ok(all.includes('missing_papers') && all.includes('decide'), String(all));
  await page.keyboard.press('j');
  const second = page.locator('.task-row').nth(1);
  assert.equal(await second.getAttribute('aria-current'), 'true');
  const id = await second.getAttribute('data-id');
  await page.keyboard.press('Enter');
  await page.waitForFunction((id) => location.hash === `#/case/${id}`, id);
  await page.waitForSelector('.task');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => location.hash === '#/tasks');
  await page.waitForSelector('.task-row');
  assert.deepEqual(faults, []);
  await close();
});

test('tasks are sorted out by kind, by whose they are and by their clock', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go('#/tasks', '.task-row');
  await page.selectOption('#tasks-kind', 'missing_papers');
  await shown(page, 1);
  assert.equal(await page.textContent('.task-row .case-link'), 'T-stay');
  await page.click('#tasks-overdue');
  await page.waitForSelector('.empty');
  assert.equal(await page.getAttribute('#tasks-overdue', 'aria-pressed'), 'true');
  assert.deepEqual(await unfit(page), []);
  await page.click('.empty .button');
  await page.waitForSelector('.task-row');
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('m');
  await page.waitForSelector('.empty');
  await page.keyboard.press('m');
  await page.waitForSelector('.task-row');
  assert.deepEqual(faults, []);
  await close();
});

test('a task is said to be done by hand, and one that a verdict ends is not', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go('#/tasks', '.task-row[data-task=missing_papers]');
  const before = (await kinds(page)).length;
  assert.equal(await page.locator('.task-row[data-task=decide] .finish button').count(), 0);
  await page.click('.task-row[data-task=missing_papers] .finish button');
  await page.waitForSelector('#task-note');
  assert.equal(await page.evaluate(() => location.hash), '#/tasks', 'the case is not opened by it');
  await page.keyboard.type('They came by post.');
  await page.keyboard.press('Control+Enter');
  await shown(page, before - 1);
  const step = (await (await fetch(`${service.url}/v1/reviews/${stay.id}`)).json()).timeline.at(-1);
  assert.deepEqual([step.kind, step.reason, step.note], ['task_done', 'missing_papers', 'They came by post.']);
  assert.deepEqual(faults, []);
  await close();
});

test('new tasks come by themselves, and a service that does not answer is told', { timeout: 600_000 }, async () => {
  const { page, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go('#/tasks', '.task-row');
  const before = (await kinds(page)).length;
  await submit(service.url, 'T-later', 'till_receipt', ['till_receipt/altered.jpg']);
  await until('the new task', async () => (await kinds(page)).length > before);
  await page.route('**/v1/tasks?*', (route) => route.abort());
  await page.click('#tasks-overdue');
  await page.waitForSelector('.queue-trouble .notice.bad');
  await page.unroute('**/v1/tasks?*');
  await page.click('.queue-trouble .button');
  await page.waitForSelector('.empty');
  await close();
});

test('more tasks come by pages', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  const [first, ...rest] = weeksLater().tasks;
  await page.route('**/v1/tasks?*', (route) =>
    route.fulfill({
      json: route.request().url().includes('cursor=')
        ? { tasks: rest, next: null }
        : { tasks: [first], next: 'due.1.2.clm_00000000000000000000000000' },
    }),
  );
  await go('#/tasks', '.task-row');
  await page.click('.queue-below .button');
  await shown(page, 5);
  assert.equal(await page.locator('.queue-below .button').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});
