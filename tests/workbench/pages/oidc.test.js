// A service where people sign in with their work account: off to the issuer, which is of another site, and back.
import assert from 'node:assert/strict';
import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { launch, person } from './browser.js';
import { start } from './service.js';

const CLIENT = 'claimlens';

let service;
let browser;
let issuer;

/** A port that nobody listens on. */
async function free() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An issuer where everybody is signed in already, and has `roles`. */
async function play() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const codes = new Map();
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const server = createServer((request, response) => {
    const url = new URL(request.url, issuer.url);
    const json = (status, value) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (url.pathname === '/.well-known/openid-configuration') {
      json(200, {
        issuer: issuer.url,
        authorization_endpoint: `${issuer.url}/authorize`,
        token_endpoint: `${issuer.url}/token`,
        jwks_uri: `${issuer.url}/keys`,
      });
    } else if (url.pathname === '/keys') {
      json(200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }] });
    } else if (url.pathname === '/authorize') {
      const asked = Object.fromEntries(url.searchParams);
      const code = randomUUID();
      codes.set(code, asked);
      response.writeHead(302, { location: `${asked.redirect_uri}?code=${code}&state=${asked.state}` }).end();
    } else if (url.pathname === '/token') {
      let body = '';
      request.on('data', (some) => (body += some));
      request.on('end', () => {
        const form = new URLSearchParams(body);
        const asked = codes.get(form.get('code'));
        codes.delete(form.get('code'));
        const challenge = createHash('sha256').update(form.get('code_verifier')).digest('base64url');
        if (asked?.code_challenge !== challenge) return json(400, { error: 'invalid_grant' });
        const now = Math.floor(Date.now() / 1000);
        const message = `${part({ alg: 'RS256', kid: 'k1' })}.${part({
          iss: issuer.url,
          aud: CLIENT,
          sub: 'somebody',
          nonce: asked.nonce,
          iat: now,
          exp: now + 60,
          roles: issuer.roles,
        })}`;
        const token = `${message}.${createSign('RSA-SHA256').update(message).sign(privateKey, 'base64url')}`;
        return json(200, { access_token: 'x', token_type: 'Bearer', id_token: token });
      });
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Another name than the service's: another site to the browser.
  return { url: `http://localhost:${server.address().port}`, roles: ['staff'], close: () => server.close() };
}

before(
  async () => {
    issuer = await play();
    const port = await free();
    const options = [
      `--oidc-issuer=${issuer.url}`,
      `--oidc-client-id=${CLIENT}`,
      `--public-url=http://127.0.0.1:${port}`,
      '--oidc-role=staff=reviewer',
    ];
    service = await start([], { port, options });
    browser = await launch();
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  await service?.stop();
  issuer?.close();
});

test('a work account opens the page that somebody wanted, and signing out ends it', async () => {
  const { page, close } = await person(browser, { url: service.url });
  await page.goto(`${service.url}/#/operation`);
  assert.equal(await page.textContent('#oidc'), 'Sign in with your work account');
  await page.click('#oidc');
  await page.waitForSelector('.op-grid .plot');
  assert.equal(await page.evaluate(() => location.hash), '#/operation');
  assert.deepEqual(await page.locator('.tab').allTextContents(), ['Queue', 'Tasks', 'Operation']);
  assert.match(await page.textContent('.top'), /oidc-[0-9a-f]{32}/);
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees a cookie');
  await page.click('.top .button:last-child');
  await page.waitForSelector('#oidc');
  await close();
});

test('whoever has no role here is told so, once, in their language', async () => {
  issuer.roles = ['visitors'];
  for (const [language, told] of [
    ['en', 'Your account has no role here. Ask whoever runs claimlens for one.'],
    ['zh', '您的账号在此没有角色，请向 claimlens 的管理人员申请。'],
  ]) {
    const { page, close } = await person(browser, { url: service.url, language });
    await page.goto(service.url);
    await page.click('#oidc');
    await page.waitForFunction(() => document.querySelector('.dialog [role=alert]')?.textContent !== '');
    assert.equal(await page.textContent('.dialog [role=alert]'), told);
    assert.equal(await page.evaluate(() => location.search), '');
    await page.reload();
    await page.waitForSelector('#oidc');
    assert.equal(await page.textContent('.dialog [role=alert]'), '');
    await close();
  }
  issuer.roles = ['staff'];
});
