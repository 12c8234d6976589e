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
    made_up: false,
  };
}

test('with too little behind it no forecast is shown, and what is missing is said', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  const bare = { ...forecast(), half_hours_known: 10, half_hours: [], measured: null, handling: null };
  await page.route('**/v1/forecast', (route) => route.fulfill({ json: bare }));
  await go('#/operation', '.forecast .body p');
  assert.match(await page.textContent('.forecast'), /cases came for 0 days, and a forecast takes 14/);
  assert.equal(await page.locator('.forecast svg.course').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

test('a demo shows what a forecast looks like, and says that its figures are made up', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  await go('#/operation', '.forecast svg.course');
  assert.equal(await page.textContent('.forecast header .chip'), 'made-up figures');
  assert.match(await page.textContent('.forecast'), /These cases never came.*takes cases of 14 days.*came for 0/);
  await page.locator('.forecast').screenshot({ path: `${OUT}forecast-demo.png` });
  assert.deepEqual(await unfit(page), []);
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

/** A shift as the service would tell it: one hospital changed its paper, and a camera came that was not there before. */
function shift(reason) {
  const share = (decisions, of_all_ppm, share_ppm) => ({ decisions, of_all_ppm, share_ppm });
  const part = (value, before, recent, mix_ppm, rate_ppm, reach, more = {}) => ({
    told: value ? 'value' : 'others',
    value,
    before: share(...before),
    recent: share(...recent),
    mix_ppm,
    rate_ppm,
    change_ppm: mix_ppm + rate_ppm,
    low_ppm: mix_ppm + rate_ppm - reach,
    high_ppm: mix_ppm + rate_ppm + reach,
    more_than_chance: Math.abs(mix_ppm + rate_ppm) > reach,
    ...more,
  });
  const dimension = (dimension, ...values) => ({
    dimension,
    mix_ppm: values.reduce((sum, one) => sum + one.mix_ppm, 0),
    rate_ppm: values.reduce((sum, one) => sum + one.rate_ppm, 0),
    values,
  });
  const whole = part('4f9d1c22aa10', [8000, 1e6, 621_000], [2000, 1e6, 553_000], 0, -68_000, 20_000);
  const change = { before_ppm: 621_000, recent_ppm: 553_000, change_ppm: -68_000, low_ppm: -92_000 };
  return {
    before: { from: '2026-02-01T00:00:00.000Z', to: '2026-03-01T00:00:00.000Z', decisions: 41_000, read: 8000 },
    recent: { from: '2026-03-01T00:00:00.000Z', to: '2026-03-08T00:00:00.000Z', decisions: 2000, read: 2000 },
    needed: 100,
    reason: reason ?? null,
    change: { ...change, high_ppm: -44_000, confidence: 0.95, more_than_chance: true },
    dimensions: [
      dimension(
        'issuer',
        part('仁和医院', [1600, 200_000, 700_000], [420, 210_000, 390_000], -400, -63_600, 21_000),
        part('市第一人民医院', [800, 100_000, 500_000], [340, 170_000, 520_000], -6_700, 2_700, 9_000),
        part(null, [5600, 700_000, 615_000], [1240, 620_000, 617_000], -1_000, 1_000, 30_000),
      ),
      dimension(
        'kind',
        part('vat_invoice', [4000, 500_000, 600_000], [1000, 500_000, 540_000], 0, -30_000, 31_000),
        part('till_receipt', [4000, 500_000, 642_000], [1000, 500_000, 566_000], 0, -38_000, 39_000),
      ),
      dimension(
        'device',
        part('b81c02f7e6a9', [0, 0, 0], [300, 150_000, 310_000], -41_500, 0, 12_000),
        part('0e55d1aa73c4', [4000, 500_000, 640_000], [850, 425_000, 610_000], -3_300, -13_900, 24_000),
        part(null, [4000, 500_000, 602_000], [850, 425_000, 582_000], -300, -9_000, 24_000, { told: 'unknown' }),
      ),
      dimension('models', whole),
      dimension('program', { ...whole, value: '0.1.0+3f0a1b2c4d5e' }),
      dimension(
        'policy',
        part('a51b6a0077fe', [8000, 1e6, 621_000], [0, 0, 0], -34_000, 0, 12_000),
        part('77de01c3b2aa', [0, 0, 0], [2000, 1e6, 553_000], -34_000, 0, 12_000),
      ),
    ],
    reasons: [
      { code: 'total_in_words_differs', change: { ...change, before_ppm: 40_000, recent_ppm: 101_000 } },
      { code: 'low_confidence', change: { ...change, before_ppm: 180_000, recent_ppm: 181_000 } },
    ].map(({ code, change }, n) => ({
      code,
      change: {
        ...change,
        change_ppm: change.recent_ppm - change.before_ppm,
        confidence: 0.9973,
        more_than_chance: n === 0,
      },
    })),
    failed: 3,
  };
}

test('with too few decisions no shift is told, and how many it takes is said', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  await go('#/operation', '.shift .body p:nth-child(2)');
  assert.match(await page.textContent('.shift'), /it takes 100 decisions in both windows\. There were 0 .* and 13/);
  assert.equal(await page.locator('.shift table').count(), 0);
  assert.deepEqual(await unfit(page), []);
  assert.deepEqual(faults, []);
  await close();
});

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`where a shift came from is told with its ranges in ${language}, ${theme}`, async () => {
      for (const width of [1280, 820]) {
        const of = { url: service.url, name: 'boss-1', language, theme, width };
        const { page, faults, go, close } = await person(browser, of);
        await page.route('**/v1/shift?*', (route) => route.fulfill({ json: shift() }));
        await go('#/operation', '.shift table');
        const said = await page.textContent('.shift');
        for (const figure of ['−6.80', '62.1 %', '55.3 %', '−9.20', '−4.40', '10,000', '43,000', '仁和医院', '−6.40']) {
          assert.ok(said.includes(figure), `${figure} in ${said}`);
        }
        assert.ok(!said.includes('市第一人民医院'), 'what is within chance is not named');
        const rows = (by) => page.locator(`#shift-${by} tbody tr`).count();
        assert.deepEqual([await rows('issuer'), await rows('kind'), await rows('device')], [1, 0, 1]);
        assert.deepEqual([await rows('models'), await rows('policy')], [0, 2]);
        await page.locator('.shift').screenshot({ path: `${OUT}shift-${width}-${language}-${theme}.png` });
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false);
        assert.deepEqual(await unfit(page), []);
        assert.deepEqual(faults, []);
        await close();
      }
    });
  }
}

