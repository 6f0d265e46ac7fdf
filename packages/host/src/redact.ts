/**
 * The one place where secrets are taken out of what the host writes about itself (logs, `status`): by the name of a
 * field, by value (every secret that the config brought in), and by shape (R76).
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

const SHAPES = [
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, // JWT
  /\bAKIA[0-9A-Z]{16}\b/g, // AWS access key id
  /\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}\b/g, // GitHub
  /\bsk-[A-Za-z0-9_-]{20,}\b/g, // OpenAI, Anthropic
  /\bmcph_[\w.-]{1,64}_[\w-]{43}/g, // keys that clients of the host have
  /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/g, // Slack
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\bBearer\s+[\w.~+/-]{8,}=*/gi,
];

const MIN_SECRET = 6;
/** Forms of registered secrets, and how often each was registered. */
const values = new Map<string, number>();
let valuesPattern: RegExp | undefined;

/**
 * Remembers a secret that was read, in the forms in which it may turn up. Values shorter than six characters would hit harmless text.
 * @returns forgets it again: for secrets that come and go, such as tokens that were replaced
 */
export function registerSecret(value: string): () => void {
  if (value.length < MIN_SECRET) return () => {};
  // encodeURIComponent throws at a lone surrogate; a buffer replaces it.
  const bytes = Buffer.from(value);
  const forms = new Set([value, encodeURIComponent(bytes.toString()), bytes.toString("base64").replace(/=+$/, "")]);
  count(forms, 1);
  let isKept = true;
  return () => {
    if (isKept) count(forms, -1);
    isKept = false;
  };
}

function count(forms: Iterable<string>, by: 1 | -1): void {
  const before = values.size;
  for (const form of forms) {
    const times = (values.get(form) ?? 0) + by;
    if (times === 0) values.delete(form);
    else values.set(form, times);
  }
  if (values.size === before) return;
  const escaped = [...values.keys()].sort((a, b) => b.length - a.length).map((form) => form.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  valuesPattern = escaped.length === 0 ? undefined : new RegExp(escaped.join("|"), "g");
}

/** Whether a text holds something that has the form of a known kind of key or token. */
export function hasSecretShape(text: string): boolean {
  return SHAPES.some((shape) => text.search(shape) !== -1);
}

export function redactText(text: string): string {
  let clean = valuesPattern ? text.replace(valuesPattern, REDACTED) : text;
  for (const shape of SHAPES) clean = clean.replace(shape, REDACTED);
  return clean;
}

/** A copy of `value` without secrets; at most eight levels deep, which is more than the host logs. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 8) return "[...]";
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isSecretName(key) && typeof item !== "boolean" ? REDACTED : redact(item, depth + 1)]),
  );
}
