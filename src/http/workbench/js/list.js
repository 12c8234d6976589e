// A list that comes page by page and is asked for again and again, one line of which is chosen by keys.
import { poll } from './api.js';
import { h, put } from './dom.js';
import { count } from './format.js';
import { t } from './i18n.js';
import { button, failure, toast, wrong } from './ui.js';

const EVERY = 5000;

/** Which line is chosen: by place, and by name once somebody moved. Lasts as long as whoever holds it.
 * @typedef {{ selected: number, key: string|null }} Choice */

/**
 * @template T
 * @typedef {{
 *   title: string, choice: Choice,
 *   path: () => string,
 *   lines: (body: any) => T[],
 *   key: (line: T) => string,
 *   row: (line: T, chosen: boolean) => HTMLElement,
 *   empty: () => HTMLElement,
 *   order?: (lines: T[]) => T[],
 *   came?: (body: any) => void,
 *   drawing?: () => void,
 *   rests?: (line: T|undefined) => void,
 * }} ListOf `path` asks for the first page; `came` is told of one that is new, `drawing` before lines are drawn, and
 *   `rests` which line is chosen then.
 */

/**
 * @template T
 * @param {ListOf<T>} of
 */
export function pagedList({ title, choice, path, lines, key, row, empty, order, came, drawing, rests }) {
  /** @type {any} */
  let page = null;
  /** @type {T[]} */
  let more = [];
  let next = /** @type {string|null} */ (null);
  let timer = 0;
  let gone = false;

  const trouble = h('div', { class: 'queue-trouble' });
  const list = h('div', { class: 'queue-list panel', role: 'list', 'aria-label': title });
  const below = h('div', { class: 'queue-below' });
  put(
    list,
    Array.from({ length: 7 }, () => h('div', { class: 'case-row' }, h('div', { class: 'skeleton line grow' }))),
  );

  async function load() {
    clearTimeout(timer);
    const asked = path();
    try {
      const { body, fresh } = await poll(asked);
      if (gone || asked !== path()) return;
      put(trouble);
      if (fresh || !page) {
        page = body;
        if (!more.length) next = body.next;
        came?.(body);
        draw();
      }
    } catch (error) {
      if (gone) return;
      put(
        trouble,
        failure(error, () => void load()),
      );
      if (!page) put(list);
    }
    timer = setTimeout(() => void load(), document.hidden ? EVERY * 4 : EVERY);
  }

  async function loadMore() {
    if (!next) return;
    const asked = path();
    try {
      const { body } = await poll(`${asked}&cursor=${encodeURIComponent(next)}`);
      if (gone || asked !== path()) return;
      more.push(...lines(body));
      next = body.next;
      draw();
    } catch (error) {
      toast(wrong(error), { bad: true });
    }
  }

  /** Every line that came, each once. @returns {T[]} */
  function all() {
    const seen = new Set();
    const found = [...(page ? lines(page) : []), ...more].filter((one) => !seen.has(key(one)) && seen.add(key(one)));
    return order ? order(found) : found;
  }

  const inside = (/** @type {Element} */ line) =>
    /** @type {HTMLElement[]} */ ([...line.querySelectorAll('a, button')]);

  /** Which link or button of which line the keyboard is at. */
  function focused() {
    const at = document.activeElement;
    const line = at instanceof HTMLElement && list.contains(at) ? at.closest('[data-key]') : null;
    if (!(line instanceof HTMLElement)) return null;
    return { key: line.dataset.key, nth: inside(line).findIndex((one) => one === at) };
  }

  /** @param {{ key: string|undefined, nth: number }} before */
  function refocus({ key, nth }) {
    const line = [...list.children].find((one) => one instanceof HTMLElement && one.dataset.key === key);
    if (line) inside(line)[nth]?.focus({ preventScroll: true });
  }

  function draw() {
    const found = all();
    // Whoever moved to a line keeps it, wherever it stands now.
    const kept = choice.key === null ? -1 : found.findIndex((one) => key(one) === choice.key);
    choice.selected = Math.max(0, Math.min(kept < 0 ? choice.selected : kept, found.length - 1));
    drawing?.();
    // An empty list is none to those who listen to the page.
    if (found.length) list.setAttribute('role', 'list');
    else list.removeAttribute('role');
    if (!found.length) {
      put(list, empty());
      put(below);
      return;
    }
    const before = focused();
    put(
      list,
      found.map((one, at) => {
        const line = row(one, at === choice.selected);
        line.dataset.key = key(one);
        return line;
      }),
    );
    if (before) refocus(before);
    put(
      below,
      next && button(t('queue.more'), () => void loadMore()),
      h('span', { class: 'quiet small' }, t('queue.shown', { n: count(found.length) })),
    );
    rests?.(found[choice.selected]);
  }

  return {
    parts: [trouble, list, below],
    load,
    draw,
    all,
    /** What the first page was; null until it came. */
    page: () => page,
    selected: () => all()[choice.selected],
    /** Forgets what came, such as when something else is asked for. */
    reset() {
      Object.assign(choice, { selected: 0, key: null });
      page = null;
      more = [];
      void load();
    },
    /** @param {number} by */
    move(by) {
      const found = all();
      if (!found.length) return;
      choice.selected = Math.max(0, Math.min(found.length - 1, choice.selected + by));
      const chosen = /** @type {T} */ (found[choice.selected]);
      choice.key = key(chosen);
      [...list.children].forEach((child, index) => {
        if (index === choice.selected) {
          child.setAttribute('aria-current', 'true');
          child.scrollIntoView({ block: 'nearest' });
        } else child.removeAttribute('aria-current');
      });
      rests?.(chosen);
      if (choice.selected === found.length - 1) void loadMore();
    },
    stop() {
      gone = true;
      clearTimeout(timer);
    },
  };
}
