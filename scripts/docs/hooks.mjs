import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "../../packages/host/dist/errors.js";
import { METHODS } from "../../packages/host/dist/exchange/methods.js";
import { HOOKS } from "../../packages/host/dist/plugin/hooks.js";
import { HOOK_WORDS } from "../hook-words.mjs";
import { root, table } from "../pages.mjs";
import { fieldsOf, tapTypes } from "../type-fields.mjs";

const NAMES = Object.keys(HOOKS);

/** A page for each hook, and one that lists them. */
export const pages = [
  { file: "docs/hooks/README.md", render: renderList },
  ...NAMES.map((name) => ({ file: `docs/hooks/${name}.md`, render: () => renderHook(name) })),
];

const MADE = "This page is made of `packages/host/src/plugin/hooks.ts` and `scripts/hook-words.mjs` by `npm run docs`.";

/** Where the types of arguments are. */
const FILES = [
  "plugin/hook-types.ts",
  "exchange/caller.ts",
  "exchange/entry.ts",
  "exchange/upstream-facts.ts",
  "exchange/exchange.ts",
  "errors.ts",
];

/** What is said of an argument whose fields would be no help, or are told elsewhere. */
const TYPES = {
  Exchange: "the request on its way: [the exchange](../pipeline.md#the-exchange)",
  Handler: "`(exchange: Exchange) => Promise<Json>`: what is further in, at last the connection",
  Json: "an object as it is on the wire; its fields are `unknown`, so look before you use one",
  Notification: "`method`, and `params` as they are on the wire",
  RpcError: "`code`, `message`, and perhaps `data`: a JSON-RPC error",
  Hono: "an app of [Hono](https://hono.dev): [routes](../plugins.md#routes)",
};

function renderList() {
  const rows = NAMES.map((name) => [`[\`${name}\`](${name}.md)`, HOOKS[name].kind, sentence(HOOKS[name].purpose)]);
  return `# Hooks

A page for each hook, in the order of the way of a request: when it is asked, what a tap gets and gives, what a throw does, and a plugin that
uses it. [The pipeline](../pipeline.md) shows how they belong together, [Writing a plugin](../plugins.md) how a plugin is made.

Which one: to hide and refuse an entry, \`permit\`; to refuse by arguments, \`authorize\`; to change arguments, \`transform\`; to change a result, \`respond\`; an
error, \`fail\`; to answer, keep or try again, \`call\`; only to watch, \`settled\`; to show less that can still be called, \`list\`.

${table(["hook", "tapable class", "for"], rows)}

The plugin of each page is a file in \`examples/hooks\`, which \`test/docs/hooks.test.ts\` loads into a test host. ${MADE}
`;
}

const sentence = (text) => /^.*?[.:](?=\s|$)/.exec(text)?.[0].replace(/:$/, ".") ?? text;

function renderHook(name) {
  const definition = HOOKS[name];
  const words = HOOK_WORDS[name];
  if (!words) throw new Error(`scripts/hook-words.mjs says nothing of the hook "${name}"; add when it is asked, when not, and its errors`);
  const { text, args, gives } = tapTypes().get(name);
  const example = `examples/hooks/${name}.ts`;
  if (!existsSync(join(root, example))) throw new Error(`the hook "${name}" has no example; write ${example}`);
  const code = readFileSync(join(root, example), "utf8");
  const at = NAMES.indexOf(name);
  const beside = (label, other) => (other === undefined ? [] : [`${label} [\`${other}\`](${other}.md)`]);
  const facts = [
    ["asked", words.asked],
    ["not asked", words.not],
    ["kind", `tapable's \`${definition.kind}\`: ${KINDS[definition.kind]}${definition.composed ? COMPOSED : ""}`],
    ["a tap", `\`${text}\`${definition.keyed ? ", with the params of its method where that is known" : ""}`],
    ["gives", `${definition.gives}${MAY[name] ? `; ${MAY[name]}` : ""}`],
    ["without taps", `${definition.host === "–" ? "nothing happens" : definition.host}; it costs nothing then`],
    ["deadline", deadline(definition)],
    ["a throw", thrown(definition, words)],
    [
      "`when` in the config",
      definition.about ? "possible: [conditions](../config.md#plugins)" : "refused, since it is about no tool, server or caller",
    ],
  ];
  const parts = [
    `# \`${name}\``,
    definition.purpose,
    table(["", ""], facts),
    ...(definition.keyed ? [`## Methods\n\n${methods(definition)}`] : []),
    ...(args.length === 0 ? [] : [`## Arguments\n\n${args.map(argument).join("\n\n")}`]),
    ...(/\bRoute\b/.test(gives) ? [`## What it gives\n\n${fieldTable("Route")}`] : []),
    `## Errors\n\n${errors(words.errors)}`,
    `## Example\n\n\`${example}\`, which \`test/docs/hooks.test.ts\` loads into a test host:\n\n\`\`\`ts\n${code}\`\`\``,
    `${[...beside("Before it:", NAMES[at - 1]), ...beside("Behind it:", NAMES[at + 1]), "[All hooks](README.md)"].join(" · ")}\n\n${MADE}`,
  ];
  return `${parts.join("\n\n")}\n`;
}

