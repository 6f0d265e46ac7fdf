import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { briefText } from "../../redact.ts";
import { isSafeUrl } from "../../wire/loopback.ts";
import { ask, bounded, reasonOf, TooLong } from "../registry/bounded-fetch.ts";
import { showProgress } from "../terminal/progress.ts";
import { stagingFolder } from "./bundle-folder.ts";
import { LIMITS } from "./bundle-limits.ts";

/** Releases are redirected to where their files are. */
const REDIRECTS = 5;
/** Until the first byte, and between two parts of the file. */
const SILENCE = 30_000;
const LONGEST = 15 * 60_000;

/** A file that is gone at the end. */
export interface Download extends AsyncDisposable {
  readonly path: string;
}

/** Fetches a bundle into a folder of its own, and checks it. @throws Error in words for the operator */
export async function downloadBundle(url: string, sha256: string): Promise<Download> {
  const folder = await stagingFolder();
  const remove = async (): Promise<void> => folder[Symbol.asyncDispose]();
  const path = join(folder.path, "bundle.mcpb");
  try {
    const found = await fetchInto(path, url);
    if (found !== sha256)
      throw new Error(
        `${url} is not the file that the registry names: its SHA-256 is ${found}, and ${sha256} was expected; nothing was added`,
      );
    return { path, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Gives the file's SHA-256. */
async function fetchInto(path: string, url: string): Promise<string> {
  const over = new AbortController();
  const whole = setTimeout(() => over.abort(), LONGEST);
  let silence = setTimeout(() => over.abort(), SILENCE);
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => over.abort(), SILENCE);
  };
  let size = 0;
  const done = showProgress(() => `fetching ${url}: ${Math.round(size / 1024)} kB`);
  const hash = createHash("sha256");
  try {
    const response = await answerOf(url, over.signal);
    await pipeline(
      async function* () {
        for await (const chunk of bounded(response, LIMITS.bundleBytes)) {
          heard();
          size += chunk.byteLength;
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(path, { mode: 0o600 }),
      { signal: over.signal },
    );
    return hash.digest("hex");
  } catch (error) {
    if (error instanceof TooLong) throw new Error(`${url} has more than ${LIMITS.bundleBytes} bytes, and a bundle may have no more`);
    const why = over.signal.aborted ? `it stopped answering for ${SILENCE} ms, or took longer than ${LONGEST} ms` : reasonOf(error);
    throw new Error(`${url} cannot be fetched: ${briefText(why, 300)}`);
  } finally {
    clearTimeout(whole);
    clearTimeout(silence);
    done();
  }
}

async function answerOf(url: string, signal: AbortSignal): Promise<Response> {
  let target = url;
  for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
    const response = await ask(target, "*/*", signal);
    if (response.status === 200) return response;
    await response.body?.cancel();
    const next = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || next === null) throw new Error(`the answer is ${response.status}`);
    if (!URL.canParse(next, target) || !isSafeUrl(new URL(next, target).href))
      throw new Error(`it redirects to ${next}, which is no https:// URL`);
    target = new URL(next, target).href;
  }
  throw new Error(`it redirects more than ${REDIRECTS} times`);
}
