import { KnownSecrets } from "./known-secrets.ts";

/**
 * The one place where secrets are taken out of what the host writes about itself (logs, `status`): by the name of a
 * field, by value (every secret that the config brought in), and by shape. Peers choose much of that text, so all of it is
 * linear in time, and what a log line gets is cut besides.
 */
const REDACTED = "[redacted]";

const SECRET_KEYS =
  /^(authorization|proxy-authorization|cookie|set-cookie|x-api-key)$|token|secret|passw|api[-_]?key|credential|private[-_]?key/i;
/** Keys that match by name but hold no secret. */
const HARMLESS_KEYS = /^(progressToken|tokens|tokenCount|maxTokens)$/;

/** Whether what goes by this name is taken for a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_KEYS.test(name) && !HARMLESS_KEYS.test(name);
}

/** From where a JWT may begin to the end of its first part: also where the other parts are missing, so that no place is looked at twice. */
const JWT = /\beyJ[\w-]{8,}(?:\.[\w-]{8,}\.[\w-]*)?/g;
const SHAPES = [
  /\bAKIA[0-9A-Z]{16}\b/g, // AWS access key id
  /\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}\b/g, // GitHub
  /\bsk-[A-Za-z0-9_-]{20,}\b/g, // OpenAI, Anthropic
  /\bmcph_[\w.-]{44,}[\w-]/g, // keys that clients of the host have: an id, "_" and 43 characters
  /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/g, // Slack
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\bBearer\s+[\w.~+/-]{8,}=*/gi,
];

/** What the shapes of one run of {@link TOKEN} begin with. */
const BEGINNING = /\b(?:eyJ|AKIA|gh[pousr]_|github_pat_|sk-|mcph_|xox[abprs]-)/;
const HALF_BEARER = /\bBearer\s+[\w.~+/-]{0,7}$/i;
const TOKEN = /^[\w.~+/=-]$/;
/** The rest of a token, perhaps after that of the word "Bearer", or of the lines of a private key. */
const REST_OF_TOKEN = /^(?:(?:r|er|rer|arer|earer)?\s{1,64}[\w.~+/-]{8,}=*|[\w.~+/=-]*)(?:\r?\n[\w+/=-]{40,})*/i;
const END_OF_KEY = /-----END [A-Z ]*PRIVATE KEY-----/;

const known = new KnownSecrets();

/**
 * Remembers a secret that was read, in the forms in which it may turn up. Values shorter than six characters would hit harmless text.
 * @returns forgets it again: for secrets that come and go, such as tokens that were replaced
 */
export function registerSecret(value: string): () => void {
  if (!known.add(value)) return () => {};
  // encodeURIComponent throws at a lone surrogate; a buffer replaces it.
  const bytes = Buffer.from(value);
  const others = [encodeURIComponent(bytes.toString()), bytes.toString("base64").replace(/={1,2}$/, "")];
  for (const form of others) known.add(form);
  let isKept = true;
  return () => {
    if (isKept) for (const form of [value, ...others]) known.remove(form);
    isKept = false;
  };
}

/** Whether a text holds something that has the form of a known kind of key or token. */
export function hasSecretShape(text: string): boolean {
  return withoutShapes(text) !== text;
}

/** A text without secrets, whole. */
export function redactText(text: string): string {
  return withoutShapes(known.replace(text, REDACTED));
}

function withoutShapes(text: string): string {
  let clean = text.replace(JWT, (found) => (found.includes(".") ? REDACTED : found));
  for (const shape of SHAPES) clean = clean.replace(shape, REDACTED);
  return clean;
}

/** UTF-16 units of one text in a log line, of what an error says, and of all texts in a line. */
const LONGEST = 4 * 1024;
const LONGEST_REASON = 1_000;
const LONGEST_LINE = 16 * 1024;

/**
 * A text without secrets, cut where it is longer than 4,096 UTF-16 units. It is cut first, so that a peer's long text costs
 * no more than a short one; what may be the first half of a secret at the cut goes, too.
 */
export function briefText(text: string, longest = LONGEST): string {
  if (text.length <= longest) return redactText(text);
  const clean = withoutShapes(known.replace(text.slice(0, longest), REDACTED, "end")).replace(HALF_BEARER, REDACTED);
  let run = clean.length;
  while (run > 0 && TOKEN.test(clean[run - 1] as string)) run--;
  const half = clean.slice(run).search(BEGINNING);
  return `${half === -1 ? clean : clean.slice(0, run + half)}... (${text.length} characters)`;
}

/** What an error says, without secrets and in about 1,000 UTF-16 units: for what is kept and shown of it. */
export function briefReason(error: unknown): string {
  return briefText(error instanceof Error ? error.message : String(error), LONGEST_REASON);
}

/** The end of a text whose beginning was cut off, without secrets: what may be the second half of one goes, too. */
export function redactTail(text: string): string {
  const rest = known.replace(text, REDACTED, "start").replace(REST_OF_TOKEN, "");
  const end = END_OF_KEY.exec(rest);
  const isHalf = end !== null && !rest.slice(0, end.index).includes("-----BEGIN ");
  return withoutShapes(isHalf ? rest.slice(end.index + end[0].length) : rest);
}

/** How the parts of a value are copied. */
interface Copying {
  text(text: string): string;
  key(key: string): string;
  /** Whether one more item or field is copied. */
  takes(): boolean;
}

const WHOLE: Copying = { text: redactText, key: (key) => key, takes: () => true };
/** What a number or a key weighs. */
const ITEM = 8;

/** A copy of `value` without secrets; at most eight levels deep, which is more than the host logs. */
export function redact(value: unknown, depth = 0, copying = WHOLE): unknown {
  if (typeof value === "string") return copying.text(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 8) return "[...]";
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) {
      if (!copying.takes()) return [...items, "[...]"];
      items.push(redact(item, depth + 1, copying));
    }
    return items;
  }
  const fields: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (!copying.takes()) break;
    const isSecret = isSecretName(key) && typeof item !== "boolean";
    fields.push([depth === 0 ? key : copying.key(key), isSecret ? REDACTED : redact(item, depth + 1, copying)]);
  }
  return Object.fromEntries(fields);
}

/** A copy of the fields of a log line without secrets: each text is cut as {@link briefText} does, and so is the line after 16,384 UTF-16 units. */
export function redactLine(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  let left = LONGEST_LINE;
  const text = (whole: string): string => {
    const brief = briefText(whole, Math.max(0, Math.min(LONGEST, left)));
    left -= brief.length;
    return brief;
  };
  return redact(fields, 0, { text, key: text, takes: () => (left -= ITEM) > 0 }) as Record<string, unknown>; // a copy of an object is one
}
