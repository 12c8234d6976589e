// What will come to people, and two policies side by side.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, person, unfit } from './browser.js';
import { decided, start } from './service.js';

const OUT = fileURLToPath(new URL('../../../target/workbench/', import.meta.url));
const HALF_HOUR = 1_800_000;
let service;
let browser;

before(
  async () => {
    await mkdir(OUT, { recursive: true });
    [service, browser] = await Promise.all([start([], { options: ['--demo'] }), launch()]);
    await decided(service.url);
  },
  { timeout: 900_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** A forecast as the service would give it after some weeks: two peaks a day, and what came around it. */
function forecast() {
  const now = Math.floor(Date.now() / HALF_HOUR);
  const mean = (slot) => 40 + 30 * Math.sin((slot / 48) * 2 * Math.PI) + 10 * Math.sin((slot / 24) * 2 * Math.PI);
  const at = (slot) => new Date(slot * HALF_HOUR).toISOString();
  return {
    half_hours_known: 3000,
    half_hours_needed: 672,
    half_hours_to_measure: 1008,
    half_hours: Array.from({ length: 336 }, (_, n) => {
      const cases = mean(now + n);
      return { at: at(now + n), cases, low: cases * 0.8, high: cases * 1.2, people: Math.ceil(cases / 10) };
    }),
    weekly_growth: 0.012,
    measured: {
      mape: 0.124,
      n: 336,
      chance: 0.115,
      of_all: 0.101,
      half_hours: Array.from({ length: 336 }, (_, n) => {
        const expected = mean(now - 336 + n);
        return { at: at(now - 336 + n), came: Math.round(expected + 6 * Math.sin(n * 2.7)), expected };
      }),
    },
    handling: { seconds: 143.2, n: 2210 },
    rule: { share_in_time: 0.9, within_minutes: 10, busy_most: 0.85 },
  };
}

test('with too little behind it no forecast is shown, and what is missing is said', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  await go('#/operation', '.forecast .body p');
  assert.match(await page.textContent('.forecast'), /cases came for 0 days, and a forecast takes 14/);
  assert.equal(await page.locator('.forecast svg.course').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

test('without a known case or a blind pair it is said how to begin', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  await go('#/operation', '.vigilance .body p');
  assert.match(await page.textContent('.vigilance'), /Nobody ruled on a known case.*claimlens known seed/s);
  assert.equal(await page.locator('.vigilance table').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

/** Figures of two people as the service would give them. */
function vigilance() {
  const share = (n, of, low, high) => ({ n, of, share: of ? n / of : null, low, high });
  const one = (missed, agreed, kappa) => ({ missed, refused: share(0, 0, 0, 1), agreed, kappa });
  return {
    blind_pairs: 0.02,
    unruled: 3,
    half: 1,
    all: one(share(3, 24, 0.027, 0.324), share(28, 31, 0.742, 0.98), 0.71),
    reviewers: [
      { reviewer: 'rv-1', ...one(share(0, 12, 0, 0.265), share(28, 31, 0.742, 0.98), 0.71) },
      { reviewer: 'rv-2', ...one(share(3, 12, 0.055, 0.572), share(28, 31, 0.742, 0.98), null) },
    ],
  };
}

for (const [language, theme] of [
  ['en', 'light'],
  ['zh', 'dark'],
]) {
  test(`how carefully people look is told by person in ${language}, ${theme}`, async () => {
    const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1', language, theme });
    await page.route('**/v1/vigilance', (route) => route.fulfill({ json: vigilance() }));
    await go('#/operation', '.vigilance table');
    assert.deepEqual(await page.locator('.vigilance tbody th').allTextContents(), [
      'rv-1',
      'rv-2',
      language === 'en' ? 'All' : '全部',
    ]);
    assert.equal(await page.locator('.vigilance svg.whisker').count(), 6);
    const said = await page.textContent('.vigilance');
    for (const figure of ['12.5 %', '5.5 %', '57.2 %', '0.71']) {
      assert.ok(said.includes(figure), `${figure} in ${said}`);
    }
    await page.locator('.vigilance').screenshot({ path: `${OUT}vigilance-${language}-${theme}.png` });
    assert.deepEqual(await unfit(page), []);
    assert.deepEqual(faults, []);
    await close();
  });
}

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`a forecast is drawn with its error and the people it takes in ${language}, ${theme}`, async () => {
      const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1', language, theme });
      await page.route('**/v1/forecast', (route) => route.fulfill({ json: forecast() }));
      await go('#/operation', '.forecast svg.course');
      assert.equal(await page.locator('.forecast svg.course').count(), 3);
      assert.match(await page.textContent('.forecast header .chip'), /12\.4 %.*n = 336/);
      const said = await page.textContent('.forecast');
      for (const figure of ['11.5 %', '143', '2,210', '90.0 %', '85.0 %', '1.2 %']) {
        assert.ok(said.includes(figure), `${figure} in ${said}`);
      }
      // Whoever points at a half-hour is told its figures.
      await page.locator('.forecast svg.course').first().hover();
      assert.match(await page.locator('.course-told').first().textContent(), /\d+:\d+ · .*\d/);
      await page.locator('.forecast').screenshot({ path: `${OUT}forecast-${language}-${theme}.png` });
      assert.deepEqual(await unfit(page), []);
      assert.deepEqual(faults, []);
      await close();
    });
  }
}

test('a forecast that cannot be had leaves the other figures', async () => {
  const { page, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  await page.route('**/v1/forecast', (route) => route.abort());
  await go('#/operation', '.forecast .notice.bad');
  await page.waitForSelector('.op-grid .plot');
  await close();
});

test('two policies are tried on everything recorded and stand side by side', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  await go('#/operation', '#policies-b');
  // The same text twice says so.
  await page.click('.policies-go');
  await page.waitForSelector('table.policies');
  assert.match(await page.textContent('.policies-panel'), /Both texts say the same/);
  assert.equal(await page.locator('table.policies tr.other').count(), 0);
  // Another limit, and what it changes.
  const text = await page.inputValue('#policies-b');
  await page.fill('#policies-b', text.replace('amount_limit = "3000.00"', 'amount_limit = "1.00"'));
  await page.click('.policies-go');
  await page.waitForSelector('.policies-lines');
  assert.deepEqual(await page.locator('.policies-lines pre').allTextContents(), [
    'amount_limit = "3000.00"',
    'amount_limit = "1.00"',
  ]);
  const cells = async (name) =>
    page
      .locator('table.policies tr', { has: page.locator(`th:text-is("${name}")`) })
      .locator('td')
      .allTextContents();
  assert.deepEqual(await cells('approved'), ['3', '3', '0']);
  assert.deepEqual(await cells('newly to people'), ['–', '0', '3']);
  assert.deepEqual(await cells('outpatient bill'), ['3', '3', '0']);
  const [recorded, one, other] = await cells('above the limit');
  assert.deepEqual([recorded, one], ['1', '1']);
  assert.ok(Number(other) > 3, other);
  await page.locator('.policies-panel').screenshot({ path: `${OUT}policies.png` });
  assert.deepEqual(await unfit(page), []);
  assert.deepEqual(faults, []);
  // A text that is none names its side.
  await page.fill('#policies-b', 'nonsense = 1');
  await page.click('.policies-go');
  await page.waitForSelector('.policies-panel .notice.bad');
  assert.match(await page.textContent('.policies-panel .notice.bad'), /^Policy B: /);
  await close();
});
