import type { Json } from "../wire/message.ts";

/** What a catalog entry is. `method` stands for a request that no catalog lists; only `permit` sees it. */
export type EntryKind = "tool" | "prompt" | "resource" | "template" | "method";

/** One thing that the host offers. */
export interface Entry {
  readonly kind: EntryKind;
  /** The exposed name: of a tool or prompt; the URI of a resource; the URI template of a template; the method. */
  readonly name: string;
  /** The config's key of the upstream that owns it. */
  readonly upstream: string;
  /** What the upstream calls it. */
  readonly native: string;
  /** What the upstream lists (or a plugin made of it); the exposed name is written into it when it is listed. */
  readonly definition: Readonly<Json>;
  /** Of what several upstreams have alike, offered once under the name of a group: who has it. A route leads to one of them. */
  readonly members?: readonly Pick<Entry, "upstream" | "native">[];
}

/** The kinds that are listed, with the wire's words for them. */
export const LISTS = {
  tool: { method: "tools/list", field: "tools", key: "name", capability: "tools" },
  prompt: { method: "prompts/list", field: "prompts", key: "name", capability: "prompts" },
  resource: { method: "resources/list", field: "resources", key: "uri", capability: "resources" },
  template: { method: "resources/templates/list", field: "resourceTemplates", key: "uriTemplate", capability: "resources" },
} as const;

export type ListedKind = keyof typeof LISTS;

export const LISTED_KINDS = Object.keys(LISTS) as ListedKind[];
