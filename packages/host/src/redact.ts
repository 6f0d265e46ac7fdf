/**
 * The one place where secrets are taken out of what the host writes about itself (logs, `status`): by the name of a
 * field, by value (every secret that the config brought in), and by shape. Peers choose much of that text, so all of it is
 * linear in time, and what a log line gets is cut besides.
 */
export const REDACTED = "[redacted]";

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
  /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/g, // Slack
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\bBearer\s+[\w.~+/-]{8,}=*/gi,
];

/** What the shapes of one run of {@link TOKEN} begin with. */
const BEGINNINGS = ["eyJ", "AKIA", "gh[pousr]_", "github_pat_", "sk-", "xox[abprs]-"];
// linear: a choice of fixed beginnings
let beginning = new RegExp(`\\b(?:${BEGINNINGS.join("|")})`);
const HALF_BEARER = /\bBearer\s+[\w.~+/-]{0,7}$/i;
const TOKEN = /^[\w.~+/=-]$/;
/** The rest of a token, perhaps after that of the word "Bearer", or of the lines of a private key. */
const REST_OF_TOKEN = /^(?:(?:r|er|rer|arer|earer)?\s{1,64}[\w.~+/-]{8,}=*|[\w.~+/=-]*)(?:\r?\n[\w+/=-]{40,})*/i;
const END_OF_KEY = /-----END [A-Z ]*PRIVATE KEY-----/;

/** UTF-16 units of the shortest secret: a shorter value would hit harmless text. */
const SHORTEST = 6;

/** Secrets by the six units that they begin with, or end with. */
class Anchors {
  readonly #secrets = new Map<string, string[]>();
  /** How many there are by a hash of their last two units: most places of a text have none, and cost no more than this look. */
  readonly #counts = new Uint32Array(4_096);

  add(anchor: string, secret: string): void {
    this.#counts[slotOf(anchor, 0)]!++;
    const known = this.#secrets.get(anchor);
    if (known) known.push(secret);
    else this.#secrets.set(anchor, [secret]);
  }

  remove(anchor: string, secret: string): void {
    this.#counts[slotOf(anchor, 0)]!--;
    const left = this.#secrets.get(anchor)?.filter((each) => each !== secret) ?? [];
    if (left.length > 0) this.#secrets.set(anchor, left);
    else this.#secrets.delete(anchor);
  }

  /** The secrets whose six units stand at a place. */
  at(text: string, place: number): readonly string[] | undefined {
    return this.#counts[slotOf(text, place)] === 0 ? undefined : this.#secrets.get(text.slice(place, place + SHORTEST));
  }
}

function slotOf(text: string, place: number): number {
  return (text.charCodeAt(place + SHORTEST - 2) * 31 + text.charCodeAt(place + SHORTEST - 1)) & 4_095;
}

/**
 * Texts that are to be found in others. However many there are, a search looks once at each place of a text: one regular
 * expression of them all would try each secret at each place, and could not be compiled for a thousand tokens.
 */
class KnownSecrets {
  /** How often each was added. */
  readonly #times = new Map<string, number>();
  readonly #byStart = new Anchors();
  readonly #byEnd = new Anchors();

  /** @returns whether it is long enough to be looked for */
  add(secret: string): boolean {
    if (secret.length < SHORTEST) return false;
    const times = this.#times.get(secret) ?? 0;
    this.#times.set(secret, times + 1);
    if (times > 0) return true;
    this.#byStart.add(secret.slice(0, SHORTEST), secret);
    this.#byEnd.add(secret.slice(-SHORTEST), secret);
    return true;
  }

  /** Takes back one {@link add}. */
  remove(secret: string): void {
    const times = this.#times.get(secret) ?? 0;
    if (times > 1) this.#times.set(secret, times - 1);
    else if (this.#times.delete(secret)) {
      this.#byStart.remove(secret.slice(0, SHORTEST), secret);
      this.#byEnd.remove(secret.slice(-SHORTEST), secret);
    }
  }

