// A service with keys: the page asks for one, shows what its role has a use for, and lets go of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, person } from './browser.js';
import { start } from './service.js';

let service;
let browser;

before(
  async () => {
    service = await start([
      { role: 'reviewer', name: 'rv-1' },
      { role: 'auditor', name: 'au-1' },
      { role: 'submitter', name: 'app-1' },
    ]);
    browser = await launch();
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** Somebody at the page who pastes a key. */
async function enter(key) {
  const here = await person(browser, { url: service.url });
  await here.page.goto(service.url);
  await here.page.waitForSelector('#key');
  await here.page.keyboard.type(key);
  await here.page.keyboard.press('Enter');
  return here;
}

const tabs = (page) => page.locator('.tab').allTextContents();

test('a wrong key is told, and the right one opens the queue', async () => {
  const { page, close } = await enter('clk_wrong');
  await page.waitForFunction(() => document.querySelector('.dialog [role=alert]')?.textContent !== '');
  await page.fill('#key', service.keys['rv-1']);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.queue-list .empty');
  assert.deepEqual(await tabs(page), ['Queue', 'Tasks', 'Operation']);
  assert.match(await page.textContent('.top'), /rv-1/);
  // The key itself is kept nowhere in the page.
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes('clk_'), kept);
  await close();
});

test('a reviewer sees the figures without what is not theirs, and without complaints', async () => {
  const { page, faults, go, close } = await enter(service.keys['rv-1']);
  await page.waitForSelector('.queue-list .empty');
  faults.length = 0;
  await go('#/operation', '.op-grid .plot');
  assert.equal(await page.locator('.policy-edit').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

test('an auditor sees the log, and signs out', async () => {
  const { page, faults, go, close } = await enter(service.keys['au-1']);
  await page.waitForSelector('.checks .notice.good');
  assert.deepEqual(await tabs(page), ['Audit', 'Operation']);
  faults.length = 0;
  await go('#/audit/entry/1', '.ladder .root.good');
  await go('#/operation', '.op-grid .plot');
  assert.deepEqual(faults, []);
  await page.click('.top .button:last-child');
  await page.waitForSelector('#key');
  await close();
});

test('a session that ended is asked for again without losing what was being written', async () => {
  const { page, close } = await enter(service.keys['rv-1']);
  await page.waitForSelector('.queue-list .empty');
  await page.evaluate(() => fetch('/v1/session', { method: 'DELETE' }));
  await page.waitForSelector('#key');
  await page.keyboard.type(service.keys['rv-1']);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.querySelector('.dialog'));
  await page.waitForSelector('.queue-list .empty');
  await close();
});

test('a key of a program opens nothing here, and is told so', async () => {
  const { page, close } = await enter(service.keys['app-1']);
  await page.waitForSelector('.empty h2');
  assert.deepEqual(await tabs(page), []);
  await close();
});
