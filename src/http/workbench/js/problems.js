// What needs a person, gathered by the field it is about, the decisive ones first.

/** @typedef {import('./types.js').Reason} Reason */
/** @typedef {{ key: string, document: number|null, field: string|null, reasons: Reason[] }} Problem */

const FIRST = ['total', 'total_in_words', 'payer_name', 'issue_date', 'bill_number', 'bill_code'];

/**
 * One problem for each field that reasons are about, and one for each reason that is about none.
 * @param {Reason[]} reasons
 * @returns {Problem[]}
 */
export function gather(reasons) {
  /** @type {Map<string, Problem>} */
  const found = new Map();
  for (const reason of reasons) {
    if (reason.severity !== 'blocking') continue;
    const field = subject(reason);
    const document = reason.document ?? null;
    const key = field ? `${document}.${field}` : `${document}.${reason.code}.${reason.message.en}`;
    const problem = found.get(key) ?? { key, document, field, reasons: [] };
    problem.reasons.push(reason);
    found.set(key, problem);
  }
  const rank = (/** @type {Problem} */ one) => {
    const at = one.field ? FIRST.indexOf(one.field) : -1;
    return (one.field ? 0 : 50) + (at < 0 ? 20 : at);
  };
  return [...found.values()].sort((a, b) => rank(a) - rank(b) || (a.document ?? -1) - (b.document ?? -1));
}

/**
 * The field that a reason is about: codes and numbers of a repeat are about the paper as a whole.
 * @param {Reason} reason
 */
function subject(reason) {
  if (reason.code.startsWith('seen_before') || reason.code === 'may_have_been_seen_before') return null;
  return reason.fields[0] ?? null;
}

/**
 * How a field is to be looked at: by the worst that is said of it.
 * @param {Reason[]} reasons
 * @param {number} document
 */
export function troubled(reasons, document) {
  /** @type {Set<string>} */
  const fields = new Set();
  for (const reason of reasons) {
    if (reason.severity === 'blocking' && reason.document === document) {
      const field = subject(reason);
      if (field) fields.add(field);
    }
  }
  return fields;
}

/** The document that the first reason is about. @param {import('./types.js').Result} result */
export function foremost(result) {
  const reason = result.reasons?.find((one) => one.severity === 'blocking' && one.document !== undefined);
  return reason?.document ?? 0;
}
