// Elements without templates: text stays text, so nothing that a paper or a person says can become markup.

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Sets what `h` and `s` share: `on` holds listeners, `true` an empty attribute, and nothing is set of null and false.
 * @param {Element} element
 * @param {Record<string, any>} props
 * @param {Child[]} children
 */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value))
        element.addEventListener(event, /** @type {any} */ (listener));
    } else if (name === 'value' && 'value' in element) {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  add(element, children);
}

/**
 * Appends children; strings and numbers become text.
 * @param {Element} element
 * @param {Child[]} children
 */
export function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
}

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, props, children);
  return element;
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function s(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  fill(element, props, children);
  return element;
}

/**
 * Puts these children in the place of all that an element had.
 * @param {Element} element
 * @param {...Child} children
 */
export function put(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

/** Strokes on a grid of 16 by 16. */
const ICONS = {
  clock: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 4.5V8l2.4 1.6',
  warn: 'M8 2 1.6 13.4h12.8zM8 6.4v3.2M8 11.6v.1',
  cross: 'm4 4 8 8m0-8-8 8',
  check: 'm3 8.6 3.4 3.4L13 4.6',
  dash: 'M4 8h8',
  sun:
    'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2' +
    'M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13',
  moon: 'M13.4 9.6A5.8 5.8 0 0 1 6.4 2.6a5.8 5.8 0 1 0 7 7z',
  auto: 'M8 2.2a5.8 5.8 0 1 0 0 11.6zM8 2.2a5.8 5.8 0 0 1 0 11.6',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  turn: 'M13 8a5 5 0 1 1-1.6-3.7M13 1.8v3H10',
  loupe: 'M7 2.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6zm3.6 8.4 3.4 3.4',
  boxes: 'M2.5 3.5h6v3h-6zM7.5 9.5h6v3h-6z',
  left: 'm9.8 3.5-4.5 4.5 4.5 4.5',
  right: 'm6.2 3.5 4.5 4.5-4.5 4.5',
  person: 'M8 2.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM2.6 14a5.4 5.4 0 0 1 10.8 0',
  flag: 'M3.5 14.5v-12M3.5 3h8.6l-2 2.9 2 2.9H3.5',
  pen: 'm3 13 .7-3L11 2.7l2.3 2.3L6 12.3z',
  photo: 'M2 4h3l1-1.6h4L11 4h3v9H2zM8 6a2.4 2.4 0 1 0 0 4.8A2.4 2.4 0 0 0 8 6z',
  link: 'M6.5 9.5l3-3M7 4.6l1.4-1.4a2.9 2.9 0 0 1 4.2 4.2L11.2 8.8M9 11.4l-1.4 1.4a2.9 2.9 0 0 1-4.2-4.2l1.4-1.4',
  shield: 'M8 1.6 2.8 3.6v4c0 3.3 2.2 5.6 5.2 6.8 3-1.2 5.2-3.5 5.2-6.8v-4z',
  up: 'M8 13V3.5M4 7.5l4-4 4 4',
  below: 'M8 3v9.5M4 8.5l4 4 4-4',
  down: 'M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10',
  search: 'M7 2.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6zm3.6 8.4 3.4 3.4',
  note: 'M3 2.5h10v11H3zM5.5 6h5M5.5 9h3',
  blink: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z',
};

/**
 * A small drawing that says nothing to screen readers: the words beside it do.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  return s('svg', { class: 'icon-svg', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, s('path', { d: ICONS[name] }));
}