  /**
   * The text with something else in the place of each secret; those that overlap are one.
   * @param cut where the text was cut: what may be half a secret there goes, too
   */
  replace(text: string, replacement: string, cut?: "start" | "end"): string {
    if (this.#times.size === 0) return text;
    const parts: Part[] = [];
    let begin = 0;
    let end = text.length;
    if (cut === "start") {
      const half = this.#endedAtStart(text);
      if (half > 0) join(parts, 0, half);
    }
    for (let to = SHORTEST; to <= text.length; to++) {
      const lengths = this.#byEnd.at(text, to - SHORTEST)?.flatMap((secret) => (text.endsWith(secret, to) ? secret.length : []));
      if (lengths?.length) join(parts, to - Math.max(...lengths), to);
    }
    if (cut === "end") {
      const half = this.#begunAtEnd(text);
      if (half > 0) join(parts, end - half, end);
    }
    // A shorter half cannot be looked up, and is missed by nobody in what is cut anyway.
    if (cut === "start") begin = Math.min(SHORTEST - 1, parts[0]?.from ?? end);
    if (cut === "end") end = Math.max(end - SHORTEST + 1, parts.at(-1)?.to ?? 0);
    let clean = "";
    for (const { from, to } of parts) {
      clean += text.slice(begin, from) + replacement;
      begin = to;
    }
    return clean + text.slice(begin, end);
  }

  /** How many units at the end of a text are the beginning of a secret. */
  #begunAtEnd(text: string): number {
    const { length } = text;
    for (let from = 0; from <= length - SHORTEST; from++)
      if (this.#byStart.at(text, from)?.some((secret) => secret.length > length - from && secret.startsWith(text.slice(from))))
        return length - from;
    return 0;
  }

  /** How many units at the beginning of a text are the end of a secret. */
  #endedAtStart(text: string): number {
    for (let to = text.length; to >= SHORTEST; to--)
      if (this.#byEnd.at(text, to - SHORTEST)?.some((secret) => secret.length > to && secret.endsWith(text.slice(0, to)))) return to;
    return 0;
  }
}

interface Part {
  readonly from: number;
  readonly to: number;
}

/** Adds a part that ends last, as one with those that it overlaps. */
function join(parts: Part[], from: number, to: number): void {
  let first = from;
  for (let last = parts.at(-1); last && last.to > from; last = parts.at(-1)) {
    first = Math.min(first, last.from);
    parts.pop();
  }
  parts.push({ from: first, to });
}

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
  // A text that is JSON has quotes, backslashes and line breaks of it in another form, and JSON in it in another again.
  const quoted = inJson(value);
  if (quoted !== value) others.push(quoted, inJson(quoted));
  for (const form of others) known.add(form);
  let isKept = true;
  return () => {
    if (isKept) for (const form of [value, ...others]) known.remove(form);
    isKept = false;
  };
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/**
 * Makes a form of secrets known, such as of the keys that a plugin gives out: what has it is taken out of logs and status,
 * whether anybody registered that very secret or not. Once for a form; it stays as long as the process.
 * @param start what every secret of that form starts with, at least three of A-Z a-z 0-9 _ -
 * @param pattern with the flag `g`; it is tried on texts that peers choose, so its time must be linear in their length
 * @throws TypeError for another start or a pattern without `g`
 */
export function registerSecretShape(start: string, pattern: RegExp): void {
  if (!/^[\w-]{3,}$/.test(start))
    throw new TypeError(`a secret's shape starts with at least three of A-Z a-z 0-9 _ -, not ${JSON.stringify(start)}`);
  if (!pattern.global) throw new TypeError(`the pattern of the shape ${start} needs the flag "g"`);
  if (BEGINNINGS.includes(start)) return;
  BEGINNINGS.push(start);
  // linear: as above
  beginning = new RegExp(`\\b(?:${BEGINNINGS.join("|")})`);
  SHAPES.push(pattern);
}

/** Whether a text holds something that has the form of a known kind of key or token. */
export function hasSecretShape(text: string): boolean {
  return withoutShapes(text) !== text;
}

/** The password in an address, such as that of a database. */
const PASSWORD = /(:\/\/[^/@:\s]*:)[^/@:\s]+@/g;

/** A text without secrets, whole. */
export function redactText(text: string): string {
  const clean = withoutShapes(known.replace(text, REDACTED));
  return clean.includes("://") ? clean.replace(PASSWORD, `$1${REDACTED}@`) : clean;
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
  return `${redactHead(text.slice(0, longest))}... (${text.length} characters)`;
}

/** The beginning of a text whose end was cut off, without secrets: what may be the first half of one goes, too. */
export function redactHead(text: string): string {
  const clean = withoutShapes(known.replace(text, REDACTED, "end")).replace(HALF_BEARER, REDACTED);
  let run = clean.length;
  while (run > 0 && TOKEN.test(clean[run - 1] as string)) run--;
  const half = clean.slice(run).search(beginning);
  return half === -1 ? clean : clean.slice(0, run + half);
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

/** A copy of the fields of a log line without secrets: each text is cut as `briefText` does, and so is the line after 16,384 UTF-16 units. */
export function redactLine(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  let left = LONGEST_LINE;
  const text = (whole: string): string => {
    const brief = briefText(whole, Math.max(0, Math.min(LONGEST, left)));
    left -= brief.length;
    return brief;
  };
  return redact(fields, 0, { text, key: text, takes: () => (left -= ITEM) > 0 }) as Record<string, unknown>; // a copy of an object is one
}

/**
 * A message without secrets, whole: for whoever outside is shown one. What holds none is the same object, so that it can be told which
 * parts of a copy are the message's own.
 */
export function redactMessage(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(redactMessage);
    return items.every((item, at) => item === value[at]) ? value : items;
  }
  const fields = Object.entries(value);
  const clean = fields.map(([key, item]): [string, unknown] => {
    const isSecret = isSecretName(key) && item !== null && typeof item !== "boolean";
    return [redactText(key), isSecret ? REDACTED : redactMessage(item)];
  });
  return clean.every(([key, item], at) => key === fields[at]?.[0] && item === fields[at]?.[1]) ? value : Object.fromEntries(clean);
}
