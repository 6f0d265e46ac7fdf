import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { registerSecret } from "mcp-host";

/** How long whoever opened it may change everything. */
export const SETUP_MS = 10 * 60_000;

/** What somebody gets who may set the host up: for once, or for as long as it is open. */
export interface Handed {
  readonly token: string;
  /** Milliseconds of the clock until it is good for nothing. */
  readonly until: number;
}

/**
 * The time in which somebody on this machine may change over the API what starts programs. It opens with a ticket, which is handed out on the
 * control socket and is good for one token; that is good till the end. One at a time: whoever opens it anew ends the one before.
 */
export class Setup {
  readonly #now: () => number;
  #ticket: Buffer | undefined;
  #token: Buffer | undefined;
  #until = 0;

  /** @param now milliseconds of a clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  get isOpen(): boolean {
    return this.#now() < this.#until;
  }

  /** Opens it. */
  open(): Handed {
    this.#until = this.#now() + SETUP_MS;
    this.#token = undefined;
    const token = secret();
    this.#ticket = digest(token);
    return { token, until: this.#until };
  }

  /** Takes a ticket for the token; undefined for anything else. */
  redeem(ticket: string): Handed | undefined {
    if (!this.isOpen || !this.#ticket || !timingSafeEqual(this.#ticket, digest(ticket))) return undefined;
    this.#ticket = undefined;
    const token = secret();
    this.#token = digest(token);
    return { token, until: this.#until };
  }

  /** Whether this is the token. */
  has(token: string): boolean {
    return this.isOpen && this.#token !== undefined && timingSafeEqual(this.#token, digest(token));
  }
}

function secret(): string {
  const token = randomBytes(32).toString("base64url");
  registerSecret(token);
  return token;
}

/** Of one length whatever was given, so that a comparison takes one time. */
export function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
