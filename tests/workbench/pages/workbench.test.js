// What people do at the workbench, from the first key to the last, against a real service.
import assert from 'node:assert/strict';
import { cpus, loadavg } from 'node:os';
import { after, before, test } from 'node:test';
import { launch, person } from './browser.js';
import { add, fill, start, until } from './service.js';

let service;
let browser;
let claims;

before(
  async () => {
    service = await start();
    [browser, claims] = await Promise.all([launch(), fill(service.url)]);
  },
  { timeout: 900_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
});

const ask = async (path) => (await fetch(`${service.url}${path}`)).json();
const review = (claim) => ask(`/v1/reviews/${claim.id}`);

test('a reviewer clears a case by keyboard only', async () => {
  const { page, faults, close } = await person(browser, { url: service.url });
  // The answer comes late, so that keys are pressed before the page knows who holds the case.
  await page.route('**/v1/reviews/*/claim', async (route) => {
    const answer = await route.fetch();
    await page.waitForTimeout(1000);
    await route.fulfill({ response: answer });
  });
  await page.goto(service.url);
  // The page asks once who this is.
  await page.waitForSelector('#name');
  await page.keyboard.type('rv-1');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.case-row .case-link');
  await page.keyboard.press('/');
  await page.keyboard.type('T-altered');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('.case-row .case-link').length === 1);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.problem .crop');
  await page.keyboard.press('j');
  await page.waitForSelector('.problem[data-focused] h3');
  assert.equal(await page.textContent('.problem[data-focused] h3'), 'Total');
  assert.equal((await page.locator('.box.lit').count()) > 0, true, 'the place is lit on the photo');
  await page.keyboard.press('t');
  await until('the case to be held', async () => (await review(claims.altered)).holder === 'rv-1');
  await page.keyboard.press('x');
  await page.waitForSelector('.sheet.reject');
  // No decision without a reason.
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() => document.querySelector('.sheet [role=alert]')?.textContent !== '');
  assert.equal((await review(claims.altered)).state, 'held');
  await page.focus('.whys input[value=altered]');
  await page.keyboard.press('Space');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Words, rows, payments and QR code say 644.10; the figures were retyped.');
  await page.keyboard.press('Control+Enter');
  await until('the verdict', async () => (await review(claims.altered)).verdict === 'reject');
  // Taken back within its time, and decided again.
  await page.waitForSelector('.toast .ring');
  await page.keyboard.press('u');
  await until('the verdict to be taken back', async () => (await review(claims.altered)).state === 'held');
  await page.waitForFunction(() => !document.querySelector('.case-bar .act-reject')?.hasAttribute('disabled'));
  await page.keyboard.press('x');
  await page.waitForSelector('.sheet.reject');
  await page.focus('#why');
  await page.keyboard.type('The figures were retyped.');
  await page.focus('.whys input[value=altered]');
  await page.keyboard.press('Space');
  await page.keyboard.press('Control+Enter');
  await until('the verdict', async () => (await review(claims.altered)).verdict === 'reject');
  const step = (await review(claims.altered)).timeline.findLast((one) => one.kind === 'decided');
  assert.deepEqual([step.by, step.reason, step.note], ['rv-1', 'altered', 'The figures were retyped.']);
  assert.deepEqual(faults, []);
  await close();
});

test('a wrong amount is corrected and approved by two people', async () => {
  const first = await person(browser, { url: service.url, name: 'rv-1' });
  await first.go(`#/case/${claims.large.id}`, '.ledger .notice .button');
  assert.equal(await first.page.locator('.ledger-line.differs').count(), 4);
  await first.page.keyboard.press('=');
  await first.page.waitForFunction(() => !document.querySelector('.ledger-line.differs'));
  await first.page.keyboard.press('a');
  await first.page.waitForSelector('.sheet.approve .notice');
  await first.page.keyboard.type('The total was misprinted; words, rows, payments and QR code agree.');
  await first.page.keyboard.press('Control+Enter');
  const waiting = await until('the second approval', async () => {
    const item = await review(claims.large);
    return item.state === 'second' && item;
  });
  assert.deepEqual(waiting.timeline.at(-1).corrections, [
    { document: 0, field: 'total', from: '15636.05', to: '13636.05' },
  ]);
  // The same person cannot be the second.
  await first.page.waitForFunction(() => document.querySelector('.case-bar .act-approve')?.hasAttribute('disabled'));
  const second = await person(browser, { url: service.url, name: 'rv-2', language: 'zh' });
  await second.go(`#/case/${claims.large.id}`, '.brief');
  assert.match(await second.page.textContent('.brief'), /rv-1/);
  await second.page.keyboard.press('a');
  await second.page.waitForSelector('.sheet.approve');
  await second.page.keyboard.type('同意');
  await second.page.keyboard.press('Control+Enter');
  const closed = await until('the case to be closed', async () => {
    const item = await review(claims.large);
    return item.state === 'closed' && item;
  });
  assert.equal(closed.verdict, 'approve');
  assert.deepEqual([...first.faults, ...second.faults], []);
  await first.close();
  await second.close();
});

