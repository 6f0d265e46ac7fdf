import { type Counter, isSafeUrl, type PluginClock, registerSecret } from "mcp-host";
import type { DeviceAuthorizationResponse } from "oauth4webapi";
import { clientFor, noteRefusal } from "./clients.ts";
import { discover } from "./discovery.ts";
import { shown } from "./egress.ts";
import { problemOf, SignInProblem } from "./problem.ts";
import type { FirstGrant, Grant } from "./records.ts";
import { type Begin, documentOf, firstOf, type SignInOptions, scopeOf } from "./sign-in.ts";

/** Milliseconds between two questions where the server does not say (RFC 8628 section 3.2), what is added where it wants fewer (3.5), and the bounds of it. */
const PAUSE = 5_000;
const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/** Milliseconds that a code is waited for, whatever the server says. */
const LONGEST = 1_800_000;
/** What people are to read and type: nothing that a terminal would take for more. */
const TYPED = /^[\x21-\x7e]{1,64}(?: [\x21-\x7e]{1,64}){0,3}$/;

export interface DeviceOptions extends Pick<SignInOptions, "options" | "store" | "egress" | "tokens" | "grants" | "now"> {
  readonly clock: PluginClock;
  readonly outcomes: Counter;
}

/** What a person is told, who enters a code on whatever device has a browser. */
export interface DeviceCode {
  readonly verificationUri: string;
  /** The same, with the code in it already. */
  readonly verificationUriComplete?: string;
  readonly userCode: string;
  /** Milliseconds for which it is good. */
  readonly expiresIn: number;
  readonly issuer: string;
}

/** Sign-ins by a code that is entered on another device, for machines without a browser (RFC 8628). */
export class Devices {
  readonly #options: DeviceOptions;

  constructor(options: DeviceOptions) {
    this.#options = options;
  }

  /** @returns what to tell the person, and what then waits until the code has been entered @throws SignInProblem */
  async begin(
    begin: Omit<Begin, "by" | "redirectUri" | "browser">,
  ): Promise<{ told: DeviceCode; finish(signal: AbortSignal): Promise<Grant> }> {
    const { options: all, store, egress, tokens, grants, now, clock } = this.#options;
    const { server, url, options, challenge } = begin;
    const grant = await grants.get(begin);
    const found = await discover({ url, options, challenge, byCode: true, ...(grant && { known: [grant.issuer] }) }, egress);
    const { as } = found;
    const scope = scopeOf(found, begin);
    const registering = {
      as,
      url,
      redirectUri: undefined,
      scope,
      options,
      clientName: all.clientName,
      clientMetadataUrl: documentOf(options, all),
    };
    const ask = async (): Promise<{ first: FirstGrant; given: DeviceAuthorizationResponse }> => {
      const first = firstOf({ url, as, client: await clientFor(registering, store(), egress, now), resource: found.resource, scope });
      try {
        return { first, given: await tokens.deviceCode(as, first, options) };
      } catch (error) {
        // Once: it is none of a document's then.
        if (await noteRefusal(first.client, problemOf(error).code, store())) return ask();
        throw error;
      }
    };
    const { first, given } = await ask();
    const { device_code: deviceCode, user_code: userCode, verification_uri: page, verification_uri_complete: complete } = given;
    registerSecret(deviceCode);
    if (!isSafeUrl(page) || !TYPED.test(userCode))
      throw new SignInProblem("invalid-answer", `${shown(as.issuer)} gives a code, or a page to enter it on, that nobody can be shown`);
    const expiresIn = Math.min(given.expires_in * 1_000, LONGEST);
    const until = clock.monotonic() + expiresIn;
    const pause = Math.min(Math.max((given.interval ?? PAUSE / 1_000) * 1_000, SHORTEST_PAUSE), LONGEST_PAUSE);
    return {
      told: {
        verificationUri: new URL(page).href, // with every character escaped that is more than itself anywhere
        ...(complete !== undefined && isSafeUrl(complete) && { verificationUriComplete: new URL(complete).href }),
        userCode,
        expiresIn,
        issuer: as.issuer,
      },
      finish: async (signal) => {
        try {
          const answer = await this.#poll(() => tokens.byDeviceCode(first, deviceCode, options), { until, pause, signal });
          const kept = await grants.keep(begin, first, answer);
          this.#options.outcomes.add(1, server, "ok");
          return kept;
        } catch (error) {
          const problem = problemOf(error);
          this.#options.outcomes.add(1, server, problem.kind === "refused" ? "refused" : "failed");
          throw problem;
        }
      },
    };
  }

  /** Asks until there is an answer that is one. @throws SignInProblem */
  async #poll<T>(ask: () => Promise<T>, { until, pause, signal }: { until: number; pause: number; signal: AbortSignal }): Promise<T> {
    const { clock } = this.#options;
    let wait = pause;
    for (;;) {
      await clock.sleep(Math.min(wait, Math.max(until - clock.monotonic(), 0)), signal);
      if (signal.aborted) throw new SignInProblem("callback", "the sign-in was given up");
      if (clock.monotonic() >= until) throw late();
      try {
        return await ask();
      } catch (error) {
        const { code, isPassing, retryAfter } = problemOf(error);
        if (code === "authorization_pending") continue;
        if (code === "expired_token") throw late();
        if (code === "access_denied") throw new SignInProblem("refused", "the sign-in was refused", { code });
        if (code === "slow_down") wait = Math.min(wait + PAUSE, LONGEST_PAUSE);
        // Section 3.5: what did not answer is asked more and more seldom.
        else if (isPassing) wait = Math.min(Math.max(wait * 2, retryAfter ?? 0), LONGEST_PAUSE);
        else throw error;
      }
    }
  }
}

function late(): SignInProblem {
  return new SignInProblem("expired", "nobody entered the code in time; begin again");
}
