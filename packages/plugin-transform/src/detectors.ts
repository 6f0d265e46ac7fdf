import { defineService } from "mcp-host";

/** Finds one kind of secret or personal data in text. */
export interface Detector {
  /** What it looks like; the flags `g` and `u` (or `v`) are demanded. It must take time linear in the text. */
  readonly pattern: RegExp;
  /** Every match contains this text, or one of these; where it is missing the pattern is not tried. */
  readonly hint?: string | readonly string[];
  /** How much of a match is one, in UTF-16 units from its beginning, such as by its checksum; 0 for none. Below 0: none begins in so many units. Default: all of it. */
  readonly check?: (match: string) => number;
}

/** Where other plugins add detectors: `host.find(DETECTORS)?.add("ticket", { pattern: /\bT-\d{6}\b/gu })`, in `apply`, after this plugin in the config. */
export interface DetectorRegistry {
  /** @throws Error if the name is taken or the pattern lacks its flags */
  add(name: string, detector: Detector): void;
}

/** The service under which the registry is provided. */
export const DETECTORS = defineService<DetectorRegistry>("transform.detectors");

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** Digits of a run that are looked at in one go; of longer runs the rest is the next candidate. */
const WINDOW = 64;
// Filled anew for each candidate: lists of their own would take most of the time.
const digits = new Uint8Array(WINDOW);
const ends = new Uint32Array(WINDOW);
/** Luhn's sums from the beginning: with the digits of even places doubled, and with those of odd places. */
const sums = [new Uint32Array(WINDOW + 1), new Uint32Array(WINDOW + 1)] as const;
/** Digits from a card's first on that are looked at to judge it. */
const AHEAD = 23;

/** Whether the digits of a part are all the same one. */
function isSame(first: number, end: number): boolean {
  for (let at = first + 1; at < end; at++) if (digits[at] !== digits[first]) return false;
  return true;
}

/**
 * Card numbers have 13 to 19 digits; what follows them (an expiry date) may look like more. All places of a run are tried
 * at once: Luhn's sums of every part of it are differences of the sums from its beginning.
 */
function card(text: string): number {
  const [even, odd] = sums;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (!isDigit(code)) continue;
    const digit = code - 48;
    const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
    digits[count] = digit;
    ends[count] = at + 1;
    const isEven = count % 2 === 0;
    even[count + 1] = (even[count] as number) + (isEven ? doubled : digit);
    odd[++count] = (odd[count - 1] as number) + (isEven ? digit : doubled);
  }
  const isWhole = count < WINDOW;
  const lasts = isWhole ? count - 13 : count - AHEAD - 1;
  for (let first = 0; first <= lasts; first++) {
    const start = (ends[first] as number) - 1;
    const digit = digits[first] as number;
    // Within a run they begin after a space, as the pattern says of the first.
    if (first > 0 && (digit < 2 || digit > 6 || text.charCodeAt(start - 1) !== 32)) continue;
    for (let length = Math.min(19, count - first); length >= 13; length--) {
      const next = first + length;
      if (next < count && ends[next] === (ends[next - 1] as number) + 1) continue; // in the middle of digits
      const sum = next % 2 === 0 ? even : odd;
      if (((sum[next] as number) - (sum[first] as number)) % 10 !== 0) continue;
      if (isSame(first, Math.min(first + AHEAD, count))) break;
      return first === 0 ? (ends[next - 1] as number) : -start;
    }
  }
  return isWhole ? -text.length : 1 - (ends[lasts + 1] as number);
}

/** How long the IBANs of each country are (registry of ISO 13616). */
const IBAN_LENGTHS = new Map(
  Object.entries({
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL SD FK",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK MN",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL SV NI",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
  }).flatMap(([length, countries]) => countries.split(" ").map((country) => [country, Number(length)])),
);

/** The number of an IBAN modulo 97 is 1, read from its fifth character on with the first four at the end. */
function iban(text: string): number {
  const length = IBAN_LENGTHS.get(text.slice(0, 2));
  if (length === undefined) return 0;
  let rest = 0;
  const read = (code: number): void => {
    rest = isDigit(code) ? (rest * 10 + code - 48) % 97 : (rest * 100 + code - 55) % 97;
  };
  let end = 4;
  for (let seen = 4; seen < length; end++) {
    if (end === text.length) return 0;
    const code = text.charCodeAt(end);
    if (code === 32 || code === 45) continue;
    read(code);
    seen++;
  }
  // In the middle of a word it is none.
  if (end < text.length && text.charCodeAt(end) !== 32 && text.charCodeAt(end) !== 45) return 0;
  for (let at = 0; at < 4; at++) read(text.charCodeAt(at));
  return rest === 1 ? end : 0;
}

