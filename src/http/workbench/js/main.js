// The frame: who is here, which screen, which language and theme.
import { h, icon, put } from './dom.js';
import { lang, setLanguage, t } from './i18n.js';
import { bind } from './keys.js';
import { enter, leave, who } from './session.js';
import { button, failure, help, kbd, waiting } from './ui.js';
import { queueScreen } from './queue.js';
import { caseScreen } from './case.js';
import { auditScreen } from './audit.js';
import { cardsScreen } from './cardedit.js';
import { operationScreen } from './operation.js';
import { skillsScreen } from './skilledit.js';
import { tasksScreen } from './tasklist.js';

/** A screen is put into `root` and gives back what takes it down.
 * @typedef {(root: HTMLElement, parts: string[]) => (() => void)} Screen */

/** @type {Record<string, Screen>} */
const SCREENS = {
  queue: queueScreen,
  tasks: tasksScreen,
  case: caseScreen,
  audit: auditScreen,
  operation: operationScreen,
  cards: cardsScreen,
  skills: skillsScreen,
};
const TABS = /** @type {const} */ (['queue', 'tasks', 'audit', 'operation', 'cards']);
/** What each role has a use for; a service that runs open shows all. @type {Record<string, readonly string[]>} */
const OF_ROLE = {
  submitter: [],
  reviewer: ['queue', 'tasks', 'operation'],
  auditor: ['audit', 'operation'],
  admin: TABS,
};
/** What a role may look at although no tab of its own leads there. @type {Record<string, readonly string[]>} */
const BESIDE = { auditor: ['skills'] };
/** The tab under which a screen stands that has none. @type {Record<string, string>} */
const UNDER = { case: 'queue', skills: 'cards' };
const THEME = 'claimlens.theme';

const top = h('header', { class: 'top' });
const demo = h('aside', { class: 'demo' });
const root = h('main', { class: 'screen', id: 'screen', tabindex: '-1' });
let down = () => {};

const tabs = () => TABS.filter((tab) => OF_ROLE[who().role ?? 'admin']?.includes(tab));

function currentTheme() {
  return document.documentElement.dataset.theme ?? 'auto';
}

function nextTheme() {
  const order = ['auto', 'light', 'dark'];
  const next = /** @type {string} */ (order[(order.indexOf(currentTheme()) + 1) % 3]);
  if (next === 'auto') {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(THEME);
  } else {
    document.documentElement.dataset.theme = next;
    localStorage.setItem(THEME, next);
  }
  drawTop();
}

function nextLanguage() {
  setLanguage(lang() === 'en' ? 'zh' : 'en');
  show();
}

/** Says that nothing here is real, where that is so, and how to leave it. */
function drawDemo() {
  demo.setAttribute('aria-label', t('demo.label'));
  put(
    demo,
    who().made_up && [
      h('strong', {}, t('demo.label')),
      h('span', {}, t('demo.what')),
      h('span', {}, t('demo.leave'), ' ', h('code', { class: 'mono' }, 'claimlens serve')),
    ],
  );
}

function drawTop() {
  drawDemo();
  const here = location.hash.split('/')[1] ?? '';
  const theme = currentTheme();
  const drawn = theme === 'dark' ? 'moon' : theme === 'light' ? 'sun' : 'auto';
  const name = who().name;
  put(
    top,
    h(
      'a',
      { class: 'brand', href: '#/' },
      h('img', { src: new URL('../icon.svg', import.meta.url).href, alt: '' }),
      'claimlens',
    ),
    h(
      'nav',
      { class: 'row', 'aria-label': t('nav.label') },
      tabs().map((tab) =>
        h(
          'a',
          {
            class: 'tab',
            href: `#/${tab}`,
            'aria-current': tab === (UNDER[here] ?? here) ? 'page' : null,
          },
          t(`nav.${tab}`),
        ),
      ),
    ),
    h('span', { class: 'grow' }),
    button([t('help.short'), kbd('?')], help, { class: 'plain', 'aria-label': t('help.title') }),
    button(lang() === 'en' ? '中文' : 'English', nextLanguage, {
      class: 'plain',
      lang: lang() === 'en' ? 'zh-CN' : 'en',
    }),
    button(icon(drawn), nextTheme, {
      class: 'plain icon',
      'aria-label': t(`theme.${theme === 'dark' || theme === 'light' ? theme : 'auto'}`),
      title: t(`theme.${theme === 'dark' || theme === 'light' ? theme : 'auto'}`),
    }),
    name &&
      button([icon('person'), name], () => void leave().then(drawTop), { class: 'plain', title: t('session.leave') }),
  );
}

function show() {
  down();
  const parts = location.hash.replace(/^#\//, '').split('/').map(decodeURIComponent);
  const wanted = parts[0] ?? '';
  const beside = BESIDE[who().role ?? '']?.includes(wanted);
  if (tabs().length && !beside && !tabs().some((tab) => tab === (UNDER[wanted] ?? wanted))) {
    // Such as at the first visit, or of somebody else's link.
    down = () => {};
    location.replace(`#/${tabs()[0]}`);
    return;
  }
  const screen = SCREENS[wanted] ?? queueScreen;
  drawTop();
  put(root);
  root.scrollTop = 0;
  document.title = 'claimlens';
  if (!tabs().length) {
    put(root, h('div', { class: 'empty' }, h('h2', {}, t('session.no_use')), h('p', {}, t('session.no_use_why'))));
    down = () => {};
    return;
  }
  down = screen(root, parts.slice(1));
}

bind({
  title: 'keys.everywhere',
  bindings: [
    { keys: ['?'], what: 'help.title', act: help },
    ...TABS.map((tab, index) => ({
      keys: [`Alt+${index + 1}`],
      what: /** @type {const} */ (`nav.${tab}`),
      act: () => {
        location.hash = `#/${tab}`;
      },
    })),
    { keys: ['Shift+l'], what: 'key.language', act: nextLanguage },
    { keys: ['Shift+d'], what: 'key.theme', act: nextTheme },
  ],
});

async function start() {
  document.body.prepend(top, demo, root);
  drawTop();
  put(root, waiting(6));
  try {
    await enter();
  } catch (error) {
    put(
      root,
      h(
        'div',
        { class: 'page' },
        failure(error, () => void start()),
      ),
    );
    return;
  }
  show();
}

window.addEventListener('hashchange', show);
void start();
