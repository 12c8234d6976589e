// Submits a photo, waits for the decision and prints it with what to tell the claimant.   node submit.mjs URL PHOTO CLAIM_JSON [KEY]
// Node.js 18 or newer, or with the files from a form instead of the disk any browser.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

const [url, photo, claim, key] = process.argv.slice(2);
const authorization = key ? { Authorization: `Bearer ${key}` } : {};
const pause = (seconds) => new Promise((wake) => setTimeout(wake, seconds * 1000));

// The answer's JSON. Tries again where the service says so, or cannot be reached.
async function ask(path, options = {}, tries = 6) {
  let answer;
  try {
    answer = await fetch(url + path, { ...options, headers: { ...authorization, ...options.headers } });
  } catch (error) {
    if (tries === 1) throw error;
    await pause(2 ** (6 - tries));
    return ask(path, options, tries - 1);
  }
  const body = await answer.json();
  if (answer.ok) return body;
  if (![409, 429, 503].includes(answer.status) || tries === 1) throw new Error(`${body.code}: ${body.detail}`);
  await pause(Number(answer.headers.get("retry-after") ?? 1));
  return ask(path, options, tries - 1);
}

const [picture, about] = await Promise.all([readFile(photo), readFile(claim)]);
const form = new FormData();
form.append("claim", new Blob([about], { type: "application/json" }));
form.append("photo", new Blob([picture]), "photo");
// The same key with the same claim and photo never makes a second claim, however often this is run.
const once = createHash("sha256").update(about).update(picture).digest("hex");

let answer = await ask("/v1/claims", {
  method: "POST",
  body: form,
  headers: { "Idempotency-Key": once, Prefer: "wait=10" },
});
while (answer.status === "processing") {
  await pause(1);
  answer = await ask(`/v1/claims/${answer.id}`);
}
console.log(answer.id, answer.decision ?? answer.status);
for (const told of answer.guidance ?? []) console.log(`  ${told.message.en} [${told.code}]`);