/** A whole IPv6 address, of which the pattern finds candidates; times such as 12:30:45 and names such as a::b are none. */
function ipv6(text: string): number {
  const [head = "", tail, more] = text.replace(/(?:\d{1,3}\.){3}\d{1,3}$/, "0:0").split("::");
  if (more !== undefined || !/\d/.test(text)) return 0;
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const all = [...groups(head), ...groups(tail ?? "")];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return 0;
  return (tail === undefined ? all.length === 8 : all.length > 0 && all.length < 8) ? text.length : 0;
}

/** North American, or international with its "+"; other runs of digits are too many things to be called a phone number. */
function phone(text: string): number {
  const { length } = text.replace(/\D/g, "");
  return (text.startsWith("+") ? length >= 8 && length <= 15 : length === 10) ? text.length : 0;
}

/**
 * The built-in detectors, in the order in which they are applied: what is longer or surer first. Each is linear in the
 * text: a match cannot begin inside a run that its first part runs over, and what is checked afterwards is short.
 */
export const BUILT_IN: Readonly<Record<string, Detector>> = {
  // Without an end line, everything to the end of the text belongs to it: half a key is a secret too.
  pem: {
    pattern: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,60}-----|$)/gu,
    hint: "PRIVATE KEY",
  },
  // Its first part is looked at once, whether or not the others follow.
  jwt: {
    // linear: it begins where a run begins, and goes over the whole of it
    pattern: /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]{8,}\.[\w-]*)?/gu,
    hint: "eyJ",
    check: (text) => (text.includes(".") ? text.length : -text.length),
  },
  aws: { pattern: /\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b/gu, hint: "A" },
  github: { pattern: /\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_\w{22,255}\b/gu, hint: "_" },
  slack: {
    pattern: /\bxox[abeprs]-[A-Za-z0-9-]{10,250}|\bhttps:\/\/hooks\.slack\.com\/services\/[\w/]{10,100}/gu,
    hint: ["xox", "hooks.slack.com"],
  },
  email: {
    pattern: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,63}(?![\p{L}\p{N}-])/gu,
    hint: "@",
  },
  iban: { pattern: /\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/gu, check: iban },
  card: { pattern: /(?<![\d.-])[2-6](?:[ -]?\d){12,63}/gu, check: card },
  ipv6: {
    pattern: /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4})(?![\w:])/gu,
    hint: ":",
    check: ipv6,
  },
  ipv4: { pattern: /(?<![\w.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w-]|\.\d)/gu, hint: "." },
  phone: {
    pattern:
      /(?<![\p{L}\p{N}.+-])(?:\+\d(?:[ .()/-]{0,2}\d){6,14}|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\p{L}\p{N}-]|\.\d)/gu,
    check: phone,
  },
};

/** What is wrong with a detector that types cannot tell. */
export function detectorProblem(name: string, { pattern }: Detector): string | undefined {
  if (!/^[a-z][a-z0-9_-]{0,31}$/.test(name)) return `the name "${name}" must be 1 to 32 of a-z 0-9 _ -, a letter first`;
  if (!pattern.global || !/[uv]/.test(pattern.flags)) return `the pattern of "${name}" must have the flags "g" and "u" (or "v")`;
  return undefined;
}

/** Whether a text can hold what a detector finds. */
function mayHold(text: string, hint: Detector["hint"]): boolean {
  if (hint === undefined || typeof hint === "string") return hint === undefined || text.includes(hint);
  return hint.some((each) => text.includes(each));
}

/** Text with what a detector finds replaced. */
export function replaceFound(text: string, { pattern, hint, check }: Detector, replacement: () => string): string {
  if (!mayHold(text, hint)) return text;
  if (!check) return text.replace(pattern, replacement);
  let clean = "";
  let done = 0;
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const length = check(found[0]);
    // A candidate that is none may have one inside.
    pattern.lastIndex = found.index + Math.max(1, Math.abs(length));
    if (length <= 0) continue;
    clean += text.slice(done, found.index) + replacement();
    done = found.index + length;
  }
  return done === 0 ? text : clean + text.slice(done);
}
