import { ServerResponse } from "node:http";

/**
 * A response with the headers that every answer of the host has. Headers go out as a flat list, which Node writes as it
 * is; `setHeader` would copy and check each of them for every request.
 */
export class FrontResponse extends ServerResponse {
  /** Names and values in turn. */
  fixed: readonly string[] = [];
  /** What plugins give besides, in the same form; names in lower case, each once. */
  given: string[] | undefined = undefined;

  /** Begins the answer with the fixed headers, those of plugins and these, names and values in turn. */
  head(status: number, ...headers: string[]): this {
    this.writeHead(status, this.given ? this.fixed.concat(this.given, headers) : this.fixed.concat(headers));
    return this;
  }

  /** Gives the answer headers, in the place of those of the same names that were given before. False where its head has gone out. */
  give(headers: readonly string[]): boolean {
    if (this.headersSent) return false;
    this.given ??= [];
    for (let i = 0; i < headers.length; i += 2) {
      let at = 0;
      while (at < this.given.length && this.given[at] !== headers[i]) at += 2;
      this.given[at] = headers[i] as string; // they come in pairs
      this.given[at + 1] = headers[i + 1] as string;
    }
    return true;
  }

  /** For those who write their headers themselves: routes of plugins. */
  applyFixed(): void {
    for (const list of [this.fixed, this.given ?? []])
      for (let i = 0; i < list.length; i += 2) this.setHeader(list[i] as string, list[i + 1] as string);
  }
}
