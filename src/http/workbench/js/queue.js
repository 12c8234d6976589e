// The queue: what is due first stands first.
import { get } from './api.js';
import { cards } from './cards.js';
import { act, cameFrom, filters, nextCase, nothingNext, openCase, prefetch } from './cases.js';
import { h, icon, put } from './dom.js';
import { ago, clock, count, moment, percent, shownMoney } from './format.js';
import { lang, name, t } from './i18n.js';
import { bind } from './keys.js';
import { KINDS } from './layout.js';
import { pagedList } from './list.js';
import { who } from './session.js';
import { LANGUAGES, said, spoken } from './skills.js';
import { TASKS, TASKS_AFTER, overdueChips } from './tasks.js';
import { button, dialog, kbd, toast, wrong } from './ui.js';

/** @typedef {import('./types.js').Summary} Summary */

const REST = 250;
const STATES = /** @type {const} */ (['open', 'mine', 'second', 'waiting', 'closed']);
const ORDERS = /** @type {const} */ (['due', 'risk', 'amount', 'oldest']);
const FILTERS = ['task', 'reason', 'kind', 'language', 'min', 'max', 'q'];
const CHIPS = 3;

/** What somebody chose lasts as long as the page. */
const view = {
  tab: /** @type {typeof STATES[number]} */ ('open'),
  choice: /** @type {import('./list.js').Choice} */ ({ selected: 0, key: null }),
};

