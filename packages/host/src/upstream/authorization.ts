import { HostError } from "../errors.ts";
import type { Credentials, CredentialsRequest } from "../exchange/upstream-facts.ts";
import { isHeaderName, isHeaderValue } from "../wire/headers.ts";
import { isObject } from "../wire/message.ts";
import { refusal } from "./http-failure.ts";

/** What the `credentials` hook begins with. */
export const NO_CREDENTIALS: Credentials = Object.freeze({ headers: Object.freeze({}), env: Object.freeze({}) });

/** What the wire itself sets. */
const RESERVED =
  /^(host|connection|content-length|content-type|transfer-encoding|upgrade|accept|accept-encoding|mcp-session-id|mcp-protocol-version|last-event-id|sec-websocket-[a-z]+)$/i;

type Ask = (request: Pick<CredentialsRequest, "reason" | "challenge" | "last">) => Promise<Credentials>;

/** The credentials that plugins give one connection, as long as they are good. */
export class Authorization {
  /** Counts up with every set of credentials. */
  version = 0;
  readonly #upstream: string;
  readonly #ask: Ask;
  #given: Credentials = NO_CREDENTIALS;
  #asking: Promise<void> | undefined;

  constructor(upstream: string, ask: Ask) {
    this.#upstream = upstream;
    this.#ask = ask;
  }

  /** Whether they must be renewed before use. */
  get isExpired(): boolean {
    return this.#given.expires !== undefined && Date.now() >= this.#given.expires;
  }

  get env(): Readonly<Record<string, string>> {
    return this.#given.env;
  }

  /** The config's headers with the given ones in the place of those of the same name. */
  over(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const given = new Set(Object.keys(this.#given.headers).map((name) => name.toLowerCase()));
    const others = Object.entries(headers).filter(([name]) => !given.has(name.toLowerCase()));
    return { ...Object.fromEntries(others), ...this.#given.headers };
  }

  /**
   * Asks for credentials; who asks meanwhile waits for the same ones.
   * @param seen the version that was no good; where there is a newer one already, that one is good enough
   * @param challenge what the server said of it
   * @throws HostError that says why there are none
   */
  renew(reason: CredentialsRequest["reason"], seen = this.version, challenge?: string): Promise<void> {
    if (seen !== this.version) return Promise.resolve();
    this.#asking ??= this.#renew(reason, challenge).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #renew(reason: CredentialsRequest["reason"], challenge: string | undefined): Promise<void> {
    const given = await this.#ask({ reason, challenge, last: this.version === 0 ? undefined : this.#given });
    const wrong = problemOf(given);
    if (wrong !== undefined) {
      const message = `upstream "${this.#upstream}" is not used, since a plugin gave it credentials that ${wrong}`;
      throw new HostError("plugin_failure", message, { upstream: this.#upstream });
    }
    // The same ones again would be refused again.
    const status = reason === "refused" ? 401 : reason === "insufficient" ? 403 : undefined;
    if (status !== undefined && JSON.stringify(given.headers) === JSON.stringify(this.#given.headers))
      throw refusal(this.#upstream, status, {});
    this.#given = given;
    this.version++;
  }
}

/** What is wrong with credentials, without their values. */
function problemOf({ headers, env, expires }: Partial<Credentials>): string | undefined {
  if (!isObject(headers) || !isObject(env)) return "are none: headers and env are missing";
  for (const [name, value] of Object.entries(headers)) {
    if (!isHeaderName(name) || RESERVED.test(name)) return `hold the header "${name.slice(0, 64)}", which they may not`;
    if (typeof value !== "string" || !isHeaderValue(value)) return `hold the header "${name}" with a value that no header may have`;
  }
  for (const [name, value] of Object.entries(env))
    if (!/^[A-Za-z_]\w*$/.test(name) || typeof value !== "string" || value.includes("\0"))
      return `hold a variable that no process may have`;
  if (expires !== undefined && !Number.isFinite(expires)) return "expire at no point of time";
  return undefined;
}
