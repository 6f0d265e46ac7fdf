import { BoundedMap } from "../wire/bounded-map.ts";
import type { AddedHeader } from "../wire/link.ts";
import { type ParamHeader, paramHeadersOf, paramHeaderValue } from "../wire/mcp-headers.ts";
import { isObject, type Json, type Request } from "../wire/message.ts";
import { headerText, modernMethod } from "../wire/modern.ts";

/** Tools whose headers are remembered. */
const TOOLS = 10_000;
/** Pages of a list that are read for one call. */
const PAGES = 20;

/** The headers of requests to one server of the modern era, by which others route them without their bodies. */
export class RequestHeaders {
  /** By the name of the tool; a text says why it is left out. */
  readonly #tools = new BoundedMap<string, readonly ParamHeader[] | string>(TOOLS);
  readonly #leftOut: (tool: string, reason: string) => void;

  /** @param leftOut told once of each tool that cannot be called as it wants, however often the list is read */
  constructor(leftOut: (tool: string, reason: string) => void) {
    this.#leftOut = leftOut;
  }

  /** Takes a page of `tools/list`; gives the tools that may be offered. */
  listed(tools: readonly unknown[]): unknown[] {
    return tools.filter((tool) => {
      if (!isObject(tool) || typeof tool.name !== "string") return true; // whoever reads the list sees to it
      const headers = paramHeadersOf(tool.inputSchema);
      const before = this.#tools.get(tool.name);
      if (headers.length > 0) this.#tools.set(tool.name, headers);
      else if (before) this.#tools.delete(tool.name);
      if (typeof headers !== "string") return true;
      if (headers !== before) this.#leftOut(tool.name.slice(0, 128), headers);
      return false;
    });
  }

  /** Has the list read again, page by page. @param ask sends one `tools/list`; its answer is given to {@link listed}, too */
  relist(
    ask: (params: Json | undefined, answered: (answer: Json | Error) => void) => void,
    over: () => void,
    cursor?: string,
    page = 1,
  ): void {
    ask(cursor === undefined ? undefined : { cursor }, (answer) => {
      const next = answer instanceof Error ? undefined : answer.nextCursor;
      if (typeof next === "string" && page < PAGES) this.relist(ask, over, next, page + 1);
      else over();
    });
  }

  /** Those of a request, after others that are added to it. */
  of({ method, params = {} }: Request, added: readonly AddedHeader[] = []): AddedHeader[] {
    const headers: AddedHeader[] = [...added, { name: "mcp-method", value: method, by: undefined }];
    const key = modernMethod(method)?.name;
    const name = key && params[key];
    if (typeof name !== "string") return headers;
    headers.push({ name: "mcp-name", value: headerText(name), by: undefined });
    const repeated = method === "tools/call" ? this.#tools.get(name) : undefined;
    if (typeof repeated !== "object") return headers;
    for (const each of repeated) {
      const value = paramHeaderValue(each, params.arguments);
      if (value !== undefined) headers.push({ name: each.header, value, by: undefined });
    }
    return headers;
  }
}
