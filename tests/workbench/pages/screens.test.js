// Every screen in both languages and themes: no complaint in the console, nothing serious for axe, nothing cut off.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, person, unfit } from './browser.js';
import { fill, start } from './service.js';

const OUT = fileURLToPath(new URL('../../../target/workbench/', import.meta.url));
let service;
let browser;
let claims;

before(
  async () => {
    await mkdir(OUT, { recursive: true });
    service = await start();
    [browser, claims] = await Promise.all([launch(), fill(service.url)]);
  },
  { timeout: 900_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** Name, address, what is waited for, and what is done before the picture is taken. */
const screens = () => [
  ['queue', '#/queue', '.case-row .case-link'],
  [
    'queue-empty',
    '#/queue',
    '.case-row .case-link',
    async (page) => {
      await page.keyboard.press('5');
      await page.waitForSelector('.empty');
    },
  ],
  [
    'case',
    `#/case/${claims.altered.id}`,
    '.problem .crop',
    async (page) => {
      await page.keyboard.press('j');
    },
  ],
  [
    'case-amounts',
    `#/case/${claims.large.id}`,
    '.ledger .notice',
    async (page) => {
      await page.evaluate(() => document.querySelector('#part-amounts').scrollIntoView());
    },
  ],
  [
    'case-heatmap',
    `#/case/${claims.altered.id}`,
    '.signals',
    async (page) => {
      await page.keyboard.press('3');
      await page.evaluate(() => document.querySelector('#part-pixels').scrollIntoView());
      await page.waitForSelector('.key-mark.hot');
    },
  ],
  [
    'case-several',
    `#/case/${claims.several.id}`,
    '.problem',
    async (page) => {
      await page.evaluate(() => document.querySelector('#part-history').scrollIntoView());
    },
  ],
  [
    'case-compare',
    `#/case/${claims.altered.id}`,
    '.related .button',
    async (page) => {
      await page.keyboard.press('w');
      await page.waitForSelector('.compare-over img');
      await page.keyboard.press('Space');
    },
  ],
  [
    'case-keys',
    `#/case/${claims.altered.id}`,
    '.problem',
    async (page) => {
      await page.keyboard.press('?');
      await page.waitForSelector('.keys');
    },
  ],
  ['case-missing', '#/case/clm_00000000000000000000000000', '.empty'],
  ['audit', '#/audit', '.checks .notice.good'],
  ['audit-entry', '#/audit/entry/3', '.ladder .root.good'],
  [
    'audit-claim',
    `#/audit/claim/${claims.altered.id}`,
    '.pack-go',
    async (page) => {
      await page.keyboard.press('c');
      await page.keyboard.press('v');
      await page.waitForFunction(() => document.querySelectorAll('.audit-columns .notice.good').length >= 6);
    },
  ],
  ['operation', '#/operation', '.op-grid .plot'],
];

for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    test(`every screen is sound in ${language}, ${theme}`, { timeout: 900_000 }, async (t) => {
      for (const [name, hash, ready, act] of screens()) {
        await t.test(name, async () => {
          const { page, faults, go, close } = await person(browser, {
            url: service.url,
            name: 'rv-1',
            language,
            theme,
          });
          await go(hash, ready);
          await act?.(page);
          await page.waitForTimeout(250);
          await page.screenshot({ path: `${OUT}${name}-${language}-${theme}.png` });
          const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
          assert.equal(wide, false, 'nothing sticks out');
          assert.deepEqual(await unfit(page), []);
          const expected = name === 'case-missing' ? / 404 |404 \(/ : null;
          assert.deepEqual(
            faults.filter((fault) => !expected?.test(`${fault} `) && !(expected && fault.startsWith('404'))),
            [],
          );
          await close();
        });
      }
    });
  }
}

test('queue and case are usable on a tablet, either way up', async () => {
  for (const [width, height] of [
    [1024, 768],
    [820, 1180],
  ]) {
    const { page, faults, go, close } = await person(browser, { url: service.url, name: 'rv-1', width, height });
    await go('#/queue', '.case-row .case-link');
    await page.screenshot({ path: `${OUT}queue-${width}.png` });
    await go(`#/case/${claims.several.id}`, '.problem');
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${OUT}case-${width}.png` });
    const out = await page.evaluate(() =>
      [...document.querySelectorAll('button:not([hidden]), a.tab')]
        .filter((one) => {
          const box = one.getBoundingClientRect();
          return box.width > 0 && (box.right > window.innerWidth + 1 || box.left < -1) && !one.closest('.case-nav');
        })
        .map((one) => one.textContent),
    );
    assert.deepEqual(out, [], 'every button is in sight');
    assert.deepEqual(faults, []);
    await close();
  }
});

test('a service that does not answer is told, and found again', async () => {
  const { page, go, close } = await person(browser, { url: service.url, name: 'rv-1' });
  await go('#/queue', '.case-row .case-link');
  await page.route('**/v1/reviews?*', (route) => route.abort());
  await page.keyboard.press('4');
  await page.waitForSelector('.queue-trouble .notice.bad');
  await page.unroute('**/v1/reviews?*');
  await page.click('.queue-trouble .button');
  await page.waitForFunction(() => !document.querySelector('.queue-trouble .notice'));
  await close();
});