test('photos are asked for, and come', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go(`#/case/${claims.receipt.id}`, '.problem');
  await page.keyboard.press('p');
  await page.waitForSelector('.sheet.request_photos');
  await page.focus('.whys input[value=blurred]');
  await page.keyboard.press('Space');
  await page.focus('#why');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('Please photograph the receipt again, flat and in full light.');
  await page.keyboard.press('Control+Enter');
  await until('the case to wait', async () => (await review(claims.receipt)).state === 'waiting');
  await until(
    'the claimant to be told',
    async () => (await ask(`/v1/claims/${claims.receipt.id}`)).review?.state === 'waiting_for_you',
    20_000,
  );
  const answer = await add(service.url, claims.receipt.id, ['till_receipt/photo.jpg'], 0);
  assert.equal(answer.status, 202);
  const again = await until('a new decision', async () => {
    const item = await review(claims.receipt);
    return item.state !== 'waiting' && item;
  });
  assert.ok(again.timeline.some((step) => step.kind === 'photos_added'));
  await page.reload();
  await page.waitForSelector('.step.photos_added');
  assert.deepEqual(faults, []);
  await close();
});

test('an auditor verifies a proof in the browser and replays a decision', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'au-1' });
  await go('#/audit', '.checks .notice.good');
  await page.waitForSelector('.log-row.decision');
  await page.click('.log-row.decision');
  await page.waitForSelector('.ladder .root.good');
  assert.equal(await page.locator('.audit-detail .notice.bad').count(), 0);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.pack-go');
  await page.keyboard.press('c');
  await page.waitForFunction(() => document.querySelectorAll('.audit-columns .notice.good').length >= 5);
  await page.keyboard.press('v');
  await page.waitForFunction(() => document.querySelectorAll('.audit-columns .notice.good').length >= 6);
  assert.equal(await page.locator('.audit-detail .notice.bad').count(), 0);
  // What this very person looked at stands in the log by now.
  await until('the look to be logged', async () =>
    (
      await ask(`/v1/audit/entries?subject=${await page.evaluate(() => location.hash.split('/').at(-1))}&limit=100`)
    ).entries.some((entry) => entry.kind === 'claim_read' && entry.reader === 'au-1'),
  );
  // Seen again, the log only grew.
  await go('#/audit', '.checks');
  await page.waitForFunction(() => document.querySelectorAll('.checks .notice.good').length === 3);
  assert.deepEqual(faults, []);
  await close();
});

test('a proof that does not hold is told', async () => {
  const { page, go, close } = await person(browser, { url: service.url, name: 'au-1' });
  await page.route('**/v1/audit/entries/2/proof', async (route) => {
    const answer = await route.fetch();
    const lines = (await answer.text()).split('\n');
    lines[3] = Buffer.alloc(32, 7).toString('base64');
    await route.fulfill({ response: answer, body: lines.join('\n') });
  });
  await go('#/audit/entry/2', '.ladder .root.bad');
  assert.equal(await page.locator('.audit-detail .notice.bad').count(), 1);
  await close();
});

test('what a paper or a person says never becomes markup', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-3' });
  await go(`#/case/${claims.several.id}`, '.problem');
  await page.keyboard.press('m');
  await page.waitForSelector('.sheet.note');
  await page.keyboard.type('<img src=x onerror="document.title=1"><script>alert(1)</script>');
  await page.keyboard.press('Control+Enter');
  await page.waitForSelector('.step.noted blockquote');
  assert.match(await page.textContent('.step.noted blockquote'), /<img src=x/);
  assert.equal(await page.locator('.step img, .step script').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

test('the next case is on screen within 150 ms of the key, as it was fetched ahead', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-4' });
  await go(`#/case/${claims.altered.id}`, '.viewer .photo');
  const times = [];
  let asked = [];
  page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  // A machine that does something else at that very moment is given more tries; all of them are told.
  while (times.length < 5 && !times.some((ms) => ms <= 150)) {
    // What would be next is fetched ahead; wait until it is there, as it is while somebody reads.
    await page.waitForTimeout(2000);
    asked = [];
    times.push(await page.evaluate(untilNext));
    const shown = await page.evaluate(() => location.hash.split('/').at(-1));
    assert.ok(asked.includes('POST /v1/reviews/next'), asked.join(', '));
    assert.ok(!asked.includes(`GET /v1/reviews/${shown}`), 'the case came with the answer');
    assert.ok(!asked.includes(`GET /v1/claims/${shown}/photos/0/original`), 'the picture was there');
    await page.waitForSelector('.case-strip .button');
    await page.keyboard.press('t');
    await until('the case to be free', async () => (await ask('/v1/reviews?state=held')).cases.length === 0);
    await go(`#/case/${claims.altered.id}`, '.step.decided');
  }
  console.log(`next case on screen after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  const [load, cores] = [loadavg()[0], cpus().length];
  if (load > 2 * cores + 1) console.log(`not held to 150 ms: ${cores} cores with a load of ${load.toFixed(1)}`);
  else
    assert.ok(
      times.some((ms) => ms <= 150),
      times.join(', '),
    );
  assert.deepEqual(faults, []);
  await close();
});

/** Presses the key for the next case and waits for its picture and its fields to be drawn. */
function untilNext() {
  return new Promise((done) => {
    const before = document.querySelector('.photo').src;
    const began = performance.now();
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'n', bubbles: true }));
    const look = () => {
      const photo = document.querySelector('.photo');
      const drawn = photo?.src && photo.src !== before && photo.complete && document.querySelector('.field-row');
      requestAnimationFrame(drawn ? () => done(performance.now() - began) : look);
    };
    look();
  });
}
