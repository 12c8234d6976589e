// The language of the page: Chinese or English, followed from the browser until somebody chooses, then remembered.
import { en } from './words.en.js';
import { zh } from './words.zh.js';

/** @typedef {'en'|'zh'} Language */
/** @typedef {keyof typeof en} Word */

const KEPT = 'claimlens.language';
const kept = localStorage.getItem(KEPT);
/** @type {Language} */
let language = kept === 'en' || kept === 'zh' ? kept : navigator.language.startsWith('zh') ? 'zh' : 'en';
document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';

export const lang = () => language;

/** @param {Language} to */
export function setLanguage(to) {
  language = to;
  localStorage.setItem(KEPT, to);
  document.documentElement.lang = to === 'zh' ? 'zh-CN' : 'en';
}

/** @returns {Record<string, string>} */
const words = () => (language === 'zh' ? zh : en);

/**
 * A sentence of the page, with figures in the places of `{name}`.
 * @param {Word} word
 * @param {Record<string, string|number>} [figures]
 */
export function t(word, figures = {}) {
  return (words()[word] ?? word).replace(/\{(\w+)\}/g, (_, name) => String(figures[name] ?? '?'));
}

/**
 * A name from a family of words, such as `field.total`; what the page has no word for is shown as the API writes it.
 * @param {string} family
 * @param {string} name
 */
export function name(family, name) {
  return words()[`${family}.${name}`] ?? name.replaceAll('_', ' ');
}

/**
 * Whichever language of a message is the page's.
 * @param {{ en: string, zh: string }} message
 */
export const say = (message) => message[language];
