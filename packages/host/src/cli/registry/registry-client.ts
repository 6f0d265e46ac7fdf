import { briefText } from "../../redact.ts";
import { isObject } from "../../wire/message.ts";
import { ask, bounded, reasonOf, TooLong } from "./bounded-fetch.ts";
import type { RegistryName } from "./registry-name.ts";
import type { RegistryChoice } from "./registry-options.ts";

/** Bytes of one answer: a page of a hundred entries has some hundred thousand. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Entries of one page; the registry gives no more. */
const PAGE = 100;
/** UTF-16 units of a cursor that is sent back, and of what is told of an answer. */
const LONGEST_CURSOR = 4_096;
const LONGEST_WORDS = 300;

/** A page of a registry's list, its entries as they came. */
export interface Page {
  readonly entries: readonly unknown[];
  /** What the next page is asked for by; undefined after the last. */
  readonly next: string | undefined;
}

/** What a registry is asked for; its answers are from outside and bounded, and nothing of them is believed here. */
export class RegistryClient {
  readonly #choice: RegistryChoice;

  constructor(choice: RegistryChoice) {
    this.#choice = choice;
  }

  get base(): string {
    return this.#choice.base;
  }

  /** The newest version of each server whose name holds the text. @param wanted how many entries are of use */
  async list(search: string, cursor: string | undefined, wanted: number): Promise<Page> {
    const query = new URLSearchParams({ search, version: "latest", limit: String(Math.min(PAGE, Math.max(1, wanted))) });
    if (cursor !== undefined) query.set("cursor", cursor);
    const { status, value, words } = await this.#get(`servers?${query}`);
    if (status !== 200) throw this.#refused(status, words);
    const { servers, metadata } = isObject(value) ? value : {};
    if (!Array.isArray(servers)) throw this.#noRegistry("it has no list of servers");
    const next = isObject(metadata) ? metadata.nextCursor : undefined;
    if (typeof next !== "string" || next === "" || next === cursor) return { entries: servers, next: undefined };
    if (next.length > LONGEST_CURSOR) throw this.#noRegistry(`its cursor has ${next.length} characters`);
    return { entries: servers, next };
  }

  /** One entry as it came. @throws Error that says which there are, where it has no such server or version */
  async entry({ name, version }: RegistryName): Promise<unknown> {
    const path = `servers/${encodeURIComponent(name)}/versions`;
    const { status, value, words } = await this.#get(`${path}/${encodeURIComponent(version ?? "latest")}`);
    if (status === 200) return value;
    if (status !== 404) throw this.#refused(status, words);
    const there = version === undefined ? [] : await this.#versions(path);
    const [, last = name] = name.split("/");
    throw new Error(
      there.length > 0
        ? `the registry ${this.base} has no version ${version} of ${name}; it has ${briefText(there.join(", "), LONGEST_WORDS)}`
        : `the registry ${this.base} has no server ${name}; \`mcp-host search ${last}\` tells which it has`,
    );
  }

  async #versions(path: string): Promise<string[]> {
    const { status, value } = await this.#get(path);
    const servers = status === 200 && isObject(value) && Array.isArray(value.servers) ? value.servers : [];
    return servers.flatMap((entry: unknown) => {
      const server = isObject(entry) ? entry.server : undefined;
      return isObject(server) && typeof server.version === "string" ? [server.version] : [];
    });
  }

  /** @throws Error in words for the operator where there is no answer, or none in JSON */
  async #get(path: string): Promise<{ status: number; value: unknown; words: string }> {
    const { base, timeout } = this.#choice;
    const signal = AbortSignal.timeout(timeout);
    let response: Response;
    const chunks: Uint8Array[] = [];
    try {
      response = await ask(`${base}/v0.1/${path}`, "application/json", signal);
      for await (const chunk of bounded(response, MOST_BYTES)) chunks.push(chunk);
    } catch (error) {
      if (error instanceof TooLong) throw this.#noRegistry(`the answer has more than ${MOST_BYTES} bytes`);
      if (signal.aborted)
        throw new Error(`the registry ${base} did not answer within ${timeout} ms; try again, or give it more with --timeout`);
      throw new Error(
        `the registry ${base} cannot be reached: ${briefText(reasonOf(error), LONGEST_WORDS)}; check the network and HTTPS_PROXY, or name another with --registry`,
      );
    }
    const { status, headers } = response;
    if (status >= 300 && status < 400)
      throw this.#noRegistry(`it redirects to ${briefText(headers.get("location") ?? "nowhere", LONGEST_WORDS)}`);
    const text = Buffer.concat(chunks).toString("utf8");
    try {
      // Some registries write null for what is not there.
      const value: unknown = JSON.parse(text, (_key, each: unknown) => (each === null ? undefined : each));
      return { status, value, words: wordsOf(value) };
    } catch {
      if (status !== 200) return { status, value: undefined, words: "" };
      throw this.#noRegistry(`the answer is no JSON (${briefText(headers.get("content-type") ?? "without a type", LONGEST_WORDS)})`);
    }
  }

  #refused(status: number, words: string): Error {
    const said = words === "" ? "" : `: ${words}`;
    const remedy = status === 429 || status >= 500 ? "try again later" : "check the address that --registry or MCP_HOST_REGISTRY names";
    return new Error(`the registry ${this.base} answers ${status}${said}; ${remedy}`);
  }

  #noRegistry(why: string): Error {
    return new Error(
      `${this.base} does not answer as an MCP registry: ${why}; check the address that --registry or MCP_HOST_REGISTRY names`,
    );
  }
}

/** What a refusal says of itself, in either of the forms that registries have. */
function wordsOf(value: unknown): string {
  if (!isObject(value)) return "";
  const said = [value.detail, value.error, value.title].find((text) => typeof text === "string" && text !== "");
  return typeof said === "string" ? briefText(said, LONGEST_WORDS) : "";
}
