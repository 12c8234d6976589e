// Who is at the page: signed in by a key, or, where the service runs open, by a name given once.
import { Problem, get, post, request, setActor, whenUnauthorised } from './api.js';
import { h, put } from './dom.js';
import { t } from './i18n.js';
import { sound } from './names.js';
import { button, dialog, wrong } from './ui.js';

/** @typedef {{ name: string|null, role: string|null, tenant?: string|null, open: boolean,
 *   made_up?: boolean }} Session */

const NAME = 'claimlens.name';
/** Where somebody was who went off to sign in at the issuer. */
const BACK = 'claimlens.back';
/** Why a sign-in at the issuer came to nothing, as `?signin=` says it. */
const REFUSALS = /** @type {const} */ ([
  'not_set_up',
  'unreachable',
  'refused',
  'stale',
  'invalid',
  'no_role',
  'too_many',
]);
/** @type {Session} */
let session = { name: null, role: null, open: true };
export const who = () => session;
/** Whether this role may look at cases: auditors look at the log instead. */
export const seesCases = () => session.role !== 'auditor';

/**
 * Asks the service who this is; a service without sessions is open to whoever reaches it.
 * @returns {Promise<Session>}
 */
async function ask() {
  try {
    return await get('/v1/session');
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return { name: null, role: null, open: true };
    throw error;
  }
}

/** @returns {Promise<Session>} */
export async function enter() {
  try {
    session = await ask();
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    await signIn();
  }
  goBack();
  if (session.open) {
    session = { ...session, name: localStorage.getItem(NAME) };
    setActor(session.name);
    if (!session.name) await askName();
  }
  whenUnauthorised(signIn);
  return session;
}

/** @returns {Promise<void>} */
export const askName = () =>
  new Promise((resolve) => {
    const input = h('input', {
      class: 'input name-input',
      id: 'name',
      autocomplete: 'username',
      maxlength: 64,
      spellcheck: 'false',
      value: session.name ?? '',
    });
    const fault = h('p', { class: 'bad small', role: 'alert' });
    const done = (/** @type {() => void} */ close) => {
      const text = input.value.trim();
      if (!sound(text)) {
        input.setAttribute('aria-invalid', 'true');
        put(fault, t('name.invalid'));
        return;
      }
      localStorage.setItem(NAME, text);
      session = { ...session, name: text };
      setActor(text);
      close();
      resolve();
    };
    dialog(
      t('name.title'),
      (close) => {
        input.addEventListener('keydown', (event) => {
          if (event.key === 'Enter') done(close);
        });
        return [
          h('p', { class: 'quiet dialog-text' }, t('name.why')),
          h('label', { class: 'label', for: 'name' }, t('name.label')),
          input,
          fault,
          h(
            'div',
            { class: 'foot' },
            button(t('name.go'), () => done(close), { class: 'primary' }),
          ),
        ];
      },
      { fixed: !session.name },
    );
  });

/** Goes on where somebody was who went off to sign in at the issuer. */
function goBack() {
  const back = sessionStorage.getItem(BACK);
  sessionStorage.removeItem(BACK);
  if (back && !location.hash) history.replaceState(null, '', `${location.pathname}${back}`);
}

/** What a sign-in at the issuer that came to nothing says; told once. */
function refusal() {
  const told = new URLSearchParams(location.search).get('signin');
  if (told === null) return null;
  history.replaceState(null, '', `${location.pathname}${location.hash}`);
  const known = REFUSALS.find((refusal) => refusal === told);
  return known ? t(`signin.oidc.${known}`) : null;
}

/** @returns {Promise<void>} */
async function signIn() {
  /** @type {{ oidc: boolean }} */
  const ways = await get('/v1/session/ways');
  await askKey(ways.oidc);
}

/** @param {boolean} oidc whether there is an issuer to sign in at @returns {Promise<void>} */
const askKey = (oidc) =>
  new Promise((resolve) => {
    const input = h('input', {
      class: 'input name-input',
      id: 'key',
      type: 'password',
      autocomplete: 'current-password',
    });
    const fault = h('p', { class: 'bad small', role: 'alert' });
    const done = async (/** @type {() => void} */ close) => {
      try {
        const answer = await post('/v1/session', { key: input.value.trim() });
        session = answer ?? (await ask());
        close();
        resolve();
      } catch (error) {
        input.setAttribute('aria-invalid', 'true');
        put(fault, error instanceof Problem && error.status === 401 ? t('signin.wrong') : wrong(error));
      }
    };
    dialog(
      t('signin.title'),
      (close) => {
        input.addEventListener('keydown', (event) => {
          if (event.key === 'Enter') void done(close);
        });
        put(fault, refusal());
        return [
          oidc &&
            h(
              'p',
              {},
              h(
                'a',
                {
                  class: 'button primary',
                  id: 'oidc',
                  href: '/v1/session/oidc',
                  on: { click: () => sessionStorage.setItem(BACK, location.hash) },
                },
                t('signin.oidc'),
              ),
            ),
          h('p', { class: 'quiet dialog-text' }, t(oidc ? 'signin.or' : 'signin.why')),
          h('label', { class: 'label', for: 'key' }, t('signin.label')),
          input,
          fault,
          h(
            'div',
            { class: 'foot' },
            button(t('signin.go'), () => void done(close), { class: oidc ? '' : 'primary' }),
          ),
        ];
      },
      { fixed: true },
    );
  });

export async function leave() {
  if (session.open) {
    await askName();
    return;
  }
  await request('DELETE', '/v1/session');
  location.reload();
}