/** @param {HTMLElement} root */
export function queueScreen(root) {
  let resting = 0;
  let gone = false;
  /** @type {Set<string>} */
  const reasons = new Set();
  /** @type {import('./layout.js').Queue[]} */
  let queues = [];
  /** Whether no claim was ever sent; null until that is known. @type {boolean|null} */
  let first = null;

  const head = h('div', { class: 'queue-head' });
  const bar = h('div', { class: 'queue-bar' });
  const list = pagedList({
    title: t('nav.queue'),
    choice: view.choice,
    path: () => `/v1/reviews?${query()}`,
    lines: (/** @type {import('./types.js').QueuePage} */ page) => page.cases,
    key: (one) => one.id,
    row,
    empty: emptiness,
    came: (/** @type {import('./types.js').QueuePage} */ page) => {
      filters.skill = page.skill;
      for (const one of page.cases) for (const code of one.reasons) reasons.add(code);
    },
    drawing: () => {
      drawHead();
      drawBar();
    },
    rests: fetchAhead,
  });
  put(root, h('div', { class: 'page queue' }, head, bar, list.parts));

  const search = h('input', {
    class: 'input search',
    type: 'search',
    placeholder: t('queue.search'),
    'aria-label': t('queue.search'),
    value: filters.chosen.q ?? '',
  });
  search.addEventListener('input', () => choose({ q: search.value.trim() }));
  search.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === 'Escape') search.blur();
  });

  /** @param {Record<string, string>} change */
  function choose(change) {
    filters.chosen = { ...filters.chosen, ...change };
    list.reset();
    drawBar();
  }

  /** Whether only what suits is asked for: what is somebody's already is theirs whatever they work on. */
  const suited = () => filters.suited && view.tab !== 'mine';

  /** Only what suits whoever is here, or everything. */
  function suit() {
    if (!filters.skill || view.tab === 'mine') return;
    filters.suited = !filters.suited;
    choose({});
  }

  /** @param {typeof STATES[number]} tab */
  function show(tab) {
    // Cases that are ruled have other tasks than those that are not.
    const task = (tab === 'closed') === (view.tab === 'closed') ? (filters.chosen.task ?? '') : '';
    view.tab = tab;
    choose({ task });
  }

  function query() {
    const q = new URLSearchParams({ limit: '30', order: filters.chosen.order || 'due' });
    if (view.tab === 'open') for (const state of ['open', 'held', 'second']) q.append('state', state);
    else if (view.tab === 'mine') {
      q.append('state', 'held');
      q.set('mine', 'true');
    } else q.append('state', view.tab);
    if (suited()) q.set('suited', 'true');
    for (const key of FILTERS) if (filters.chosen[key]) q.set(key, filters.chosen[key]);
    return q;
  }

  /** Fetches the chosen case once the choice rests: what is fetched is logged as looked at.
   * @param {Summary|undefined} ahead */
  function fetchAhead(ahead) {
    clearTimeout(resting);
    if (ahead) resting = setTimeout(() => prefetch(ahead.id), REST);
  }

  /** @returns {HTMLElement} */
  function emptiness() {
    const filtered = FILTERS.some((key) => filters.chosen[key]);
    const skill = suited() && figures()[view.tab] !== 0 ? filters.skill : null;
    if (filtered || skill) {
      return h(
        'div',
        { class: 'empty' },
        h('h2', {}, t(filtered ? 'queue.none_filtered' : 'queue.none_suited')),
        skill && h('p', {}, t('queue.skill', { skill: said(skill) })),
        h(
          'div',
          { class: 'row acts' },
          skill && button([t('queue.show_all'), kbd('s')], suit),
          filtered &&
            button(t('queue.clear'), () => {
              search.value = '';
              choose(Object.fromEntries(FILTERS.map((key) => [key, ''])));
            }),
        ),
      );
    }
    if (view.tab !== 'open') return h('div', { class: 'empty' }, h('h2', {}, t('queue.none_here')));
    if (first === null) void lookForClaims();
    if (!first)
      return h('div', { class: 'empty' }, h('h2', {}, t('queue.none_open')), h('p', {}, t('queue.how_to_fill')));
    return h(
      'div',
      { class: 'empty first' },
      h('h2', {}, t('queue.none_open')),
      h('p', {}, t('queue.how_to_fill')),
      h('h3', {}, t('queue.first_send')),
      h('pre', { class: 'payload mono', tabindex: '0' }, send()),
      h('p', { class: 'small' }, h('a', { href: '/docs' }, t('queue.first_docs'))),
      h('h3', {}, t('queue.first_demo')),
      h('pre', { class: 'payload mono', tabindex: '0' }, 'claimlens serve --demo --listen 127.0.0.1:8090'),
    );
  }

  /** Looks whether any claim was ever sent: whoever has none is told how to begin. */
  async function lookForClaims() {
    first = false;
    try {
      first = (await get('/v1/claims?limit=1')).claims.length === 0;
    } catch {
      // The queue tells by itself when the service does not answer.
      return;
    }
    if (first && !gone) list.draw();
  }

  /** A line that sends a claim to this very service. */
  const send = () =>
    [
      who().open ? 'curl \\' : "curl -H 'Authorization: Bearer clk_…' \\",
      '  -F \'claim={"id":"A-1","amount":"120.00"};type=application/json\' \\',
      `  -F photo=@bill.jpg ${location.origin}/v1/claims`,
    ].join('\n');

  function drawHead() {
    const all = list.all().filter((one) => one.state !== 'closed');
    const clocks = all.filter((one) => !one.paused).map((one) => clock(one));
    const over = clocks.filter((one) => one.left < 0).length;
    const soon = clocks.filter((one) => one.tone === 'warn').length;
    const searching = document.activeElement === search;
    put(
      head,
      h(
        'div',
        { class: 'grow' },
        h('h1', {}, t('nav.queue')),
        h(
          'p',
          { class: 'row small quiet' },
          over > 0 && h('span', { class: 'chip bad' }, icon('clock'), t('queue.overdue', { n: over })),
          soon > 0 && h('span', { class: 'chip warn' }, icon('clock'), t('queue.soon', { n: soon })),
          !over && !soon && all.length > 0 && t('queue.calm'),
          suited() &&
            filters.skill &&
            all.length > 0 &&
            h('span', {}, t('queue.suited_to', { skill: said(filters.skill) })),
        ),
      ),
      search,
      button([t('queue.next'), kbd('n')], () => void takeNext(), { class: 'primary' }),
    );
    if (searching) search.focus();
  }

  /**
   * How many cases there are, whatever the filters, as far as that is known.
   * @returns {Record<string, number|null|undefined>}
   */
  function figures() {
    const counts = list.page()?.counts;
    const total = counts ? (counts.open ?? 0) + (counts.held ?? 0) + (counts.second ?? 0) : null;
    return { open: total, mine: counts?.mine, second: counts?.second, waiting: counts?.waiting };
  }

  function drawBar() {
    const shown = figures();
    const focused = bar.contains(document.activeElement) ? document.activeElement?.id : null;
    const known = [...reasons].sort((a, b) => name('code', a).localeCompare(name('code', b)));
    const chosen = filters.chosen.reason;
    if (chosen && !known.includes(chosen)) known.push(chosen);
    put(
      bar,
      h(
        'div',
        { class: 'segments', role: 'group', 'aria-label': t('queue.states') },
        STATES.map((state) =>
          h(
            'button',
            {
              type: 'button',
              'aria-pressed': String(view.tab === state),
              on: {
                click: () => {
                  show(state);
                },
              },
            },
            t(`tab.${state}`),
            shown[state] ? h('span', { class: 'count' }, count(shown[state] ?? 0)) : null,
          ),
        ),
      ),
      filters.skill &&
        view.tab !== 'mine' &&
        button([icon('person'), t('queue.suited'), kbd('s')], suit, {
          id: 'queue-suited',
          'aria-pressed': String(filters.suited),
          title: t('queue.suited_why', { skill: said(filters.skill) }),
        }),
      h('span', { class: 'grow' }),
      h(
        'div',
        { class: 'queue-filters' },
        queues.length > 0 && queueSelect(),
        select(
          'order',
          ORDERS.map((one) => [one, t(`order.${one}`)]),
          filters.chosen.order || 'due',
        ),
        select(
          'task',
          [
            ['', t('queue.any_task')],
            ...(view.tab === 'closed' ? TASKS_AFTER : TASKS).map(
              (one) => /** @type {[string, string]} */ ([one, name('task', one)]),
            ),
          ],
          filters.chosen.task ?? '',
        ),
        select(
          'kind',
          [['', t('queue.any_kind')], ...KINDS.map((one) => /** @type {[string, string]} */ ([one, name('kind', one)]))],
          filters.chosen.kind ?? '',
        ),
        select(
          'language',
          [
            ['', t('queue.any_language')],
            ...LANGUAGES.map((one) => /** @type {[string, string]} */ ([one, name('language', one)])),
          ],
          filters.chosen.language ?? '',
        ),
        select(
          'reason',
          [
            ['', t('queue.any_reason')],
            ...known.map((one) => /** @type {[string, string]} */ ([one, name('code', one)])),
          ],
          chosen ?? '',
        ),
        amount('min'),
        amount('max'),
      ),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {string} key @param {[string, string][]} options @param {string} value */
  function select(key, options, value) {
    const element = h(
      'select',
      { class: 'select', id: `queue-${key}`, 'aria-label': t(/** @type {any} */ (`queue.by_${key}`)) },
      options.map(([code, text]) => h('option', { value: code, selected: code === value }, text)),
    );
    element.addEventListener('change', () => choose({ [key]: element.value }));
    return element;
  }

  /** The queues that an admin named: each is a kind and a reason to filter by. */
  function queueSelect() {
    const { kind = '', reason = '' } = filters.chosen;
    const at = queues.findIndex((one) => (one.kind ?? '') === kind && (one.reason ?? '') === reason);
    const element = h(
      'select',
      { class: 'select', id: 'queue-named', 'aria-label': t('queue.by_queue') },
      h('option', { value: '', selected: at < 0 }, t('queue.any_queue')),
      queues.map((one, n) => h('option', { value: n, selected: n === at }, one.name[lang()])),
    );
    element.addEventListener('change', () => {
      const chosen = element.value === '' ? null : queues[Number(element.value)];
      choose({ kind: chosen?.kind ?? '', reason: chosen?.reason ?? '' });
    });
    return element;
  }

  /** @param {'min'|'max'} key */
  function amount(key) {
    const input = h('input', {
      class: 'input amount',
      id: `queue-${key}`,
      inputmode: 'decimal',
      placeholder: t(`queue.${key}`),
      'aria-label': t(`queue.${key}`),
      value: filters.chosen[key] ?? '',
    });
    input.addEventListener('change', () => {
      const sound = /^(\d{1,10}(\.\d{1,2})?)?$/.test(input.value.trim());
      input.setAttribute('aria-invalid', String(!sound));
      if (sound) choose({ [key]: input.value.trim() });
    });
    return input;
  }

  /** @param {Summary} one @param {boolean} chosen */
  function row(one, chosen) {
    const due = clock(one);
    const mine = one.holder !== null && one.holder === who().name;
    const risk = one.wrong_approval_ppm === null ? null : one.wrong_approval_ppm / 1e6;
    const shown = one.reasons.slice(0, CHIPS);
    const rest = one.reasons.length - shown.length;
    return h(
      'div',
      {
        class: 'case-row',
        role: 'listitem',
        'data-id': one.id,
        'aria-current': chosen ? 'true' : null,
        on: {
          click: () => {
            location.hash = `#/case/${one.id}`;
          },
        },
      },
      h(
        'div',
        { class: `due ${due.tone}` },
        icon('clock'),
        h('span', {}, due.text),
        h('span', { class: 'small quiet' }, moment(one.due_at)),
      ),
      h(
        'div',
        { class: 'what' },
        h('a', { class: 'case-link cut', href: `#/case/${one.id}` }, one.external_id ?? one.id),
        h(
          'span',
          { class: 'small quiet cut' },
          name('kind', one.kind ?? 'unknown'),
          one.languages.length > 0 && ` · ${spoken(one.languages)}`,
          one.documents > 1 && ` · ${t('queue.documents', { n: one.documents })}`,
        ),
      ),
      h(
        'div',
        { class: 'chips' },
        one.escalated && h('span', { class: 'chip bad' }, icon('flag'), t('case.escalated')),
        one.nudged_at &&
          h('span', { class: 'chip warn', title: moment(one.nudged_at) }, icon('person'), t('case.nudged')),
        overdueChips(one.tasks),
        one.appeal && h('span', { class: 'chip accent' }, t('case.appeal')),
        one.second && h('span', { class: 'chip accent' }, t('state.second')),
        one.verdict && h('span', { class: 'chip' }, name('verdict', one.verdict)),
        shown.map((code) => h('span', { class: 'chip' }, name('code', code))),
        rest > 0 &&
          h(
            'span',
            {
              class: 'chip',
              title: one.reasons
                .slice(CHIPS)
                .map((code) => name('code', code))
                .join('\n'),
            },
            `+${rest}`,
          ),
      ),
      h(
        'div',
        { class: 'risk', title: t('queue.risk_why') },
        h('span', { class: 'small' }, risk === null ? t('queue.not_judged') : percent(risk)),
        h('span', { class: 'bar' }, meter(risk)),
      ),
      h(
        'div',
        { class: 'num amount-cell' },
        h('strong', {}, shownMoney(one.amount)),
        h('span', { class: 'small quiet' }, one.currency ?? ''),
      ),
      h(
        'div',
        { class: 'held small' },
        one.holder
          ? h('span', { class: `chip ${mine ? 'accent' : ''}` }, icon('person'), mine ? t('queue.mine') : one.holder)
          : h('span', { class: 'quiet' }, ago(one.opened_at)),
      ),
    );
  }

  /** The risk on a scale on which a hundredth and a tenth can be told apart. @param {number|null} risk */
  function meter(risk) {
    const bar = h('i', { class: risk === null ? '' : risk >= 0.1 ? 'bad' : risk >= 0.01 ? 'warn' : 'good' });
    const share = risk === null ? 0 : Math.max(0, Math.min(1, (Math.log10(Math.max(risk, 1e-4)) + 4) / 4));
    bar.style.width = `${Math.round(share * 100)}%`;
    return bar;
  }

  async function takeNext() {
    try {
      const found = await nextCase();
      if (found) location.hash = `#/case/${found.id}`;
      else toast(nothingNext());
    } catch (error) {
      toast(wrong(error), { bad: true });
    }
  }

  /** Takes, takes over or gives back. */
  async function take() {
    const one = list.selected();
    if (!one) return;
    try {
      const item = await openCase(one.id);
      if (item.holder && item.holder === who().name) {
        await act(item, 'release');
        toast(t('case.released'));
        await list.load();
        return;
      }
      if (item.holder) {
        confirmTakeover(item);
        return;
      }
      await act(item, 'claim', { takeover: false });
      location.hash = `#/case/${one.id}`;
    } catch (error) {
      toast(wrong(error), { bad: true });
    }
  }

  /** @param {import('./types.js').Case} item */
  function confirmTakeover(item) {
    dialog(t('case.takeover_title'), (close) => [
      h('p', {}, t('case.takeover_why', { holder: item.holder ?? '?', until: moment(item.held_until) })),
      h(
        'div',
        { class: 'foot' },
        button(t('cancel'), close),
        button(
          t('case.takeover'),
          () => {
            close();
            act(item, 'claim', { takeover: true }).then(
              () => {
                location.hash = `#/case/${item.id}`;
              },
              (error) => toast(wrong(error), { bad: true }),
            );
          },
          { class: 'primary' },
        ),
      ),
    ]);
  }

  const unbind = bind({
    title: 'nav.queue',
    bindings: [
      { keys: ['j', 'ArrowDown'], what: 'key.down', act: () => list.move(1) },
      { keys: ['k', 'ArrowUp'], what: 'key.up', act: () => list.move(-1) },
      {
        keys: ['Enter', 'o'],
        what: 'key.open',
        act: () => {
          const one = list.selected();
          if (one) location.hash = `#/case/${one.id}`;
        },
      },
      { keys: ['n'], what: 'key.next', act: () => void takeNext() },
      { keys: ['t'], what: 'key.take', act: () => void take() },
      {
        keys: ['m'],
        what: 'key.mine',
        act: () => {
          show(view.tab === 'mine' ? 'open' : 'mine');
        },
      },
      { keys: ['s'], what: 'queue.suited', act: suit },
      { keys: ['/'], what: 'queue.search', act: () => search.focus() },
      ...STATES.map((state, index) => ({
        keys: [String(index + 1)],
        what: /** @type {const} */ (`tab.${state}`),
        act: () => {
          show(state);
        },
      })),
    ],
  });
  cameFrom.list = '#/queue';
  drawHead();
  drawBar();
  void list.load();
  void cards().then((all) => {
    queues = all.queues;
    if (!gone) drawBar();
  });
  return () => {
    gone = true;
    list.stop();
    clearTimeout(resting);
    unbind();
  };
}
