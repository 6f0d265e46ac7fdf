import { randomUUID } from "node:crypto";
import type { PluginClock, PluginHost } from "mcp-host";
import { nearest } from "mcp-host";
import type { Changes } from "./changes.ts";
import { WRONG_REDIRECT } from "./clients.ts";
import type { DeviceCode, Devices } from "./device.ts";
import type { Egress } from "./egress.ts";
import type { Grants, Owner } from "./grants.ts";
import { type Loopback, listenFor } from "./loopback.ts";
import type { CallbackOptions, Options } from "./options.ts";
import { type Page, page } from "./pages.ts";
import { problemOf, SignInProblem } from "./problem.ts";
import { PATIENCE, whoOf } from "./records.ts";
import { ownerOf, type Target } from "./servers.ts";
import type { Begin, SignIns } from "./sign-in.ts";
import type { Standings } from "./standing.ts";
import type { Tokens } from "./tokens.ts";
import { unregister } from "./unregister.ts";

/** Sign-ins that operators may have under way at once. */
const AT_ONCE = 20;
/** How long the answer to one question waits for something to tell. */
const LONG = 20_000;
/** How long a server may take to say that it wants a sign-in. */
const PROVOKED = 10_000;

interface UnderWay {
  readonly target: Target;
  /** Where its browser comes back to; undefined where a code is entered on another device. */
  readonly loopback: Loopback | undefined;
  readonly over: AbortController;
  outcome: { readonly ok: boolean; readonly message: string } | undefined;
}

export interface DeskOptions {
  readonly options: Options;
  readonly targets: ReadonlyMap<string, Target>;
  readonly signIns: SignIns;
  readonly devices: Devices;
  readonly standings: Standings;
  readonly grants: Grants;
  readonly tokens: Tokens;
  readonly egress: Egress;
  readonly changes: Changes;
  readonly clock: PluginClock;
  readonly renew: PluginHost["renew"];
  readonly log: PluginHost["log"];
}

