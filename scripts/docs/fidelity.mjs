import { casesOf, rows, WAYS_IN, WAYS_OUT } from "../../test/fidelity/rows.mjs";

export const file = "docs/fidelity.md";

const HEAD = `# Fidelity

What the host owes to every message of MCP 2025-11-25, in both directions, and the cases that show it. Each case runs in
\`test/fidelity\`, one file for each way in, over every way in (how the client reaches the host: HTTP, stdio, in process, HTTP+SSE of
2024-11-05, WebSocket) and every way out (how the host reaches the upstream: HTTP, stdio, in process, HTTP+SSE, WebSocket), with the
SDK's own client or with raw JSON-RPC where that client would hide something. A client over stdio starts the command, in a process of
its own, where the upstream is reached over stdio, too; with every other way out its streams are pipes in one process. Where a case
has a meaning on some ways only, it says so.

This page is made of \`test/fidelity/rows.mjs\` by \`npm run docs\`.
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

/** The whole page, from the rows of the fidelity test. */
export function render() {
  const sections = rows.map((row) => {
    const cases = casesOf(row).map((told) => `- ${told.title}${ways(told)}`);
    return `## ${row.message}, ${row.direction}\n\n${row.duty}\n\n${cases.join("\n")}\n`;
  });
  return [HEAD, ...sections].join("\n");
}
