import { writeFileSync } from "node:fs";
import { redact, redactText } from "../../redact.ts";
import { VERSION } from "../../version.ts";
import { isObject } from "../../wire/message.ts";
import { type Asked, PARTS } from "./parts.ts";
import { rememberCredentials, rememberSecrets } from "./secrets.ts";

/** What became of one part. */
export interface Made {
  readonly name: string;
  readonly holds: string;
  readonly bytes: number;
  /** Why it is not there. */
  readonly failed?: string;
}

const SECRETS_DEADLINE = 20_000;
/** What is written is nested as deeply as its parts are. */
const ANY_DEPTH = Number.NEGATIVE_INFINITY;

/**
 * Writes one file of JSON, which only its owner may read: an issue takes it as it is, and an editor shows all of it to whoever looks through it first.
 * A part that fails, or is late, is written down as failed.
 * @throws Error of `fs` where the file is there already or cannot be written
 */
export async function writeBundle(path: string, asked: Asked): Promise<readonly Made[]> {
  rememberCredentials();
  // Nothing that may hold a secret is written unless it is known what must not be.
  const unknown = await within(SECRETS_DEADLINE, () => rememberSecrets(asked.config, asked.options)).then(
    () => undefined,
    (error: unknown) => `it is not known which secrets there are: ${(error as Error).message}`, // `within` throws Errors
  );
  const made: { readonly part: Made; readonly value: unknown }[] = [];
  // One after the other: each loads the config for itself, and what one of them breaks is no other's matter.
  for (const { name, holds, deadline, make, isPlain } of PARTS) {
    const work = (signal: AbortSignal): unknown => {
      if (unknown !== undefined && isPlain !== true) throw new Error(unknown);
      return make(asked, signal);
    };
    const value = await within(deadline, work).then(
      (done) => done,
      (error: unknown) => ({ failed: error instanceof Error ? error.message : String(error) }),
    );
    const clean = withoutSecrets(value);
    const failed = isFailure(clean) ? clean.failed : undefined;
    made.push({
      part: { name, holds, bytes: Buffer.byteLength(JSON.stringify(clean) ?? ""), ...(failed !== undefined && { failed }) },
      value: clean,
    });
  }
  const parts = Object.fromEntries(made.map(({ part, value }) => [part.name, value]));
  const bundle = { form: 1, made: new Date().toISOString(), host: VERSION, ...parts };
  writeFileSync(path, `${JSON.stringify(bundle, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
  return made.map(({ part }) => part);
}

function isFailure(value: unknown): value is { failed: string } {
  return (
    typeof value === "object" && value !== null && "failed" in value && typeof value.failed === "string" && Object.keys(value).length === 1
  );
}

/** @throws Error where the work is late; what it still does matters to nobody */
async function within<T>(deadline: number, work: (signal: AbortSignal) => T | Promise<T>): Promise<Awaited<T>> {
  const end = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${deadline / 1000} s`)), deadline);
  });
  try {
    return await Promise.race([(async () => work(end.signal))(), late]);
  } finally {
    clearTimeout(timer);
    end.abort();
  }
}

/** By the names of fields, by value and by shape, and what stands behind a telling name in a text, such as in what a server wrote. */
function withoutSecrets(value: unknown): unknown {
  return redact(clean(JSON.parse(JSON.stringify(value ?? null))), ANY_DEPTH);
}

function clean(value: unknown): unknown {
  if (typeof value === "string") return withoutNamed(redactText(value));
  if (Array.isArray(value)) return value.map(clean);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [redactText(key), clean(item)]));
}

// linear: each part is bounded
const NAMED =
  /((?:token|secret|passw(?:or)?d|passphrase|api[-_]?key|credential|authorization|cookie)[\w-]{0,32}["']?\s{0,4}(?:=|:)\s{0,4}(?:(?:Bearer|Basic)\s{1,4})?["']?)([^\s"',;&}]{4,4096})/gi;

function withoutNamed(text: string): string {
  return text.replace(NAMED, (whole, name: string, secret: string) =>
    /^(?:\$\{|\[redacted\]|null$|true$|false$)/.test(secret) ? whole : `${name}[redacted]`,
  );
}
