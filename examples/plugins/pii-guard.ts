import { definePlugin, refuse } from "mcp-host";
import { z } from "zod";

const MAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g;
const CARD = /\b(?:\d[ -]?){12,18}\d\b/g;

/** What a request names is read-only, by method. */
const NAMED = new Map(
  Object.entries({ "tools/call": "name", "prompts/get": "name", "resources/read": "uri", "completion/complete": "ref" }),
);

/** Whether the last digit is the check digit of the others (Luhn), as of every card. */
function isCard(text: string): boolean {
  const digits = [...text.replace(/\D/g, "")].reverse().map(Number);
  return digits.reduce((sum, digit, i) => sum + (i % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit), 0) % 10 === 0;
}

/** The value with every text edited, keys of objects too; the same value where nothing changed. */
function edited<T>(value: T, edit: (text: string) => string): T {
  const walk = (part: unknown): unknown => {
    if (typeof part === "string") return edit(part);
    if (typeof part !== "object" || part === null) return part;
    const entries = Object.entries(part).map(([key, item]) => [edit(key), walk(item)] as const);
    if (entries.every(([key, item], i) => item === Object.values(part)[i] && key === Object.keys(part)[i])) return part;
    return Array.isArray(part) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
  };
  return walk(value) as T; // texts stay texts, and everything else stays what it is
}

/** Masks e-mail addresses and lets no number of a credit card pass, whichever way it goes. */
export default definePlugin({
  name: "pii-guard",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({ mask: z.string().min(1).default("[e-mail]") }),
  security: true,
  apply(host, { mask }) {
    const masked = host.meter.counter({ name: "pii.masked", description: "E-mail addresses that were masked.", labels: ["where"] });
    const hasCard = (value: unknown) => (JSON.stringify(value).match(CARD) ?? []).some(isCard);
    const masking =
      (where: string) =>
      <T>(value: T): T =>
        edited(value, (text) =>
          text.replace(MAIL, () => {
            masked.add(1, where);
            return mask;
          }),
        );
    const checked = <T>(where: string, value: T): T => {
      if (hasCard(value)) throw refuse("forbidden", `the number of a credit card must not pass (in ${where}); take it out`);
      return value;
    };
    const guard =
      (where: string) =>
      <T>(value: T): T =>
        masking(where)(checked(where, value));
    host.hooks.transform.for("*").tap("pii-guard", (sent, { method }) => {
      if (method.startsWith("notifications/")) return guard("notifications")(sent); // which authorize is not asked about
      const clean = masking("arguments")(sent);
      const named = NAMED.get(method);
      return named === undefined || clean === sent ? clean : { ...clean, [named]: sent[named] };
    });
    // Behind all plugins that rewrite arguments: what it judges is what is sent.
    host.hooks.authorize.for("*").tap("pii-guard", ({ params }) => void checked("arguments", params));
    for (const method of ["tools/call", "prompts/get", "resources/read", "completion/complete"] as const)
      host.hooks.respond.for(method).tap("pii-guard", guard("results"));
    host.hooks.fail.for("*").tap("pii-guard", (failed) => {
      const message = "the error held the number of a credit card";
      return hasCard(failed) ? { code: failed.code, message } : masking("errors")(failed);
    });
    host.hooks.ask.tap("pii-guard", (request) => ({ ...request, params: guard("questions")(request.params) }));
    host.hooks.answer.tap("pii-guard", guard("answers"));
    const notification = masking("notifications");
    host.hooks.notify.tap("pii-guard", (told) => {
      if (told.method === "notifications/resources/updated") return told; // a URI, which its subscriber wrote
      return hasCard(told) ? null : notification(told);
    });
  },
});
