import { isSecretName, redactText } from "../../redact.ts";

/** The texts of a config that are compared. */
export interface Compared {
  readonly before?: string | undefined;
  readonly after: string;
  /** What the one after is, in a word. */
  readonly is: string;
}

/** The changes line by line, without the values of keys that name secrets; "" where there are none. */
export async function difference(path: string, { before = "", after, is }: Compared): Promise<string> {
  if (before === after) return "";
  const { createTwoFilesPatch } = await import("diff");
  const patch = createTwoFilesPatch(path, path, before, after, "now", is);
  return redactText(patch.slice(patch.indexOf("--- ")).replace(PAIR, withoutSecret)).trimEnd();
}

/** A key and its value, as JSON and YAML write them; a value may be quoted, or end where the next begins. */
const PAIR = /(?:"([\w-]{1,128})"|'([\w-]{1,128})'|([\w-]{1,128}))\s{0,64}:\s{0,64}("(?:[^"\\]|\\.)*"|'[^']*'|[^\s{["'][^,}\]\n]*)/g;

function withoutSecret(pair: string, double: string | undefined, single: string | undefined, bare: string, value: string): string {
  const isSecret = isSecretName(double ?? single ?? bare) && !value.includes("${");
  return isSecret ? `${pair.slice(0, -value.length)}[redacted]` : pair;
}
