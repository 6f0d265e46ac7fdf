import { nearest } from "../config/nearest.ts";
import { kindOf } from "../config/wording.ts";
import { ConfigError } from "../errors.ts";
import type { ListedKind } from "../exchange/entry.ts";
import { isObject, type Json } from "../wire/message.ts";
import { type Checked, checkedBy } from "./offer-schema.ts";
import { type UriPattern, uriPattern } from "./offer-uris.ts";
import type { Offering, OfferPrompt, OfferResource, OfferTemplate, OfferTool } from "./offering.ts";

export interface SurfaceTool {
  readonly tool: OfferTool;
  readonly input: Checked | undefined;
  readonly output: Checked | undefined;
}

export interface SurfaceTemplate {
  readonly template: OfferTemplate;
  readonly pattern: UriPattern;
}

/** An offering that was checked, as it is listed and as it is called. */
export interface Surface {
  readonly capabilities: Json;
  readonly lists: Readonly<Record<ListedKind, readonly Json[]>>;
  readonly tools: ReadonlyMap<string, SurfaceTool>;
  readonly prompts: ReadonlyMap<string, OfferPrompt>;
  readonly resources: ReadonlyMap<string, OfferResource>;
  /** By template; the longest first, as the most specific. */
  readonly templates: ReadonlyMap<string, SurfaceTemplate>;
}

const DESCRIBED = ["title", "description", "icons", "_meta"];
const READABLE = [...DESCRIBED, "name", "mimeType", "annotations"];

/** Of each kind: what an entry may say, which of it is listed as it stands, and its handler. */
const KINDS = {
  tools: { listed: [...DESCRIBED, "annotations"], more: ["input", "output"], handler: "call" },
  prompts: { listed: DESCRIBED, more: ["arguments"], handler: "get" },
  resources: { listed: [...READABLE, "size"], more: [], handler: "read" },
  templates: { listed: READABLE, more: ["complete"], handler: "read" },
} as const;

type Kind = keyof typeof KINDS;

/** What the entries of a kind go by. */
const KEYS: Readonly<Record<Kind, string>> = { tools: "name", prompts: "name", resources: "URI", templates: "URI template" };

export const NOTHING: Surface = surfaceOf("", {});

/** Checks an offering. @throws ConfigError with everything that is wrong with it */
export function surfaceOf(plugin: string, offering: Offering): Surface {
  const problems: string[] = [];
  const refuse = (place: string, what: string): void => void problems.push(`plugin "${plugin}" offers ${place}: ${what}`);
  const given: unknown = offering; // JavaScript may give anything
  if (!isObject(given))
    throw new ConfigError([
      `plugin "${plugin}" offers ${given === undefined ? "nothing" : kindOf(given)}, and not an object of ${kinds()}`,
    ]);
  for (const key of Object.keys(offering))
    if (!Object.hasOwn(KINDS, key)) refuse(key, `there is no such kind${nearest(key, Object.keys(KINDS))}; there are ${kinds()}`);

  /** The entries of a kind that are well-formed, each with what is listed of it. */
  const entriesOf = <T extends object>(kind: Kind, entries: Readonly<Record<string, T>> | undefined): [string, T, Json][] => {
    const { listed, more, handler } = KINDS[kind];
    if (entries !== undefined && !isObject(entries)) {
      refuse(kind, `must be an object with ${kind} by ${KEYS[kind]}, not ${kindOf(entries)}`);
      return [];
    }
    return Object.entries(entries ?? {}).flatMap(([name, entry]): [string, T, Json][] => {
      const place = `${kind}.${name}`;
      if (!isObject(entry)) {
        refuse(place, `must be an object with "${handler}"`);
        return [];
      }
      const known: readonly string[] = [...listed, ...more, handler];
      for (const key of Object.keys(entry)) if (!known.includes(key)) refuse(place, `there is no "${key}"${nearest(key, known)}`);
      if (typeof entry[handler] !== "function") refuse(place, `needs a function "${handler}"`);
      if (name === "") refuse(place, "needs a name");
      if (kind !== "tools" && kind !== "prompts" && typeof entry.name !== "string") refuse(place, 'needs a "name"');
      const shown = listed.filter((key) => entry[key] !== undefined).map((key) => [key, entry[key]]);
      return [[name, entry as T, Object.fromEntries(shown) as Json]];
    });
  };
  const trying = <T>(place: string, make: () => T): T | undefined => {
    try {
      return make();
    } catch (error) {
      refuse(place, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };

  const tools = entriesOf<OfferTool>("tools", offering.tools).map(([name, tool, shown]) => {
    const of = (side: "input" | "output") =>
      tool[side] === undefined ? undefined : trying(`tools.${name}.${side}`, () => checkedBy(tool[side], side));
    const [input, output] = [of("input"), of("output")];
    const definition: Json = {
      name,
      ...shown,
      inputSchema: input?.json ?? { type: "object" },
      ...(output && { outputSchema: output.json }),
    };
    return { name, definition, tool: { tool, input, output } };
  });
  const prompts = entriesOf<OfferPrompt>("prompts", offering.prompts).map(([name, prompt, shown]) => {
    const all = Object.entries(prompt.arguments ?? {}).map(([argument, { complete: _, ...fields }]) => ({ name: argument, ...fields }));
    return { name, definition: { name, ...shown, ...(all.length > 0 && { arguments: all }) }, prompt };
  });
  const resources = entriesOf<OfferResource>("resources", offering.resources).map(([uri, resource, shown]) => {
    if (!URL.canParse(uri)) refuse(`resources.${uri}`, "is no URI");
    return { uri, definition: { uri, ...shown }, resource };
  });
  const templates = entriesOf<OfferTemplate>("templates", offering.templates).flatMap(([uriTemplate, template, shown]) => {
    const pattern = trying(`templates.${uriTemplate}`, () => uriPattern(uriTemplate));
    if (!pattern) return [];
    for (const variable of Object.keys(template.complete ?? {}))
      if (!pattern.variables.includes(variable))
        refuse(`templates.${uriTemplate}.complete`, `it has no variable "${variable}"${nearest(variable, pattern.variables)}`);
    return [{ uriTemplate, definition: { uriTemplate, ...shown }, template: { template, pattern } }];
  });
  if (problems.length > 0) throw new ConfigError(problems);

  const completes =
    prompts.some(({ prompt }) => Object.values(prompt.arguments ?? {}).some(({ complete }) => complete)) ||
    templates.some(({ template: { template } }) => template.complete);
  return {
    capabilities: {
      ...(offering.tools && { tools: { listChanged: true } }),
      ...(offering.prompts && { prompts: { listChanged: true } }),
      ...((offering.resources || offering.templates) && { resources: { listChanged: true, subscribe: true } }),
      ...(completes && { completions: {} }),
      logging: {},
    },
    lists: {
      tool: tools.map(({ definition }) => definition),
      prompt: prompts.map(({ definition }) => definition),
      resource: resources.map(({ definition }) => definition),
      template: templates.map(({ definition }) => definition),
    },
    tools: new Map(tools.map(({ name, tool }) => [name, tool])),
    prompts: new Map(prompts.map(({ name, prompt }) => [name, prompt])),
    resources: new Map(resources.map(({ uri, resource }) => [uri, resource])),
    templates: new Map(
      [...templates]
        .sort((a, b) => b.uriTemplate.length - a.uriTemplate.length)
        .map(({ uriTemplate, template }) => [uriTemplate, template]),
    ),
  };
}

function kinds(): string {
  return Object.keys(KINDS).join(", ");
}
