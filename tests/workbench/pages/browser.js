// A real Chromium, pages as somebody uses them, and everything that goes wrong in them.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export async function launch() {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error('no Chromium: install it, or name it in CHROMIUM');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
    ],
  });
}

/** A person at the page; `faults` fills with what the console and the page's scripts complain of. */
export async function person(
  browser,
  { url, name, language = 'en', theme = 'light', width = 1280, height = 800, scale = 1 },
) {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: scale,
    reducedMotion: 'reduce',
  });
  await context.addInitScript(
    ([language, theme, name]) => {
      if (!localStorage.getItem('claimlens.language')) localStorage.setItem('claimlens.language', language);
      if (!localStorage.getItem('claimlens.theme')) localStorage.setItem('claimlens.theme', theme);
      if (name) localStorage.setItem('claimlens.name', name);
    },
    [language, theme, name ?? null],
  );
  // A loaded machine, such as one that compiles, may be slow to start a page.
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error.stack ?? error)));
  page.on('response', (answer) => {
    if (answer.status() >= 400) faults.push(`${answer.status()} ${answer.url()}`);
  });
  const go = async (hash, ready) => {
    await page.goto(`${url}/${hash}`);
    await page.waitForSelector(ready);
  };
  return { page, faults, go, close: () => context.close() };
}

const AXE = require('axe-core').source;

/** What axe finds that is serious or worse. */
export async function unfit(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map(
      (one) =>
        `${one.id}: ${one.nodes
          .slice(0, 4)
          .map((node) => `${node.html.slice(0, 160)} (${node.any[0]?.message ?? node.all[0]?.message ?? ''})`)
          .join(' | ')}`,
    );
}
