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
import type { TraceListener, TraceOptions } from "../exchange/trace.ts";
import type { Json } from "../wire/message.ts";
import type { HostHealth, Readiness } from "./health.ts";
import type { CallOptions } from "./local-clients.ts";
import type { HostOperator } from "./operated-host.ts";
import type { HostStats } from "./stats.ts";

/**
 * What a program calls on its host. Every method of the protocol starts the host if need be and goes through the whole
 * pipeline, as a client's request does; what it gives is the protocol's result, a copy of the caller's own, with every
 * field that the upstream sent. All fail with a `HostError`, or with a `PeerError` for an upstream's own JSON-RPC error.
 */
export interface EmbeddingApi {
  /** Every tool, in one page. Waits up to two seconds for upstreams of which nothing is known yet; `_meta["io.mcp-host/partial"]` names those that are missing. */
  listTools(options?: CallOptions): Promise<ListToolsResult>;
  /** Calls a tool by its exposed name. A tool's own failure is a result with `isError`, not an exception. */
  callTool(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<CallToolResult>;
  /** Every resource, in one page. */
  listResources(options?: CallOptions): Promise<ListResourcesResult>;
  /** Every resource template, in one page. */
  listResourceTemplates(options?: CallOptions): Promise<ListResourceTemplatesResult>;
  readResource(uri: string, options?: CallOptions): Promise<ReadResourceResult>;
  /** Every prompt, in one page. */
  listPrompts(options?: CallOptions): Promise<ListPromptsResult>;
  getPrompt(name: string, args?: Record<string, string>, options?: CallOptions): Promise<GetPromptResult>;
  /** Values for an argument of a prompt (`{ type: "ref/prompt", name }`) or a variable of a resource template (`{ type: "ref/resource", uri }`). */
  complete(
    ref: CompleteRequestParams["ref"],
    argument: CompleteRequestParams["argument"],
    context?: CompleteRequestParams["context"],
    options?: CallOptions,
  ): Promise<CompleteResult>;

  /** `single` with one upstream, whose capabilities, instructions and unknown methods pass as they are; else `multi`. */
  mode(): HostStats["mode"];
  /** Whether the host and each upstream can be used now. */
  health(): HostHealth;
  /** Whether every `required` upstream is up, or would be at its first use: one that rests, or waits for its clients, is not down. */
  readiness(): Readiness;
  /** Figures since the host was made; cheap to ask, and kept by counters alone. */
  stats(): HostStats;
  /** How things stand with each plugin that says so, by its id, without secrets. One that throws is logged and says `{ failed: true }`. */
  reports(): Readonly<Record<string, Readonly<Json>>>;
  /** Tells of every exchange that begins from now on, as `trace` of a plugin's host does. Gives a function that ends it. */
  trace(listener: TraceListener, options?: TraceOptions): () => void;
  /** What operators can have done to the host, and has it done. */
  readonly operator: HostOperator;
  /**
   * Ends an upstream's connections after their calls in flight (at most `drain`) and connects anew, whatever became of
   * earlier tries. Calls that come meanwhile wait. Resolves when it is ready and has been listed.
   * @throws HostError with the reason if it does not come up; Error for a name that is not configured
   */
  reconnect(name: string): Promise<void>;
  /** Resolves when every eager upstream is known or has failed, or after `milliseconds`. */
  known(milliseconds: number): Promise<void>;
}
