import { METHODS, UNKNOWN_METHOD } from "../../packages/host/dist/exchange/methods.js";
import { HOOKS } from "../../packages/host/dist/plugin/hooks.js";
import { between, table } from "../pages.mjs";

export const file = "docs/pipeline.md";

/** The tables of hooks and methods, from the code that runs them. */
export function render(current) {
  const hooks = table(
    ["hook", "tapable class", "a tap gets → gives", "who answers last", "for"],
    Object.entries(HOOKS).map(([name, { kind, args, gives, host, purpose, keyed, closed }]) => [
      `[\`${name}\`](hooks/${name}.md)${keyed ? " (by method)" : ""}`,
      kind,
      `(${args.join(", ")}) → ${gives}`,
      `host: ${host}`,
      `${purpose}${closed ? " Always fails closed." : ""}`,
    ]),
  );
  const yes = (value) => (value ? "yes" : "–");
  const methods = table(
    ["method", "permit", "route", "transform", "call", "respond"],
    [...Object.entries(METHODS), ["any other request", UNKNOWN_METHOD]].map(([name, row]) => [
      name === "any other request" ? name : `\`${name}\``,
      row.permit === "no" ? "–" : row.permit === "listed" ? "each entry" : row.permit,
      row.route === "no" ? "–" : row.route === "hook" ? "yes" : "pinned",
      yes(row.transform),
      yes(row.call),
      yes(row.respond),
    ]),
  );
  return between(between(current, "hooks", hooks), "methods", methods);
}
