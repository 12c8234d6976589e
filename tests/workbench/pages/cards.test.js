// Which cards a case shows is said by an admin; and one that fails stops nobody.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, person, unfit } from './browser.js';
import { decided, start, until } from './service.js';

const OUT = fileURLToPath(new URL('../../../target/workbench/', import.meta.url));
let service;
let browser;
let claim;

before(
  async () => {
    await mkdir(OUT, { recursive: true });
    [service, browser] = await Promise.all([start([], { options: ['--demo'] }), launch()]);
    claim = (await decided(service.url))['DEMO-altered'];
  },
  { timeout: 900_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
});

const kept = async () => (await fetch(`${service.url}/v1/cards`)).json();
const cardsOf = (page) => page.locator('.case-scroll > .part').evaluateAll((all) => all.map((one) => one.id.slice(5)));

test("an admin changes a queue's cards by keyboard only, and the next case shows them", async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  await go(`#/case/${claim.id}`, '.problem .crop');
  assert.deepEqual(await cardsOf(page), ['brief', 'problems', 'amounts', 'fields', 'pixels', 'related', 'history']);
  await page.keyboard.press('Alt+5');
  await page.waitForSelector('.cards-row');
  // A queue of its own for outpatient bills: amounts first under another name, and no history.
  await page.focus('.cards-queues .button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#cards-name-en:focus');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('Outpatient');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('门诊');
  await page.focus('[data-card=amounts] .up');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('.cards-row').first().getAttribute('data-card'), 'amounts');
  await page.waitForSelector('[data-card=amounts] .below:focus');
  await page.focus('[data-card=amounts] input');
  await page.keyboard.type('Sums');
  await page.keyboard.press('Tab');
  await page.keyboard.type('合计核对');
  await page.focus('[data-card=history] .tiny');
  await page.keyboard.press('Enter');
  // Without what holds the case nobody may decide it.
  assert.equal(await page.locator('[data-card=problems] .tiny').isDisabled(), true);
  await page.keyboard.press('Control+s');
  await until('the change', async () => (await kept()).by === 'boss-1');
  await page.waitForFunction(() => document.querySelector('.cards-foot .primary')?.hasAttribute('disabled'));
  const { queues } = (await kept()).cards;
  assert.deepEqual(queues[0].name, { en: 'Outpatient', zh: '门诊' });
  assert.deepEqual(queues[0].cards[0], { card: 'amounts', label: { en: 'Sums', zh: '合计核对' } });
  // In force from the next case, without a release; and the queue can be chosen by its name.
  await go('#/queue', '#queue-named');
  await page.selectOption('#queue-named', 'Outpatient');
  await page.waitForSelector('.case-row .case-link');
  await go(`#/case/${claim.id}`, '.problem .crop');
  assert.deepEqual(await cardsOf(page), ['amounts', 'brief', 'problems', 'fields', 'pixels', 'related']);
  assert.equal(await page.textContent('#part-amounts h2'), 'Sums');
  assert.deepEqual(faults, []);
  // It stands in the log who changed them to what.
  await go(`#/audit/entry/${(await kept()).entry}`, '.ladder .root.good');
  assert.match(await page.textContent('.audit-detail'), /合计核对/);
  assert.deepEqual(faults, []);
  await close();
});

test('somebody who saw what was before is told, and takes nothing back', async () => {
  const { page, go, close } = await person(browser, { url: service.url, name: 'boss-2' });
  await go('#/cards', '.cards-row');
  const { cards } = await kept();
  await fetch(`${service.url}/v1/cards`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', 'X-Claimlens-Actor': 'boss-3' },
    body: JSON.stringify(cards),
  });
  await page.click('.cards-row:first-child .below');
  await page.keyboard.press('Control+s');
  await page.waitForSelector('.toast.bad');
  assert.equal((await kept()).by, 'boss-3');
  await close();
});

test('a card that fails says so, and the case is decided all the same', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  // A signal without a sentence, as no service sends it: the card of the pixels cannot be drawn.
  await page.route(`**/v1/reviews/${claim.id}`, async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    for (const signal of body.result.documents[0].authenticity.signals) signal.message = null;
    await route.fulfill({ response: answer, json: body });
  });
  await go(`#/case/${claim.id}`, '.card-failed');
  assert.equal(await page.locator('.card-failed').count(), 1);
  assert.match(await page.textContent('#part-pixels'), /could not be shown/);
  assert.deepEqual(await unfit(page), []);
  await page.screenshot({ path: `${OUT}card-failed.png` });
  await page.waitForSelector('.problem .crop');
  await page.keyboard.press('x');
  await page.waitForSelector('.sheet.reject');
  await page.focus('.whys input[value=altered]');
  await page.keyboard.press('Space');
  await page.focus('#why');
  await page.keyboard.type('The figures were retyped.');
  await page.keyboard.press('Control+Enter');
  await until(
    'the verdict',
    async () => (await (await fetch(`${service.url}/v1/reviews/${claim.id}`)).json()).verdict === 'reject',
  );
  assert.ok(faults.length > 0 && faults.every((fault) => fault.startsWith('the card "Pixels" failed')), `${faults}`);
  await close();
});

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`the editor of cards is sound in ${language}, ${theme}`, async () => {
      const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1', language, theme });
      await go('#/cards', '.cards-row');
      await page.waitForTimeout(250);
      await page.screenshot({ path: `${OUT}cards-${language}-${theme}.png` });
      assert.deepEqual(await unfit(page), []);
      assert.deepEqual(faults, []);
      await close();
    });
  }
}
