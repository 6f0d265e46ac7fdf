import { readFileSync } from "node:fs";
import { join } from "node:path";
import { casesOf, rows, WAYS_IN, WAYS_OUT } from "../../test/fidelity/rows.mjs";
import { renderEras } from "../eras-table.mjs";
import { root, table } from "../pages.mjs";

export const file = "docs/fidelity.md";

const HEAD = `# Fidelity

What the host owes to every message of MCP 2025-11-25, in both directions, and the cases that show it. Each case runs in
\`test/fidelity\`, one file for each way in, over every way in (how the client reaches the host: HTTP, stdio, in process, HTTP+SSE of
2024-11-05, WebSocket) and every way out (how the host reaches the upstream: HTTP, stdio, in process, HTTP+SSE, WebSocket), with the
SDK's own client or with raw JSON-RPC where that client would hide something. A client over stdio starts the command, in a process of
its own, where the upstream is reached over stdio, too; with every other way out its streams are pipes in one process. Where a case
has a meaning on some ways only, it says so.

This page is made of \`test/fidelity/rows.mjs\`, \`test/eras/matrix/cells.mjs\` and \`test/zoo/results.json\` by \`npm run docs\`.
`;

/** What servers do that the specification does not say, or not so. */
const LENIENCY = `## What is taken from a server that is not quite right

The host is as lenient as the SDK's own client, so that a server that works directly works behind it, wherever that is safe; in some
places more, and in some it is not.

| a server that | is | since |
| --- | --- | --- |
| writes a media type in capitals (\`Application/JSON\`) | understood | media types are case-insensitive |
| begins a stream, a line or a body with a byte order mark | understood | the mark says nothing in UTF-8 |
| ends lines of an event stream with CR alone | understood | HTML's specification of event streams has it so |
| sends events without data | understood: they give the stream an id, and are no messages | streams that may be resumed begin so |
| answers with \`error: null\` beside a result, or \`result: null\` beside an error | understood; the SDK drops it | JSON-RPC 1.0 had both |
| answers a POST with an error that has \`id: null\` | understood; the SDK's client waits until its timeout | it can be the answer to that request only |
| does so over a wire where answers have no place of their own (stdio, WebSocket, HTTP+SSE) | not: the call goes on until its deadline | whose answer it is would be a guess |
| answers with an id of another type (\`"1"\` for \`1\`) | not; the SDK takes it | an id that is only nearly one's own is nobody's |
| says 400 instead of 404 for a session that it forgot | understood, if the words say so: it is initialized again | many do, and the request was not acted on |
| declares a capability and refuses its list with -32601 | understood: the list is empty; the SDK's client gets the error | what else it has can be used |
| sends an answer compressed although asked not to | refused | a small body may unpack to a very large one |
| redirects within its origin | followed, at most three times | the headers of the config are for that origin |
| redirects to another origin | refused; the SDK follows it | credentials would go there |
| answers with a key \`__proto__\`, nested very deeply or larger than \`limits.messageBytes\` | refused | such a message breaks who reads it |
`;

const CONFORMANCE = `## The official suite

\`npm run conformance\` runs \`@modelcontextprotocol/conformance\` against fixtures (\`test/conformance\`), directly and through the host. What
passes directly must pass through the host, check by check, and there is no list of exceptions.

| scenarios | behind the host | what is demanded |
| --- | --- | --- |
| for servers, 2025-11-25 | a server of 2025-11-25 over stdio and HTTP, one of three servers, with every plugin | each check as without the host |
| for servers, 2025-11-25 | a server of 2026-07-28 and nothing older, a server of both eras, over HTTP | each check as of the server of both without the host |
| for servers, 2026-07-28 | a server of 2026-07-28 and nothing older, a server of both eras, over HTTP | each check as without the host, or better |
| for servers, 2026-07-28 | a server of 2025-11-25 over stdio and HTTP, one of three servers, with every plugin | each scored scenario passes |
| for servers, tasks extension | a server of the extension over stdio and HTTP | each check as without the host |
| for clients, 2025-11-25 and 2026-07-28, but for signing in | the suite's own servers, where a small client drives the host | nothing fails |
| for clients, about signing in, 2025-03-26 to 2026-07-28 and \`client_credentials\` | the suite's own servers, with [@host/plugin-oauth](../packages/plugin-oauth/README.md) and somebody who signs in | nothing fails |

Four scenarios of extensions are none of the host's: DPoP with and without nonce (tokens are bearer tokens), enterprise-managed authorization (there is
no token of an identity provider to exchange) and workload identity (the host has none).
`;

const ZOO = `## Real servers

\`npm run zoo\` asks servers from npm, in the versions of \`test/zoo/package.json\`, first directly and then through a host, without plugins and
with every plugin of this repository. Each starts without network in an empty home. Equal are capabilities (but for \`listChanged\`, which the
host promises itself), instructions, every entry of every list with every field, every answer and error with everything in it, progress, and
what the server asks of the client. What differs from run to run, such as times, is taken out first (\`test/zoo/settle.mjs\`). – is a list
that the server refuses or cannot give.
`;

const ZOO_FAILING = `Those that cannot start so say why, and the reason that the host gives for them holds it:
`;

const NAMES = { http: "HTTP", stdio: "stdio", memory: "in process", sse: "HTTP+SSE", websocket: "WebSocket" };

function alternatives(list) {
  const names = list.map((way) => NAMES[way]);
  return names.length < 3 ? names.join(" or ") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

function ways({ into, out }) {
  const of = (list, all, preposition) => (list.length === all.length ? [] : [`${alternatives(list)} ${preposition}`]);
  const limits = [...of(into, WAYS_IN, "in"), ...of(out, WAYS_OUT, "out")];
  return limits.length === 0 ? "" : ` *(${limits.join(", ")})*`;
}

/** What `npm run zoo` found last. */
function zoo() {
  const results = JSON.parse(readFileSync(join(root, "test/zoo/results.json"), "utf8"));
  const verdict = (isEqual) => (isEqual ? "equal" : "**different**");
  const running = results
    .filter(({ fails }) => fails === undefined)
    .map(({ server, version, lists, asks, equal }) => {
      const counts = Object.values(lists).map((count) => count ?? "–");
      return [
        `\`${server}\``,
        version,
        ...counts,
        Object.values(asks).reduce((sum, times) => sum + times, 0),
        verdict(equal.host),
        verdict(equal.plugins),
      ];
    });
  const failing = results
    .filter(({ fails }) => fails !== undefined)
    .map(({ server, version, fails, equal }) => [
      `\`${server}\``,
      version,
      fails.replaceAll("`", ""),
      verdict(equal.host),
      verdict(equal.plugins),
    ]);
  return [
    ZOO,
    `${table(["server", "version", "tools", "prompts", "resources", "templates", "requests", "host", "with plugins"], running)}\n`,
    ZOO_FAILING,
    `${table(["server", "version", "reason", "host", "with plugins"], failing)}\n`,
  ];
}

/** The whole page, from the rows of the fidelity test. */
export function render() {
  const sections = rows.map((row) => {
    const cases = casesOf(row).map((told) => `- ${told.title}${ways(told)}`);
    return `## ${row.message}, ${row.direction}\n\n${row.duty}\n\n${cases.join("\n")}\n`;
  });
  return [HEAD, ...sections, renderEras(), LENIENCY, CONFORMANCE, ...zoo()].join("\n");
}