const KINDS = {
  AsyncSeriesHook: "all taps one after the other, each awaited; what they give is not looked at.",
  AsyncSeriesBailHook: "taps one after the other, each awaited, until one gives something else than `undefined`.",
  AsyncSeriesWaterfallHook:
    "taps one after the other, each awaited, each with what the one before gave. `undefined` leaves the value as it is.",
  SyncHook: "all taps one after the other; what they give is not looked at.",
  SyncBailHook: "taps one after the other, until one gives something else than `undefined`.",
  SyncWaterfallHook: "taps one after the other, each with what the one before gave. `undefined` leaves the value as it is.",
};
const COMPOSED = " Its taps make handlers, one around the other: the first plugin in the config is the outermost.";

/** What may be given besides, and what may not. */
const MAY = {
  authenticate: "an id is a text that is not empty, roles are an array of texts",
  credentials: "names that the wire itself sets are refused",
  discover: "entries may be left out, renamed and edited, never invented",
  merge: "as in `discover`",
  route: "the key has to be one of an upstream",
  transform: "names, URIs, refs and task ids stay as they are",
  respond: "of a list, entries may be edited, never added, dropped or renamed",
  fail: "it stays an error, with an integer for a code and a text for a message",
  call: "`undefined` or `next` itself: this upstream is not the plugin's business",
};

function deadline({ kind, composed }) {
  if (composed) return "none for making the handler, which may not wait; the handler has the deadline of the call (`exchange.deadline`).";
  if (kind.startsWith("Sync")) return "none, since a tap may not wait: a promise is the plugin's failure.";
  return "5 s for each tap, or the `timeout` of the plugin's entry in the config; who takes longer has failed.";
}

function thrown({ kind, closed, decides, composed, tellsOperator }, { thrown: consequence, errors: told }) {
  if (kind === "SyncHook") return consequence ?? "It is logged as the plugin's failure and changes nothing; the other taps are asked.";
  const words = "`throw refuse(type, message)` is that error, with your words;";
  if (closed) {
    const always = '`onError: "skip"` changes nothing of that: it always fails closed.';
    return decides && kind.startsWith("Sync")
      ? `${consequence} ${always}`
      : `${consequence} ${words} any other throw is logged and becomes \`plugin_failure\`. ${always}`;
  }
  if (tellsOperator) return `${consequence} With \`onError: "skip"\` any other throw is logged, and the host goes on.`;
  if (told.length === 0) return `${consequence} With \`onError: "skip"\` it goes on as if the tap were not there.`;
  const skipped = composed ? "calls `next`, if that was not called yet" : "goes on as if the tap were not there";
  return `${consequence} ${words} any other throw is logged and becomes \`plugin_failure\`, or with \`onError: "skip"\` ${skipped}.`;
}

function methods({ passes }) {
  const names = Object.entries(METHODS).flatMap(([name, row]) => (passes(row) ? [`\`${name}\``] : []));
  return `\`for(method)\` with one of ${names.join(", ")}, with a method of a server's own such as \`"acme/search"\`, or with \`"*"\` for all of them.`;
}

/** An argument: its type, and the fields of what it is or holds. */
function argument({ name, type }) {
  const of = type
    .replace(/Readonly<(.*)>/, "$1")
    .replace(/^readonly | \| undefined$|\[\]$/g, "")
    .replace(/\[\]$/, "");
  const known = TYPES[of];
  const fields = known === undefined ? `\n\n${fieldTable(of)}` : "";
  return `**\`${name}\`**, \`${type}\`${known === undefined ? ":" : `: ${known}`}${fields}`;
}

function fieldTable(name) {
  const fields = fieldsOf(name, FILES);
  if (!fields) throw new Error(`none of ${FILES.join(", ")} has the interface ${name}; tell it in TYPES of scripts/docs/hooks.mjs`);
  return table(
    ["field", "type", "what it is"],
    fields.map(({ name: field, type, meaning }) => [`\`${field}\``, `\`${type}\``, meaning || "–"]),
  );
}

function errors(types) {
  if (types.length === 0) return "Nobody is told: a failure is logged, with file and line of the tap and of the throw.";
  const rows = types.map((type) => {
    const { code, status, meaning } = ERRORS[type];
    return [`\`${type}\``, code, status ?? "–", meaning];
  });
  return `What clients are told, or whoever asks; the tap's own \`refuse\` may be any of [the errors](../errors.md).\n\n${table(["type", "code", "HTTP status", "meaning and remedy"], rows)}`;
}
