// Imports a module of the pages. They keep a few choices of the person in the browser's storage, which stands here as
// a map.
const kept = new Map();
globalThis.localStorage ??= {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
};
globalThis.sessionStorage ??= globalThis.localStorage;
globalThis.document ??= { documentElement: { lang: '' } };
globalThis.navigator ??= { language: 'en' };

export const page = (name) => import(new URL(`../../../src/http/workbench/js/${name}`, import.meta.url).href);
