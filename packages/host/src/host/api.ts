import type {
  CallToolResult,
  CompleteRequestParams,
  CompleteResult,
  GetPromptResult,
  ListPromptsResult,
  ListResourcesResult,
  ListResourceTemplatesResult,
  ListToolsResult,
  ReadResourceResult,
} from "@modelcontextprotocol/sdk/types.js";
import type { ResolvedConfig } from "../config/schema.ts";
import type { Logger } from "../log.ts";
import { nearest } from "../nearest.ts";
import type { Catalog } from "../pipeline/catalog.ts";
import type { Offers } from "../plugin/operations.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Json } from "../wire/message.ts";
import { Asking, type CallOptions } from "./local-clients.ts";
import { type HostHealth, type HostStats, healthOf, modeOf, reconnect, Vitals } from "./stats.ts";

/** What of the host the methods here look into. */
export interface Inside {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly offers: Offers;
  /** Undefined until the host is prepared. */
  readonly catalog: Catalog | undefined;
}

/**
 * What a program calls on its host. Every method starts the host if need be and goes through the whole pipeline, as a
 * client's request does; what it gives is the protocol's result, a copy of the caller's own, with every field that the
 * upstream sent. All fail with a {@link HostError}, or with a {@link PeerError} for an upstream's own JSON-RPC error.
 */
export abstract class EmbeddedHost {
  abstract readonly config: ResolvedConfig;
  abstract readonly log: Logger;
  abstract readonly sessions: Sessions;
  protected readonly vitals = new Vitals();
  readonly #asking = new Asking(this);

  abstract start(): Promise<void>;

  /** What the host runs: the upstreams once it is prepared, the catalog once it can offer something. */
  protected abstract inside(): Inside;

  /** Every tool, in one page. Waits up to two seconds for upstreams of which nothing is known yet; `_meta["io.mcp-host/partial"]` names those that are missing. */
  listTools(options?: CallOptions): Promise<ListToolsResult> {
    return this.#asking.ask("tools/list", {}, options);
  }

  /** Calls a tool by its exposed name. A tool's own failure is a result with `isError`, not an exception. */
  callTool(name: string, args: Record<string, unknown> = {}, options?: CallOptions): Promise<CallToolResult> {
    return this.#asking.ask("tools/call", { name, arguments: args }, options);
  }

  /** Every resource, in one page. */
  listResources(options?: CallOptions): Promise<ListResourcesResult> {
    return this.#asking.ask("resources/list", {}, options);
  }

  /** Every resource template, in one page. */
  listResourceTemplates(options?: CallOptions): Promise<ListResourceTemplatesResult> {
    return this.#asking.ask("resources/templates/list", {}, options);
  }

  readResource(uri: string, options?: CallOptions): Promise<ReadResourceResult> {
    return this.#asking.ask("resources/read", { uri }, options);
  }

  /** Every prompt, in one page. */
  listPrompts(options?: CallOptions): Promise<ListPromptsResult> {
    return this.#asking.ask("prompts/list", {}, options);
  }

  getPrompt(name: string, args: Record<string, string> = {}, options?: CallOptions): Promise<GetPromptResult> {
    return this.#asking.ask("prompts/get", { name, arguments: args }, options);
  }

  /** Values for an argument of a prompt (`{ type: "ref/prompt", name }`) or a variable of a resource template (`{ type: "ref/resource", uri }`). */
  complete(
    ref: CompleteRequestParams["ref"],
    argument: CompleteRequestParams["argument"],
    context?: CompleteRequestParams["context"],
    options?: CallOptions,
  ): Promise<CompleteResult> {
    return this.#asking.ask("completion/complete", { ref, argument, ...(context && { context }) }, options);
  }

  // --- what an operator asks ---

  /** `single` with one upstream, whose capabilities, instructions and unknown methods pass as they are; else `multi`. */
  mode(): HostStats["mode"] {
    return modeOf(Object.keys(this.config.mcpServers).length);
  }

  /** Whether the host and each upstream can be used now. */
  health(): HostHealth {
    return healthOf(this.inside().upstreams.values());
  }

  /** Figures since the host was made; cheap to ask, and kept by counters alone. */
  stats(): HostStats {
    const { upstreams, catalog } = this.inside();
    return this.vitals.stats({ upstreams, catalog, sessions: this.sessions.size, reports: this.reports() });
  }

  /**
   * Ends an upstream's connections after their calls in flight (at most `drain`) and connects anew, whatever became of
   * earlier tries. Calls that come meanwhile wait. Resolves when it is ready and has been listed.
   * @throws HostError with the reason if it does not come up; Error for a name that is not configured
   */
  async reconnect(name: string): Promise<void> {
    await this.start();
    const { upstreams } = this.inside();
    const upstream = upstreams.get(name);
    if (!upstream) throw new Error(`no upstream is called "${name}"${nearest(name, [...upstreams.keys()])}`);
    await reconnect(upstream, this.config.drain);
  }

  /** Whether every `required` upstream is up, or would be at its first use: one that rests, or waits for its clients, is not down. */
  readiness(): { ready: boolean; down: readonly string[] } {
    const down = [...this.inside().upstreams.values()].filter((upstream) => upstream.config.required && upstream.isDown);
    return { ready: down.length === 0, down: down.map(({ key }) => key) };
  }

  /** How things stand with each plugin that says so, by its id, without secrets. One that throws is logged and says `{ failed: true }`. */
  reports(): Readonly<Record<string, Readonly<Json>>> {
    return this.inside().offers.reports(this.log);
  }

  /** Does what a plugin offers to operators. @throws Error that names what there is instead */
  operate(plugin: string, name: string, params: Readonly<Json>): Promise<Readonly<Json>> {
    return this.inside().offers.operate(plugin, name, params);
  }

  /** Resolves when every eager upstream is known or has failed, or after `milliseconds`. */
  async settled(milliseconds: number): Promise<void> {
    const eager = [...this.inside().upstreams.values()].filter(({ config }) => config.start === "eager");
    const all = Promise.all(eager.map((upstream) => upstream.base()?.known()));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([all, new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)))]);
    clearTimeout(timer);
  }
}
