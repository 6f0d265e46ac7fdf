const ESCAPE = /\\(?:u([0-9A-Fa-f]{4})|([\s\S]))/g;
const ONE_ESCAPE = /\\(?:u[0-9A-Fa-f]{4}|[\s\S])/y;
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

/** What an escaped text says. */
export function unescaped(raw: string, escapes: number): string {
  let text = raw;
  for (let level = 0; level < escapes && text.includes("\\"); level++)
    text = text.replace(ESCAPE, (_, hex: string | undefined, sign: string) =>
      hex === undefined ? (CONTROLS[sign] ?? sign) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return text;
}

/** How many units of an escaped text say so many units of what it says. */
export function written(raw: string, units: number, escapes: number): number {
  if (escapes === 0 || !raw.includes("\\")) return units;
  const once = written(unescaped(raw, 1), units, escapes - 1);
  let at = 0;
  for (let seen = 0; seen < once; seen++) {
    ONE_ESCAPE.lastIndex = at;
    at += raw[at] === "\\" ? (ONE_ESCAPE.exec(raw)?.[0].length ?? 1) : 1;
  }
  return at;
}

/** How many units two texts have in common at their beginning, and behind that at their end; never half a character. */
export function common(one: string, other: string): [head: number, tail: number] {
  const most = Math.min(one.length, other.length);
  let head = 0;
  while (head < most && one[head] === other[head]) head++;
  if (head > 0 && isSurrogate(one.charCodeAt(head - 1), 0xd800)) head--;
  let tail = 0;
  while (tail < most - head && one[one.length - 1 - tail] === other[other.length - 1 - tail]) tail++;
  if (tail > 0 && isSurrogate(one.charCodeAt(one.length - tail), 0xdc00)) tail--;
  return [head, tail];
}

/** Whether it is the first half of a character (from 0xd800 on), or the second (from 0xdc00 on). */
function isSurrogate(code: number, from: 0xd800 | 0xdc00): boolean {
  return code >= from && code < from + 0x400;
}
