import { casesOf, rows, WAYS_OUT } from "../../test/fidelity/rows.mjs";

export const file = "docs/fidelity.md";

const HEAD = `# Fidelity

What the host owes to every message of MCP 2025-11-25, in both directions, and the cases that show it. Each case runs in
\`test/fidelity.test.ts\` over every way in (how the client reaches the host: HTTP, stdio, in process) and every way out (how the
host reaches the upstream: Streamable HTTP, the SSE of old, WebSocket, stdio, in process), with the SDK's own client or with raw JSON-RPC where that client would hide
something. Where a case has a meaning on some ways only, it says so.

This page is made of \`test/fidelity/rows.mjs\` by \`npm run docs\`.
`;

const NAMES = { http: "HTTP", stdio: "stdio", memory: "in process", sse: "SSE", websocket: "WebSocket" };
const WAYS_IN = 3;

function ways({ into, out }) {
  const of = (list, preposition, all) => (list.length === all ? [] : [`${list.map((way) => NAMES[way]).join(" or ")} ${preposition}`]);
  const limits = [...of(into, "in", WAYS_IN), ...of(out, "out", WAYS_OUT.length)];
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