/** What operators can do: sign the host in, and out. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #underWay = new Map<string, UnderWay>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Begins the sign-in of the host at a server, in a browser. @throws Error that says what is in the way */
  async begin(key: string): Promise<{ id: string; url: string; redirectUri: string; issuer: string; takesCodes: boolean }> {
    const { options: all, clock } = this.#options;
    const { target, wanted } = await this.#opening(key);
    const id = randomUUID();
    const place = target.options.callback ?? all.callback;
    const { loopback, url, issuer, takesCodes } = await this.#away(id, target, wanted, place).catch((error: unknown) => {
      // RFC 8252 section 8.3 would have 127.0.0.1, and some register `localhost` only.
      if (target.options.clientId !== undefined || problemOf(error).code !== WRONG_REDIRECT) throw error;
      return this.#away(id, target, wanted, { ...place, host: otherHost(place) }).catch(() => {
        throw error; // the first says what is configured
      });
    });
    const { redirectUri } = loopback;
    this.#underWay.set(id, { target, loopback, over: new AbortController(), outcome: undefined });
    const late = `nobody finished the sign-in within ten minutes; begin again. If its page said that the redirect address is wrong: it was ${redirectUri}, and \`callback\` in the plugin's options can make it another, such as one with "host": "${otherHost(place)}"`;
    clock.setTimeout(() => this.#end(id, { ok: false, message: late }), PATIENCE);
    return { id, url, redirectUri, issuer, takesCodes };
  }

  /** Where a browser is sent to sign in, and what it comes back to. @throws SignInProblem */
  async #away(
    id: string,
    target: Target,
    wanted: Pick<Begin, "server" | "challenge" | "stepUp"> & Owner,
    place: CallbackOptions,
  ): Promise<{ loopback: Loopback } & Awaited<ReturnType<SignIns["begin"]>>> {
    const canMove = target.options.clientId === undefined;
    const loopback = await listenFor(place, canMove, (parameters) => this.#came(id, parameters));
    try {
      const { redirectUri } = loopback;
      return { loopback, ...(await this.#options.signIns.begin({ ...wanted, by: "command", redirectUri })) };
    } catch (error) {
      loopback.close();
      throw problemOf(error);
    }
  }

  /** Begins it by a code that somebody enters on another device, and waits for that. @throws Error that says what is in the way */
  async beginByCode(key: string): Promise<DeviceCode & { id: string }> {
    const { target, wanted } = await this.#opening(key);
    const id = randomUUID();
    const { told, finish } = await this.#options.devices.begin(wanted).catch((error: unknown) => {
      throw problemOf(error);
    });
    const over = new AbortController();
    this.#underWay.set(id, { target, loopback: undefined, over, outcome: undefined });
    void finish(over.signal)
      .then(() => this.#signedIn(id, target))
      .catch((error: unknown) => this.#end(id, { ok: false, message: problemOf(error).message }));
    return { id, ...told };
  }

  /** Sees to it that the host can be signed in, and to what the server says that it wants. */
  async #opening(key: string): Promise<{ target: Target; wanted: Pick<Begin, "server" | "challenge" | "stepUp"> & Owner }> {
    const { standings, clock, grants, renew } = this.#options;
    const target = this.#target(key);
    if (target.options.grant === "token_exchange")
      throw new SignInProblem("callback", `nobody signs in to "${key}": each caller's own token is exchanged there (token_exchange)`);
    if (target.mode === "principal")
      throw new SignInProblem(
        "callback",
        `each client's person signs in to "${key}" (mode "principal"): the link comes with a call, or with the tool \`sign_in\``,
      );
    if (target.options.grant === "client_credentials")
      throw new SignInProblem("callback", `nobody signs in to "${key}": the host is its own account there (client_credentials)`);
    if (this.#underWay.size >= AT_ONCE) throw new SignInProblem("callback", `${AT_ONCE} sign-ins are under way; finish one of them first`);
    const owner = ownerOf(target, undefined);
    // What it wants, it says when it is asked without a token.
    if (!standings.of(owner) && !(await grants.get(owner))) await Promise.race([renew(key).catch(() => {}), clock.sleep(PROVOKED)]);
    const standing = standings.of(owner);
    return { target, wanted: { ...owner, server: key, challenge: standing?.challenge, stepUp: standing?.stepUp } };
  }

  /** What became of a sign-in, as soon as it is known; `waiting` where it takes longer. */
  async wait(id: string): Promise<{ state: "waiting" | "done" | "failed"; message: string }> {
    const underWay = this.#underWay.get(id);
    if (!underWay) return { state: "failed", message: "this sign-in is over, or was begun at another host" };
    if (!underWay.outcome) await this.#options.clock.sleep(LONG, underWay.over.signal);
    const { outcome } = underWay;
    if (!outcome) return { state: "waiting", message: "" };
    this.#underWay.delete(id);
    return { state: outcome.ok ? "done" : "failed", message: outcome.message };
  }

  /** Takes the address that a browser of another machine ended at. @throws SignInProblem */
  async finish(id: string, url: string): Promise<void> {
    const loopback = this.#underWay.get(id)?.loopback;
    if (!loopback) throw new SignInProblem("callback", "this sign-in is over, or waits for a code; begin again");
    const { redirectUri } = loopback;
    if (!URL.canParse(url) || !new URL(url).search || url.split("?")[0] !== redirectUri)
      throw new SignInProblem("callback", `that is not the address that the browser ended at: it begins with ${redirectUri}?`);
    await this.#finish(id, new URL(url).searchParams);
  }

  cancel(id: string): void {
    this.#end(id, { ok: false, message: "the sign-in was given up" });
  }

  async #came(id: string, parameters: URLSearchParams): Promise<Page> {
    try {
      const target = await this.#finish(id, parameters);
      return page(200, "Signed in", `mcp-host is signed in to ${target.key}. You may close this page.`);
    } catch (error) {
      return page(400, "Not signed in", `${problemOf(error).message}.`);
    }
  }

  /** @throws SignInProblem */
  async #finish(id: string, parameters: URLSearchParams): Promise<Target> {
    const { signIns, targets } = this.#options;
    try {
      const { pending } = await signIns.finish(parameters, { by: "command" }, ({ server }) => {
        const target = targets.get(server);
        return target && ownerOf(target, undefined);
      });
      const target = this.#target(pending.server);
      await this.#signedIn(id, target);
      return target;
    } catch (error) {
      const problem = problemOf(error);
      // What is not ours, or was used already, is nobody's end.
      if (problem.kind !== "callback") this.#end(id, { ok: false, message: problem.message });
      throw problem;
    }
  }

  async #signedIn(id: string, target: Target): Promise<void> {
    const { standings, changes, log } = this.#options;
    const owner = ownerOf(target, undefined);
    standings.clear(owner);
    await changes.tell(owner, true);
    log.info("the host is signed in to a server", { upstream: target.key });
    // A browser does not wait for the server.
    void this.#up(id, target);
  }

  /** Has the server connected with its token, and tells what came of it. */
  async #up(id: string, { key }: Target): Promise<void> {
    try {
      await this.#options.renew(key);
      this.#end(id, { ok: true, message: `signed in to ${key}` });
    } catch (error) {
      this.#end(id, {
        ok: false,
        message: `the sign-in itself went well, but the server cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }

  #end(id: string, outcome: UnderWay["outcome"]): void {
    const underWay = this.#underWay.get(id);
    if (!underWay || underWay.outcome) return;
    underWay.outcome = outcome;
    underWay.loopback?.close();
    underWay.over.abort();
    // Whoever asks what became of it does so soon.
    this.#options.clock.setTimeout(() => this.#underWay.delete(id), 2 * LONG);
  }

  /**
   * Signs out: the tokens are revoked where the server takes that, and deleted whatever it says.
   * @param principal whose, where each has one's own @returns what was not done
   */
  async logout(key: string, principal: string | undefined): Promise<{ signedOut: boolean; problem?: string }> {
    const { grants, tokens, standings, changes, renew, egress, signIns } = this.#options;
    const target = this.#target(key);
    if (target.mode === "principal" && principal === undefined)
      throw new SignInProblem("callback", `each client's person signs in to "${key}"; say whose sign-in ends, by \`--principal\``);
    const owner = {
      ...ownerOf(target, undefined),
      ...(target.mode === "principal" && principal !== undefined && { who: whoOf(principal) }),
    };
    const grant = await grants.get(owner);
    if (!grant) return { signedOut: false };
    let problem: string | undefined;
    try {
      if (grant.revocationEndpoint === undefined)
        problem = grant.dead ? undefined : "its authorization server takes no tokens back: they end by themselves";
      else {
        if (grant.refreshToken !== undefined) await tokens.revoke(grant, grant.refreshToken, "refresh_token", target.options);
        await tokens.revoke(grant, grant.accessToken, "access_token", target.options);
      }
    } catch (error) {
      problem = `the tokens were not revoked: ${problemOf(error).message}`;
    }
    const isLast = await grants.forget(owner, grant);
    if (isLast && (await unregister(grant.client, target.url, egress))) await signIns.forgetClient(grant.client);
    standings.signedOut(owner);
    await changes.tell(owner, false);
    await renew(key, target.mode === "principal" ? principal : undefined).catch(() => {}); // that nobody is signed in
    return { signedOut: true, ...(problem !== undefined && { problem }) };
  }

  #target(key: string): Target {
    const { targets } = this.#options;
    const target = targets.get(key);
    if (target) return target;
    const known = [...targets.keys()];
    throw new SignInProblem(
      "callback",
      `there is no server "${key}" that is signed in to${nearest(key, known)}; there ${known.length === 0 ? "is none" : `are ${known.join(", ")}`}`,
    );
  }

  close(): void {
    for (const id of [...this.#underWay.keys()]) this.#end(id, { ok: false, message: "the host ends" });
  }
}

/** The other of the two names that this machine has for itself; to most authorization servers they are two addresses. */
function otherHost({ host }: CallbackOptions): CallbackOptions["host"] {
  return host === "localhost" ? "127.0.0.1" : "localhost";
}
