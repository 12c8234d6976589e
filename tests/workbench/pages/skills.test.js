// Who works on which papers is said by an admin; it sorts the queue and forbids nothing.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, person, unfit } from './browser.js';
import { start, submit, until } from './service.js';

const OUT = fileURLToPath(new URL('../../../target/workbench/', import.meta.url));
const SHOWN = '.case-row .case-link';
let service;
let keyed;
let browser;

before(
  async () => {
    await mkdir(OUT, { recursive: true });
    [service, keyed, browser] = await Promise.all([
      start(),
      start([
        { role: 'auditor', name: 'au-1' },
        { role: 'admin', name: 'boss-1' },
        { role: 'reviewer', name: 'rv-1' },
      ]),
      launch(),
    ]);
    // Papers in two languages, which only reading can tell.
    for (const kind of ['till_receipt', 'outpatient_bill', 'inpatient_bill'])
      await submit(service.url, `T-${kind}`, kind, [`${kind}/altered.jpg`]);
  },
  { timeout: 900_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
  await keyed?.stop();
});

beforeEach(() => say([]));

const kept = async () => (await fetch(`${service.url}/v1/skills`)).json();

/** Says at the interface who works on what. */
async function say(reviewers, { url = service.url, by = 'boss-9', key = null } = {}) {
  const headers = key ? { Authorization: `Bearer ${key}` } : { 'X-Claimlens-Actor': by };
  const { entry } = await (await fetch(`${url}/v1/skills`, { headers })).json();
  const answer = await fetch(`${url}/v1/skills`, {
    method: 'PUT',
    headers: { ...headers, 'Content-Type': 'application/json', 'If-Match': `"${entry}"` },
    body: JSON.stringify({ reviewers }),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
}

/** All cases that somebody may rule on, whoever they suit. */
async function cases() {
  const states = ['open', 'held', 'second'].map((state) => `state=${state}`).join('&');
  return (await (await fetch(`${service.url}/v1/reviews?limit=50&${states}`)).json()).cases;
}

const names = async (page) => (await page.locator(SHOWN).allTextContents()).sort();
const called = (all) => all.map((one) => one.external_id).sort();

/** Waits until the queue shows exactly these. */
const showing = (page, wanted) =>
  until(`the rows ${wanted}`, async () => JSON.stringify(await names(page)) === JSON.stringify(wanted));

/** Presses Tab until something has the focus. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 20; presses += 1) {
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`no way to ${selector} by Tab`);
}

test('an admin lists a reviewer by keyboard only, whose queue then shows what suits, or all', async () => {
  const all = await cases();
  assert.deepEqual(all.map((one) => [one.kind, ...one.languages]).sort(), [
    ['medical_inpatient_bill', 'zh'],
    ['medical_outpatient_bill', 'zh'],
    ['till_receipt', 'en'],
  ]);
  const suiting = all.filter((one) => one.languages.includes('zh') && one.kind !== 'medical_inpatient_bill');
  const boss = await person(browser, { url: service.url, name: 'boss-1' });
  await boss.go('#/queue', SHOWN);
  // Whoever has no skill sees all, and no switch.
  assert.deepEqual(await names(boss.page), called(all));
  assert.equal(await boss.page.locator('#queue-suited').count(), 0);
  await boss.page.keyboard.press('Alt+5');
  await boss.page.waitForSelector('.cards-row');
  await boss.page.focus('.desk a[href="#/skills"]');
  await boss.page.keyboard.press('Enter');
  await boss.page.waitForSelector('.skills-list .empty');
  assert.equal(await boss.page.textContent('.top [aria-current=page]'), 'Cards');
  await boss.page.keyboard.press('a');
  await boss.page.keyboard.type('rv 017');
  await boss.page.keyboard.press('Enter');
  assert.match(await boss.page.textContent('#skills-fault'), /^1 to 64 of/);
  assert.equal(await boss.page.getAttribute('#skills-name', 'aria-invalid'), 'true');
  await boss.page.keyboard.press('Control+A');
  await boss.page.keyboard.type('rv-017');
  await boss.page.keyboard.press('Enter');
  await tabTo(boss.page, '[data-code=medical_outpatient_bill]');
  await boss.page.keyboard.press('Space');
  await tabTo(boss.page, '[data-code=till_receipt]');
  await boss.page.keyboard.press('Space');
  await tabTo(boss.page, '[data-code=zh]');
  await boss.page.keyboard.press('Enter');
  assert.deepEqual(await boss.page.locator('[aria-pressed=true]').allTextContents(), [
    'outpatient bill',
    'till receipt',
    'Chinese',
  ]);
  await boss.page.keyboard.press('Control+s');
  await until('the change', async () => (await kept()).by === 'boss-1');
  const { skills, open } = await kept();
  const kinds = ['medical_outpatient_bill', 'till_receipt'];
  assert.deepEqual(skills, { reviewers: [{ name: 'rv-017', kinds, languages: ['zh'] }] });
  assert.deepEqual(open, { cases: 3, unsuited: 2, of: [{ name: 'rv-017', cases: 1 }] });
  await boss.page.waitForFunction(() => document.querySelector('.skills-foot .primary')?.hasAttribute('disabled'));
  await boss.page.waitForSelector('[data-reviewer=rv-017] [data-code=zh]:focus');
  assert.equal(await boss.page.textContent('[data-reviewer=rv-017] .num'), '1');
  assert.match(await boss.page.textContent('.skills-open .warn'), / 2 of 3\./);
  // It stands in the log that they were changed, and to what as a hash.
  await boss.page.click('.skills-foot a');
  await boss.page.waitForSelector('.ladder .root.good');
  assert.match(await boss.page.textContent('.audit-detail'), /skills changed[\s\S]*"skills": "[0-9a-f]{64}"/);
  assert.deepEqual(boss.faults, []);
  await boss.close();

  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-017' });
  await go('#/queue', SHOWN);
  await showing(page, called(suiting));
  assert.equal(await page.getAttribute('#queue-suited', 'aria-pressed'), 'true');
  assert.match(await page.textContent('.queue-head'), /what you work on: outpatient bill, till receipt · Chinese\./);
  assert.match(await page.textContent('.case-row .what'), /outpatient bill · Chinese/);
  assert.deepEqual(await unfit(page), []);
  await page.screenshot({ path: `${OUT}queue-suited.png` });
  await page.keyboard.press('s');
  await showing(page, called(all));
  assert.equal(await page.getAttribute('#queue-suited', 'aria-pressed'), 'false');
  await page.selectOption('#queue-language', 'en');
  await showing(page, called(all.filter((one) => one.languages.includes('en'))));
  await page.selectOption('#queue-language', '');
  await showing(page, called(all));
  await page.click('#queue-suited');
  await showing(page, called(suiting));
  // "Next" gives nothing but what suits while the switch is on, and the case says the language as well.
  for (const one of suiting) {
    await page.keyboard.press('n');
    await page.waitForSelector('.case-name h1');
    assert.match(await page.textContent('.case-name'), /outpatient bill · Chinese/, one.external_id);
    await go('#/queue', SHOWN);
  }
  await page.keyboard.press('n');
  await page.waitForFunction(() => /No case is free that you work on/.test(document.body.textContent));
  // What is theirs stays theirs, and no switch hides it.
  await say([{ name: 'rv-017', kinds: ['vat_invoice'], languages: [] }]);
  await page.keyboard.press('m');
  await showing(page, called(suiting));
  assert.equal(await page.locator('#queue-suited').count(), 0);
  await page.keyboard.press('m');
  await page.waitForSelector('.queue-list .empty');
  await page.keyboard.press('s');
  await showing(page, called(all));
  await page.keyboard.press('n');
  await page.waitForSelector('.case-name h1');
  assert.ok(!suiting.some((one) => page.url().endsWith(one.id)));
  assert.deepEqual(faults, []);
  await close();
});

test('whom nothing suits is told so, and may see all', async () => {
  const all = await cases();
  const nothing = { kinds: ['discharge_record'], languages: ['en'] };
  assert.ok(!all.some((one) => one.kind === 'discharge_record'));
  await say([{ name: 'rv-020', ...nothing }]);
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-020' });
  await go('#/queue', '.queue-list .empty');
  assert.match(await page.textContent('.queue-list'), /Nothing here that you work on.*discharge record · English/s);
  assert.deepEqual(await unfit(page), []);
  await page.screenshot({ path: `${OUT}queue-none-suited.png` });
  await page.click('.queue-list .empty .button');
  await showing(page, called(all));
  assert.deepEqual(faults, []);
  await close();
});

test('what somebody else saved meanwhile stays, and a change not saved outlasts the change of language', async () => {
  await say([
    { name: 'rv-1', kinds: [], languages: ['zh'] },
    { name: 'rv-2', kinds: ['vat_invoice'], languages: [] },
  ]);
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-2' });
  await go('#/skills', '[data-reviewer=rv-2]');
  await page.focus('[data-reviewer=rv-1] .skills-remove .button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-reviewer=rv-2] .skills-remove .button:focus');
  // The page in the other language, and back: the change is still there to be saved.
  await page.keyboard.press('Shift+L');
  await page.waitForSelector('.skills-foot .chip.warn');
  assert.equal(await page.locator('[data-reviewer]').count(), 1);
  await page.keyboard.press('Shift+L');
  await page.waitForSelector('.skills-foot .chip.warn');
  // The same name in other letters is the same reviewer; and a name that was typed goes along with what is saved.
  await page.keyboard.press('a');
  await page.keyboard.type('RV-2');
  await page.keyboard.press('Control+s');
  assert.equal(await page.textContent('#skills-fault'), 'rv-2 is listed already.');
  await page.fill('#skills-name', 'rv-3');
  await say([{ name: 'rv-9', kinds: [], languages: [] }], { by: 'boss-3' });
  await page.keyboard.press('Control+s');
  await page.waitForSelector('.skills-foot .bad');
  assert.deepEqual(await page.locator('[data-reviewer] th').allTextContents(), ['rv-2', 'rv-3']);
  assert.equal((await kept()).by, 'boss-3');
  await page.click('.skills-foot .primary');
  await page.waitForSelector('[data-reviewer=rv-9]');
  assert.equal(await page.locator('[data-reviewer]').count(), 1);
  assert.deepEqual(
    faults.filter((fault) => !/412/.test(fault)),
    [],
  );
  await close();
});

test('an auditor reads them and changes nothing, and a reviewer has no such screen', async () => {
  await say([{ name: 'rv-1', kinds: ['till_receipt'], languages: [] }], { url: keyed.url, key: keyed.keys['boss-1'] });
  const { page, faults, go, close } = await person(browser, { url: keyed.url });
  await page.goto(keyed.url);
  await page.waitForSelector('#key');
  await page.keyboard.type(keyed.keys['au-1']);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.checks .notice.good');
  faults.length = 0;
  const headers = { Authorization: `Bearer ${keyed.keys['au-1']}` };
  const { entry } = await (await fetch(`${keyed.url}/v1/skills`, { headers })).json();
  await go(`#/audit/entry/${entry}`, '.ladder .root.good');
  await page.click('.lead a[href="#/skills"]');
  await page.waitForSelector('[data-reviewer=rv-1]');
  assert.deepEqual(await page.locator('[data-reviewer=rv-1] .chip').allTextContents(), [
    'till receipt',
    'Every language',
  ]);
  assert.equal(await page.locator('.skills button, .skills input, .desk').count(), 0);
  assert.match(await page.textContent('.skills-foot'), /Only an admin/);
  assert.deepEqual(await page.locator('.tab').allTextContents(), ['Audit', 'Operation']);
  assert.deepEqual(await unfit(page), []);
  assert.deepEqual(faults, []);
  await page.screenshot({ path: `${OUT}skills-auditor.png` });
  await close();

  const reviewer = await person(browser, { url: keyed.url });
  await reviewer.page.goto(`${keyed.url}/#/skills`);
  await reviewer.page.waitForSelector('#key');
  await reviewer.page.keyboard.type(keyed.keys['rv-1']);
  await reviewer.page.keyboard.press('Enter');
  await reviewer.page.waitForSelector('.queue-list .empty');
  await reviewer.close();
});

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`the screen of skills is sound in ${language}, ${theme}`, async () => {
      const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1', language, theme });
      await go('#/skills', '.skills-list .empty');
      assert.deepEqual(await unfit(page), []);
      await page.screenshot({ path: `${OUT}skills-empty-${language}-${theme}.png` });
      await say([
        { name: 'rv-017', kinds: ['till_receipt'], languages: ['zh'] },
        { name: 'rv-018', kinds: ['medical_outpatient_bill', 'medical_inpatient_bill'], languages: [] },
        { name: 'zhang.wei-of-the-second-desk', kinds: [], languages: ['en'] },
      ]);
      for (const [width, height] of [
        [1280, 800],
        [1024, 768],
        [820, 1180],
      ]) {
        await page.setViewportSize({ width, height });
        await page.reload();
        await page.waitForSelector('[data-reviewer=rv-018]');
        await page.waitForTimeout(250);
        await page.screenshot({ path: `${OUT}skills-${language}-${theme}-${width}.png` });
        const out = await page.evaluate(() =>
          [...document.querySelectorAll('button, a, input')]
            .filter((one) => one.getBoundingClientRect().right > window.innerWidth)
            .map((one) => one.outerHTML),
        );
        assert.deepEqual(out, []);
      }
      await page.keyboard.press('a');
      await page.keyboard.type('RV-017');
      await page.keyboard.press('Enter');
      assert.notEqual(await page.textContent('#skills-fault'), '');
      assert.deepEqual(await unfit(page), []);
      assert.deepEqual(faults, []);
      await close();
    });
  }
}
