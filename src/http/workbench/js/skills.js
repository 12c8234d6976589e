// Who works on which papers, as an admin said. Whoever is not listed works on everything.
import { name, t } from './i18n.js';
import { sound } from './names.js';

/** What somebody works on; where no kind or no language is named, on every one.
 * @typedef {{ kinds: string[], languages: string[] }} Skill */
/** @typedef {Skill & { name: string }} Reviewer */
/** @typedef {{ reviewers: Reviewer[] }} Skills */
/** @typedef {{ skills: Skills, entry: number, at: string|null, by: string|null,
 *   open: { cases: number, unsuited: number, of: { name: string, cases: number }[] } }} SkillsView */

/** The languages of papers; `en` stands for all in Latin letters. */
export const LANGUAGES = ['zh', 'en'];
const MOST = 500;

/** Languages in words. @param {readonly string[]} languages */
export const spoken = (languages) => languages.map((one) => name('language', one)).join(t('list.comma'));

/** What somebody works on, in words. @param {Skill} skill */
export function said({ kinds, languages }) {
  const papers = kinds.map((kind) => name('kind', kind)).join(t('list.comma'));
  return [papers, spoken(languages)].filter(Boolean).join(' · ') || t('queue.any_kind');
}

/**
 * The choice with one more, or one less, in the order of all.
 * @param {string[]} chosen
 * @param {string} one
 * @param {readonly string[]} all
 */
export const toggled = (chosen, one, all) =>
  all.filter((each) => (each === one ? !chosen.includes(each) : chosen.includes(each)));

/**
 * Why nobody of this name can be listed, in words; null where nothing speaks against it.
 * @param {string} text
 * @param {Reviewer[]} listed
 */
export function refused(text, listed) {
  if (!sound(text)) return t('name.invalid');
  const known = listed.find((one) => one.name.toLowerCase() === text.toLowerCase());
  if (known) return t('skills.twice', { name: known.name });
  return listed.length >= MOST ? t('skills.most', { n: MOST }) : null;
}
