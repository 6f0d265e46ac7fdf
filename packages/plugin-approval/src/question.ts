import { type Exchange, isObject, type Json, redactLine } from "mcp-host";
import type { Rule, Trait } from "./options.ts";
import type { Choice } from "./remembered.ts";

/** A call as whoever is asked about it sees it. Names are as they are: {@link shown} writes them for somebody who reads. */
export interface Question {
  readonly server: string;
  /** What the server calls the tool, and what the client calls it. */
  readonly tool: string;
  readonly name: string;
  /** The plugin whose own call it is. */
  readonly plugin: string | undefined;
  /** One line of JSON for each argument, without characters that do not show. */
  readonly arguments: readonly string[];
  /** What of the arguments does not show; undefined where all of it does. */
  readonly hidden: string | undefined;
  readonly why: string;
}

const LONGEST_NAME = 200;
/** Characters of arguments that are shown, in all and in one line; and lines. */
const LONGEST = 4_000;
const LONGEST_LINE = 1_500;
const LINES = 40;
/** JSON up to this length is shown whole, unless it is nested deeper than the log shows: then this stands for the rest. */
const SURELY_WHOLE = 2_000;
const TOO_DEEP = '"[...]"';

export function questionOf(exchange: Exchange, rule: Rule): Question {
  const { entry, called, params } = exchange;
  const args = params.arguments ?? {};
  const { arguments: clean } = redactLine({ arguments: args });
  const lines = isObject(clean)
    ? Object.entries(clean).map(([key, value]) => `${shown(key, LONGEST_NAME)}: ${shown(value, LONGEST_LINE)}`)
    : [shown(clean, LONGEST_LINE)]; // what no server should take, and one may
  const fitting: string[] = [];
  let length = 0;
  for (const each of lines.slice(0, LINES)) if ((length += each.length) <= LONGEST) fitting.push(each);
  const whole = JSON.stringify(args).length;
  const isHidden = whole > SURELY_WHOLE || fitting.length < lines.length || lines.some((each) => each.includes(TOO_DEEP));
  return {
    server: called?.upstream ?? "",
    tool: called?.native ?? "",
    name: entry?.name ?? "",
    plugin: askingPlugin(exchange),
    arguments: fitting,
    hidden: isHidden ? `The arguments have ${whole} characters, and not all of them are shown.` : undefined,
    why: rule.reason ?? reasonOf(rule),
  };
}

/** The question as a person reads it. */
export function messageOf({ server, tool, name, plugin, arguments: args, hidden, why }: Question): string {
  // Indented by four, which a client that shows Markdown takes for code: nothing in it means anything, and as each text is one line of
  // JSON, nothing in it can look as if it stood outside.
  const facts = [`Server: ${shownName(server)}`, `Tool: ${shownName(tool)}${tool === name ? "" : `, called as ${shownName(name)}`}`];
  if (plugin !== undefined) facts.push(`Called by: the plugin ${shownName(plugin)}`);
  facts.push(...(args.length > 0 ? ["Arguments:", ...args.map((each) => `  ${each}`)] : [`Arguments: ${hidden ? "not shown" : "none"}`]));
  return [
    "May this call be made?",
    "",
    ...facts.map((each) => `    ${each}`),
    "",
    ...(hidden ? [hidden, ""] : []),
    `You are asked because: ${why}`,
  ].join("\n");
}

/** What the client is asked: a plain yes or no, and where the rule lets an answer be remembered, for how long. */
export function formOf(question: Question, choices: ReadonlyMap<string, Choice>, covers: Rule["covers"]): Json {
  const labels = [...choices.keys()];
  const answer = {
    type: "string",
    title: "How long your answer counts",
    description: `For this tool ${covers === "tool" ? "whatever its arguments are" : "with exactly these arguments"}.`,
    enum: labels,
    default: labels[0],
  };
  return { message: messageOf(question), requestedSchema: { type: "object", properties: labels.length > 1 ? { answer } : {} } };
}

const REASONS: Readonly<Record<Trait, string>> = {
  "read-only": "such calls are to be approved, even where they only read.",
  "not read-only": "the tool may change something.",
  destructive: "the tool may change or delete something for good.",
  "not idempotent": "the tool may do something again each time it is called.",
  "open-world": "the tool may reach the world outside.",
};

function reasonOf({ annotations }: Rule): string {
  return annotations?.length === 1 ? REASONS[annotations[0] as Trait] : "the rules of this host want such calls to be approved."; // it has one
}

/** Whose call it is: a plugin's own may be made on the way to another plugin's. */
function askingPlugin({ plugin, parent }: Exchange): string | undefined {
  return plugin ?? (parent && askingPlugin(parent));
}

/** A name in a text that somebody reads. */
export const shownName = (name: string): string => shown(name, LONGEST_NAME);

/** What is drawn as nothing, as a blank that is no space, or turns the text around it. Of U+2800 and U+1D159 only their drawing tells. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]|(?! )\p{Zs}/gu;

/** JSON that says the same, with escapes for what does not show. */
export function escaped(json: string): string {
  return json.replace(HIDDEN, (character) =>
    [...Array(character.length).keys()].map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
}

/**
 * A value as JSON in one line, cut, with escapes for whatever does not show. Of many spaces, behind which a line would break where
 * the window ends and go on as if it were another, the number is told: by an escape that JSON does not have, so that no value holds it.
 */
export function shown(value: unknown, longest: number): string {
  const text = escaped(JSON.stringify(value) ?? "null").replace(/ {5,}/g, ({ length }) => `\\[${length} spaces]`);
  return text.length <= longest ? text : `${text.slice(0, longest)} ... (${text.length - longest} more characters)`;
}
