// Takes the pictures for the README, of a service of its own with the samples as claims.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch, person } from './pages/browser.js';
import { fill, start } from './pages/service.js';

const OUT = fileURLToPath(new URL('../../samples/docs/', import.meta.url));
const MOST = 300_000;

const service = await start();
const browser = await launch();
try {
  const claims = await fill(service.url);
  for (const [name, hash, ready, options, act] of [
    ['workbench-queue', '#/queue', '.case-row .case-link', {}],
    ['workbench-tasks', '#/tasks', '.task-row', {}],
    [
      'workbench-case',
      `#/case/${claims.altered.id}`,
      '.problem .crop',
      {},
      async (page) => {
        await page.waitForSelector('.related li');
      },
    ],
    [
      'workbench-case-zh',
      `#/case/${claims.large.id}`,
      '.ledger .notice',
      { language: 'zh', theme: 'dark' },
      async (page) => {
        await page.evaluate(() => document.querySelector('#part-amounts').scrollIntoView());
      },
    ],
    [
      'workbench-audit',
      '#/audit/entry/3',
      '.ladder .root.good',
      {},
      async (page) => {
        await page.waitForSelector('.log-row');
      },
    ],
    ['workbench-operation', '#/operation', '.op-grid .plot', {}],
  ]) {
    const { page, go, close } = await person(browser, { url: service.url, name: 'rv-017', scale: 1.25, ...options });
    await go(hash, ready);
    await act?.(page);
    await page.waitForTimeout(600);
    const { width, height } = page.viewportSize();
    // As SVG around a JPEG, so that no command takes it for the photo of a paper.
    const drawn = (jpeg) =>
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">` +
      `<image width="${width}" height="${height}" ` +
      `href="data:image/jpeg;base64,${jpeg.toString('base64')}"/></svg>\n`;
    let svg;
    for (let quality = 86; quality >= 44; quality -= 6) {
      svg = drawn(await page.screenshot({ type: 'jpeg', quality }));
      if (svg.length <= MOST) break;
    }
    if (svg.length > MOST) throw new Error(`${name} stays above ${MOST} bytes`);
    await writeFile(`${OUT}${name}.svg`, svg);
    console.log(`${name}.svg ${svg.length}`);
    await close();
  }
} finally {
  await browser.close();
  await service.stop();
}
