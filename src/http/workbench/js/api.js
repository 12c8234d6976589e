// The service's HTTP interface, as the workbench uses it.

/** An answer that is a problem (RFC 9457). */
export class Problem extends Error {
  /** @param {number} status @param {Record<string, any>} body */
  constructor(status, body) {
    super(body.detail ?? body.title ?? String(status));
    this.status = status;
    /** @type {string} */
    this.code = body.code ?? (status ? `http_${status}` : 'unreachable');
    this.body = body;
  }
}

/** Whom the service is told who asks, where it does not know by itself. @type {string|null} */
let actor = null;
/** What is done when the service wants somebody to sign in again. @type {() => Promise<void>} */
let onUnauthorised = async () => {};
/** Asked for once, however many requests wait for it. @type {Promise<void>|null} */
let signingIn = null;

/** @param {string|null} name */
export const setActor = (name) => {
  actor = name;
};
/** @param {() => Promise<void>} act */
export const whenUnauthorised = (act) => {
  onUnauthorised = act;
};

/**
 * @param {string} method
 * @param {string} path
 * @param {{ body?: any, type?: string, headers?: Record<string, string>, signal?: AbortSignal, again?: boolean }}
 *   [options]
 * @returns {Promise<Response>} of success, or 304
 */
export async function request(method, path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = { ...options.headers };
  if (actor) headers['X-Claimlens-Actor'] = actor;
  let body = options.body;
  if (body !== undefined && !options.type) body = JSON.stringify(body);
  if (body !== undefined) headers['Content-Type'] = options.type ?? 'application/json';
  let response;
  try {
    response = await fetch(path, { method, headers, body, signal: options.signal, credentials: 'same-origin' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, {});
  }
  if (response.ok || response.status === 304) return response;
  // A session that ran out must not cost what somebody was writing: they sign in over the page, and it goes on.
  if (response.status === 401 && path !== '/v1/session' && !options.again) {
    signingIn ??= onUnauthorised().finally(() => {
      signingIn = null;
    });
    await signingIn;
    return request(method, path, { ...options, again: true });
  }
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

/** @param {string} path @param {AbortSignal} [signal] */
export const get = async (path, signal) => (await request('GET', path, { signal })).json();
/** @param {string} path */
export const text = async (path) => (await request('GET', path)).text();
/** @param {string} path @param {any} body @param {Record<string, string>} [headers] */
export async function post(path, body, headers) {
  const response = await request('POST', path, { body, headers });
  return response.status === 204 ? null : response.json();
}

/** Answers that are asked for again and again: by path, with the tag that says whether they changed. */
const seen = new Map();

/**
 * Like `get`, but tells whether anything is new since the last call.
 * @param {string} path
 * @returns {Promise<{ body: any, fresh: boolean }>}
 */
export async function poll(path) {
  const known = seen.get(path);
  const response = await request('GET', path, { headers: known ? { 'If-None-Match': known.tag } : {} });
  if (response.status === 304) return { body: known.body, fresh: false };
  const text = await response.text();
  const fresh = !known || known.text !== text;
  const body = fresh ? JSON.parse(text) : known.body;
  seen.clear();
  seen.set(path, { tag: response.headers.get('ETag') ?? '', body, text });
  return { body, fresh };
}
