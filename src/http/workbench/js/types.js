// The shapes of the API's answers, for the type checker alone.

/** @typedef {[number, number][]} Polygon Four corners, clockwise from the text's own top left. */
/** @typedef {{ en: string, zh: string }} Message */
/** @typedef {{ value: string|null, text: string, confidence: number, polygon: Polygon, page_polygon: Polygon,
 *   readers: Record<string, string>, repairs: string[] }} Field */
/** @typedef {{ name: string, quantity?: string, unit?: string, price?: string, amount: string|null, confidence: number,
 *   polygon: Polygon }} Item */
/** @typedef {{ check: string, outcome: 'pass'|'fail'|'inconclusive'|'not_applicable', detail: Record<string, string>,
 *   fields: string[], regions: Polygon[] }} Finding */
/** @typedef {{ score: number, polygon: Polygon, field?: string, like?: Polygon }} Suspect */
/** @typedef {{ signal: string, applicable: boolean, because: string|null, alarm: boolean|null, score: number|null,
 *   limit: number, tested: number, message: Message, suspects: Suspect[] }} Signal */
/** @typedef {{ code: string, message: Message, region: Polygon|null }} Retake */
/** @typedef {{ source: string, sha256: string, pdf_page?: number, kind: string, kind_confidence: number,
 *   unreadable: string|null, size: [number, number], page_size: [number, number], upload_to_page: number[],
 *   quality: Record<string, number|null>, retake: Retake[], fields: Record<string, Field>, items: Item[],
 *   lines: { text: string, confidence: number, polygon: Polygon }[], qr: { text: string, polygon: Polygon }[],
 *   findings: Finding[], authenticity: { genuine: number|null, history?: Record<string, any>, signals: Signal[],
 *   heatmap: string|null } }} Doc */
/** @typedef {{ code: string, severity: 'blocking'|'info', message: Message, document?: number, fields: string[],
 *   regions: Polygon[] }} Reason */
/** @typedef {{ id: string, status: string, claim: { id: string }, created_at: string, decided_at?: string,
 *   decision?: 'auto_approve'|'human_review', reasons?: Reason[], documents?: Doc[],
 *   risk?: { probability_wrong_approval: number, limit: number|null, contributions: Record<string, number>[] }|null,
 *   versions?: Record<string, any>, timing_ms?: Record<string, number>, evidence_sha256?: string,
 *   completeness?: { type: string, needs: Need[] } }} Result */
/** @typedef {{ any_of: string[], message: Message, documents: number[], met: boolean }} Need */
/** @typedef {{ id: string, insured?: { name: string, id_number?: string },
 *   policy?: { number: string, from?: string, to?: string }, amount?: string, currency?: string, type?: string }} Claim */
/** @typedef {'open'|'held'|'second'|'waiting'|'closed'} CaseState */
/** @typedef {{ document: number, field: string, from?: string|null, to: string }} Corrected */
/** @typedef {{ n: number, at: string, by: string|null, kind: string, verdict?: string|null, note?: string|null,
 *   reason?: string|null, corrections?: Corrected[], entry?: number|null }} Step */
/** @typedef {{ id: string, state: CaseState, opened_at: string, due_at: string, paused: boolean, holder: string|null,
 *   held_until: string|null, reasons: string[], kind: string, amount: string|null, currency: string|null,
 *   languages: string[], documents: number, wrong_approval_ppm: number|null, second?: boolean, appeal: boolean, escalated: boolean,
 * external_id: string|null, nudged_at: string|null, tasks: Task[],
 *   verdict: string|null, steps: number, submitted_at: string }} Summary */
/** @typedef {Summary & { result: Result, claim?: Claim, timeline: Step[], may: string[],
 *   may_not?: Record<string, string>, reading?: boolean,   needs_second_above: string, undo_until: string|null }} Case
 * */
/** @typedef {{ kind: string, state: 'open'|'paused'|'overdue'|'done', since: string, due_at: string|null,
 *   late: boolean, who: string|null, done_at: string|null, by_hand: boolean }} Task */
/** @typedef {Task & { case: string, external_id: string|null, case_state: CaseState, escalated: boolean,
 *   nudged_at: string|null }} CaseTask */
/** @typedef {{ cases: Summary[], next: string|null, counts: Record<string, number>,
 *   skill: import('./skills.js').Skill|null }} QueuePage */

export {};
