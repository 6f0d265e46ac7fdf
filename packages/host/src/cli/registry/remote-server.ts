import { UsageError } from "../../operator/usage-error.ts";
import { isSafeUrl } from "../../wire/loopback.ts";
import type { Answers } from "../servers/answers.ts";
import type { Draft } from "../servers/draft.ts";
import { shownText, type Text } from "../servers/written-text.ts";
import type { Asked } from "./asked.ts";
import type { Transport } from "./server-json.ts";

/** The wires that a server elsewhere may have. */
const WIRES: Readonly<Record<string, "http" | "sse">> = { "streamable-http": "http", sse: "sse" };

/** A server that is reached at an address. @throws Error that says why it cannot be used */
export function remoteServer({ type, url, headers = [], variables = {} }: Transport, asked: Asked): (answers: Answers) => Draft {
  const wire = Object.hasOwn(WIRES, type) ? WIRES[type] : undefined;
  if (wire === undefined) throw new Error(`"${type}" is no wire that the host speaks; it is streamable-http or sse`);
  if (url === undefined) throw new Error("it has no URL");
  const address = asked.template(url, variables, "the address");
  const values = headers.map((header) => asked.keyed(header, "the header"));
  return (answers) => {
    const text = address(answers) ?? [];
    checkHost(text);
    // Where a reference stands for the beginning, only the operator knows the address.
    const shown = shownText(text, "secret").replace(/\$\{[^${}]*\}/g, (found, at: number) => (at === 0 ? found : "0"));
    // An entry is to lead no credentials over an open network; who needs that writes the URL in the config.
    if (!shown.startsWith("${") && !isSafeUrl(shown))
      throw new UsageError(
        `the address ${shown} is no https:// URL without a user name; \`mcp-host add <name> <url>\` takes any that is meant`,
      );
    return { type: wire, url: text, headers: values.flatMap((header) => header(answers)) };
  };
}

/** What is filled into the name of the host stays in it: with `evil.example/` before `.example.com` the headers would go to another. */
function checkHost(text: Text): void {
  let before = "";
  for (const part of text) {
    const isInHost = /^[a-z]{1,8}:\/\/[^/?#]*$/i.test(before);
    if (isInHost && !part.isForeign && !part.text.includes("${") && /[/?#@\\\s]/.test(part.text))
      throw new UsageError(
        `"${part.text}" stands in the name of the host of the address, which cannot hold "/", "?", "#", "@", "\\" or blanks`,
      );
    before += part.text;
  }
}
