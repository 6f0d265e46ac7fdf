import { ServerResponse } from "node:http";

/**
 * A response with the headers that every answer of the host has. Headers go out as a flat list, which Node writes as it
 * is; `setHeader` would copy and check each of them for every request.
 */
export class FrontResponse extends ServerResponse {
  /** Names and values in turn. */
  fixed: readonly string[] = [];

  /** Begins the answer with the fixed headers and these, names and values in turn. */
  head(status: number, ...headers: string[]): this {
    this.writeHead(status, this.fixed.concat(headers));
    return this;
  }

  /** For those who write their headers themselves: routes of plugins. */
  applyFixed(): void {
    for (let i = 0; i < this.fixed.length; i += 2) this.setHeader(this.fixed[i] as string, this.fixed[i + 1] as string);
  }
}
