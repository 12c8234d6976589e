// Cases and pictures that are at hand: what was fetched ahead is there when it is asked for.
import { Problem, get, post, request } from './api.js';
import { t } from './i18n.js';
import { foremost } from './problems.js';

/** @typedef {import('./types.js').Case} Case */
/** @typedef {import('./types.js').Result} Result */

/** @typedef {{ url: string, type: string, image: HTMLImageElement }} Picture */

const PICTURES_KEPT = 24;
/** @type {Map<string, Promise<Picture|null>>} */
const pictures = new Map();
/** @type {Map<string, Promise<Case>>} */
const ahead = new Map();

/**
 * A picture of a document, decoded; null where there is none that a browser shows, as of a PDF.
 * @param {string} claim
 * @param {number} document
 * @param {'original'|'page'|'heatmap'} kind
 */
export function picture(claim, document, kind) {
  const path = `/v1/claims/${encodeURIComponent(claim)}/photos/${document}/${kind}`;
  const known = pictures.get(path);
  if (known) {
    pictures.delete(path);
    pictures.set(path, known);
    return known;
  }
  const loading = load(path).catch((error) => {
    pictures.delete(path);
    throw error;
  });
  pictures.set(path, loading);
  for (const [old, gone] of pictures) {
    if (pictures.size <= PICTURES_KEPT) break;
    pictures.delete(old);
    void gone.then(
      (one) => {
        if (one) URL.revokeObjectURL(one.url);
      },
      () => {},
    );
  }
  return loading;
}

/** @param {string} path @returns {Promise<Picture|null>} */
async function load(path) {
  let blob;
  try {
    blob = await (await request('GET', path)).blob();
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
  if (!blob.type.startsWith('image/')) return null;
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(image.src);
    return null;
  }
  return { url: image.src, type: blob.type, image };
}

/**
 * A case as the page uses it: one that could not be read has an empty result, and an unknown kind.
 * @param {any} found
 * @returns {Case}
 */
function whole(found) {
  const { id, submitted_at: created_at } = found;
  const result = found.result ?? { id, status: 'failed', claim: { id: found.external_id ?? id }, created_at };
  return { ...found, kind: found.kind ?? 'unknown', result };
}

/** @param {string} id @returns {Promise<Case>} */
const fetchCase = async (id) => whole(await get(`/v1/reviews/${encodeURIComponent(id)}`));

/** The case, from what was fetched ahead if it was. @param {string} id */
export function openCase(id) {
  const known = ahead.get(id);
  ahead.delete(id);
  return known ? known.catch(() => fetchCase(id)) : fetchCase(id);
}

/** Fetches a case and its first picture before anybody asks. @param {string} id */
export function prefetch(id) {
  if (ahead.has(id)) return;
  ahead.clear();
  const loading = fetchCase(id);
  ahead.set(id, loading);
  loading
    .then((found) => {
      if (found.result.documents?.length) void picture(id, foremost(found.result), 'original').catch(() => {});
    })
    .catch(() => ahead.delete(id));
}

/** Keeps a case that an answer brought along. @param {Case} found */
export function keep(found) {
  ahead.clear();
  ahead.set(found.id, Promise.resolve(found));
}

/**
 * Does something with a case, if nobody changed it meanwhile.
 * @param {Case} item
 * @param {string} act
 * @param {Record<string, any>} [body]
 * @returns {Promise<Case>}
 */
export const act = async (item, act, body = {}) =>
  whole(await post(`/v1/reviews/${encodeURIComponent(item.id)}/${act}`, body, { 'If-Match': `"${item.steps}"` }));

/** What the filters of the queue were when somebody last chose, so that "next" means the next of them. */
export const filters = {
  /** @type {Record<string, string>} */
  chosen: {},
  /** Whether only what suits whoever is here counts; nothing is left out for whoever has no skill. */
  suited: true,
  /** What whoever is here works on, as the service said last. @type {import('./skills.js').Skill|null} */
  skill: null,
};

/** The list that somebody came from to a case, and goes back to. */
export const cameFrom = { list: /** @type {'#/queue'|'#/tasks'} */ ('#/queue') };

/** Takes the most urgent case that nobody holds. @returns {Promise<Case|null>} */
export async function nextCase() {
  const { order, kind, language, task, reason, min, max } = filters.chosen;
  const all = { order, kind, language, task, reason, min, max };
  const wanted = Object.fromEntries(Object.entries(all).filter(([, value]) => value));
  const answer = await post('/v1/reviews/next', filters.suited ? wanted : { ...wanted, any: true });
  if (!answer) return null;
  const found = whole(answer);
  keep(found);
  return found;
}

/** What is said where "next" gives none. */
export const nothingNext = () =>
  t(filters.suited && filters.skill ? 'queue.nothing_next_suited' : 'queue.nothing_next');

/** The case that "next" would most likely give. @param {string} but @returns {Promise<string|null>} */
export async function likelyNext(but) {
  const query = new URLSearchParams({ limit: '2', state: 'open' });
  for (const [key, value] of Object.entries(filters.chosen)) {
    if (value && ['order', 'kind', 'language', 'task', 'reason', 'min', 'max'].includes(key)) query.set(key, value);
  }
  if (filters.suited) query.set('suited', 'true');
  const page = await get(`/v1/reviews?${query}`);
  filters.skill = page.skill;
  return page.cases.find((/** @type {{ id: string }} */ one) => one.id !== but)?.id ?? null;
}
