import { BoundedMap, type Entry, matcher } from "mcp-host";
import type { Options, RuleOptions } from "./options.ts";

/** What holds for one tool and one client. */
export interface Plan {
  readonly limit: number | false;
  readonly form: "table" | "minified" | "as-is";
  readonly from: number;
}

/** Clients choose their names, so that so many are remembered. */
const REMEMBERED = 1_000;

type Named = Pick<Entry, "name" | "upstream" | "native">;

interface Rule {
  readonly given: RuleOptions;
  readonly fitsTool: (entry: Named) => boolean;
  readonly fitsClient: (client: string) => boolean;
}

/** Which rules hold for whom. */
export class Plans {
  readonly #options: Options;
  readonly #rules: readonly Rule[];
  readonly #paging = new BoundedMap<string, boolean>(REMEMBERED);

  constructor(options: Options) {
    this.#options = options;
    this.#rules = options.rules.map((given) => {
      const { match, clients } = given;
      const named = clients && matcher(clients.map((pattern) => pattern.replaceAll(":", "?")));
      return {
        given,
        fitsTool: match ? matcher(match) : () => true,
        fitsClient: named ? (name) => named({ name: name.replaceAll(":", "?"), upstream: "", native: "" }) : () => true,
      };
    });
  }

  of(entry: Named, client: string): Plan {
    const rules = this.#rules.filter(({ fitsTool, fitsClient }) => fitsClient(client) && fitsTool(entry)).map(({ given }) => given);
    const { limit, form, from } = this.#options;
    return {
      limit: rules.find((rule) => rule.limit !== undefined)?.limit ?? limit,
      form: rules.find((rule) => rule.form !== undefined)?.form ?? form,
      from: rules.find((rule) => rule.from !== undefined)?.from ?? from,
    };
  }

  /** Whether any tool's answers may be cut for this client. */
  pages(client: string): boolean {
    const known = this.#paging.get(client);
    if (known !== undefined) return known;
    // Rules that come after one for every tool may still have a limit that never holds: then the tool is listed for nothing, no more.
    let pages = this.#options.limit !== false;
    for (const { given, fitsClient } of [...this.#rules].reverse()) {
      if (given.limit === undefined || !fitsClient(client)) continue;
      pages = given.limit !== false || (pages && given.match !== undefined);
    }
    this.#paging.set(client, pages);
    return pages;
  }

  /** Whether anybody's may. */
  get anyPages(): boolean {
    return this.#options.limit !== false || this.#rules.some(({ given }) => typeof given.limit === "number");
  }
}

/** What a client calls itself. */
export function clientName(info: Readonly<Record<string, unknown>>): string {
  return typeof info.name === "string" ? info.name.slice(0, 256) : "";
}
