import { type Entry, type Exchange, isObject, type Json, type KeptTexts, type PluginHost } from "mcp-host";
import { textBlock } from "./blocks.ts";
import { type Form, shorter } from "./forms.ts";
import type { Options } from "./options.ts";
import { clientName, type Plan, type Plans } from "./plans.ts";
import type { Tally } from "./tally.ts";
import { endWithin, tokensOf } from "./tokens.ts";

/** Where programs find what was done to an answer. */
export const META = "io.mcp-host/compact";
export const TOOL = "read_more";
/** Longer texts are cut, but not looked into: it is the host's own thread that would. */
const LOOKED_INTO = 1024 * 1024;

export interface AnswersOptions {
  readonly host: PluginHost;
  readonly options: Options;
  readonly plans: Plans;
  readonly tally: Tally;
  /** Each rest with the tool that it came from. */
  readonly kept: () => KeptTexts<Entry>;
}

/** Makes long answers short, and reads on where they were cut. */
export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** A tool's result as the client gets it: the same object where nothing is to be done. */
  shortened(result: Readonly<Json>, exchange: Exchange): Readonly<Json> {
    const { host, plans, tally } = this.#options;
    if (exchange.plugin !== undefined) {
      // Another plugin asked, which gives its own answer to the client: it needs this one as it came.
      const inner = exchange.parent && innerOf(exchange.parent);
      if (inner) Object.assign(inner, { count: inner.count + 1, entry: exchange.entry });
      return result;
    }
    const inner = innerOf(exchange);
    const entry = inner.count === 1 ? inner.entry : exchange.entry;
    if (entry?.kind !== "tool" || entry.upstream === host.id || result.isError === true || !Array.isArray(result.content)) return result;
    const content: readonly unknown[] = result.content;
    const texts = content.map(textBlock);
    const length = texts.reduce((sum, block) => sum + (block?.text.length ?? 0), 0);
    const plan = plans.of(entry, clientName(exchange.client.info));
    // No text has more tokens than it has UTF-16 units.
    if (length < plan.from) return result;
    const costs = texts.map((block) => (block ? tokensOf(block.text) : 0));
    const before = costs.reduce((sum, each) => sum + each, 0);
    const forms = new Set<Form>();
    const blocks = content.map((block, at) => {
      const text = texts[at];
      const found = text?.isPlain ? this.#shorter(text.text, costs[at] as number, plan) : undefined; // as many as there are blocks
      if (!text || !found) return block;
      forms.add(found.form);
      costs[at] = found.tokens;
      return text.with(found.text);
    });
    const total = costs.reduce((sum, each) => sum + each, 0);
    const cut = plan.limit !== false && total > plan.limit ? this.#cut(blocks, plan.limit, total, exchange, entry) : undefined;
    if (forms.size === 0 && !cut) {
      tally.left(before);
      return result;
    }
    const form = forms.has("table") ? "table" : forms.has("minified") ? "minified" : "as-is";
    tally.shortened(entry, { form, before, after: cut?.shown ?? total, isCut: cut !== undefined });
    const facts = { form, before, after: total, ...cut?.facts };
    return { ...result, content: cut?.blocks ?? blocks, _meta: { ...(isObject(result._meta) && result._meta), [META]: facts } };
  }

  #shorter(text: string, tokens: number, { form, from }: Plan): ReturnType<typeof shorter> {
    if (form === "as-is" || tokens < from || text.length > LOOKED_INTO) return undefined;
    return shorter(text, tokens, this.#options.options.saving, form);
  }

  /** The blocks up to the limit, with what says so at the end; undefined where nobody could read on. */
  #cut(
    blocks: readonly unknown[],
    limit: number,
    total: number,
    exchange: Exchange,
    entry: Entry,
  ): { blocks: unknown[]; shown: number; facts: Json } | undefined {
    const { tally, kept } = this.#options;
    const reader = this.#reader(exchange);
    if (reader === undefined) {
      tally.uncut(entry);
      return undefined;
    }
    let left = limit;
    const rest: string[] = [];
    const shown = blocks.flatMap((block) => {
      const text = textBlock(block);
      if (!text) return [block];
      const end = rest.length > 0 || left <= 0 ? 0 : endWithin(text.text, 0, left);
      const head = text.text.slice(0, end);
      left -= tokensOf(head);
      if (end === text.text.length) return [block];
      rest.push(text.text.slice(end)); // what comes after a cut would be read as its continuation
      return head === "" ? [] : [text.with(head)];
    });
    const id = kept().keep(exchange.scope, rest.join("\n\n"), entry);
    const given = limit - Math.max(left, 0);
    const more = id === undefined ? undefined : `${id}.0`;
    shown.push({ type: "text", text: cutMark(given, total, reader, more) });
    return { blocks: shown, shown: given, facts: { shown: given, total, ...(more !== undefined && { more }) } };
  }

  /** What the caller calls the tool that reads on; undefined where it may not. */
  #reader({ caller }: Exchange): string | undefined {
    const { host } = this.#options;
    const entry = host.catalog.entries().find(({ kind, upstream, native }) => kind === "tool" && upstream === host.id && native === TOOL);
    return entry && host.permits(entry, caller) ? entry.name : undefined;
  }

  /** The next piece of a rest. */
  more(from: string, exchange: Exchange): Json {
    const { host, plans, tally, kept } = this.#options;
    const [, id = "", at = ""] = /^([\w-]{1,64})\.(\d{1,12})$/.exec(from) ?? [];
    const found = id === "" ? undefined : kept().read(id, exchange.scope);
    const start = Number(at);
    // Who may not call the tool any more does not read its answers on, either.
    if (!found || start >= found.text.length || !host.permits(found.about, exchange.caller)) {
      tally.read(false);
      return failed(
        `Nothing is kept under ${JSON.stringify(from.slice(0, 64))}, or not any more. Call the tool again, and ask it for less.`,
      );
    }
    tally.read(true);
    const { limit } = plans.of(found.about, clientName(exchange.client.info));
    const end = limit === false ? found.text.length : endWithin(found.text, start, limit);
    const piece = found.text.slice(start, end);
    if (end === found.text.length) return { content: [{ type: "text", text: piece }] };
    const total = tokensOf(found.text.slice(start));
    const shown = tokensOf(piece);
    const more = `${id}.${end}`;
    const mark = cutMark(shown, total, exchange.entry?.name ?? TOOL, more);
    return {
      content: [
        { type: "text", text: piece },
        { type: "text", text: mark },
      ],
      _meta: { [META]: { shown, total, more } },
    };
  }
}

/** Which tools a plugin called on behalf of this call: one that only passes on is judged as what it called. */
function innerOf(exchange: Exchange): { count: number; entry: Entry | undefined } {
  return exchange.state(META, () => ({ count: 0, entry: undefined }));
}

function cutMark(shown: number, total: number, reader: string, more: string | undefined): string {
  const how =
    more === undefined
      ? "the rest was too long to keep: call the tool again, and ask it for less"
      : `call ${reader} with {"from":"${more}"} for the rest`;
  return `[cut by the host: about ${shown} of ${total} tokens are shown; ${how}]`;
}

function failed(text: string): Json {
  return { content: [{ type: "text", text }], isError: true };
}