test('a shift is asked for by reason and by other windows', async () => {
  const { page, faults, go, close } = await person(browser, { url: service.url, name: 'boss-1' });
  const asked = [];
  await page.route('**/v1/shift?*', (route) => {
    const query = new URL(route.request().url()).searchParams;
    asked.push(Object.fromEntries(query));
    return route.fulfill({ json: shift(query.get('reason')) });
  });
  await go('#/operation', '.shift table');
  await page.click('#shift-reasons .link');
  await page.waitForFunction(() => document.querySelector('#shift-what')?.value === 'total_in_words_differs');
  await page.waitForSelector('.shift table');
  await page.selectOption('#shift-recent', '1');
  await page.waitForSelector('.shift table');
  await page.selectOption('#shift-before', '7');
  await page.waitForSelector('.shift table');
  const reason = 'total_in_words_differs';
  assert.deepEqual(asked, [
    { recent_days: '7', before_days: '28' },
    { recent_days: '7', before_days: '28', reason },
    { recent_days: '1', before_days: '28', reason },
    { recent_days: '1', before_days: '7', reason },
  ]);
  await page.route('**/v1/shift?*', (route) => route.abort());
  await page.selectOption('#shift-what', '');
  await page.waitForSelector('.shift .notice.bad');
  assert.equal(await page.locator('.forecast .body p').count() > 0, true, 'the other figures stay');
  assert.deepEqual(faults.filter((fault) => !fault.includes('ERR_FAILED')), []);
  await close();
});

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
