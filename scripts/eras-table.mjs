// The part of docs/fidelity.md about clients and servers of both protocol eras, from the data of test/eras/matrix.
import { CLIENTS, DEVIATIONS, eraOf, expected, FRONTS, OPERATIONS, SETS, spokenWith } from "../test/eras/matrix/cells.mjs";
import { table } from "./pages.mjs";

const HEAD = `## Both eras

MCP has two protocol eras: *legacy* is 2025-11-25 and older, with \`initialize\` and sessions, *modern* is 2026-07-28, where each request is for
itself. Clients of either era are served before servers of either. \`test/eras/matrix\` runs every line of these tables with the SDKs' own
clients before servers made with the SDKs, each alone and three of them at once behind one host (those over stdio with \`relayRoots\`); this part of the page is made of its
\`cells.mjs\`. Of a server that speaks both eras the head of the column says which one the host speaks with it.
`;

/** What a server is called in the head of a column. */
function titleOf(set, server) {
  if (server.kind !== "dual") return set;
  const eras = new Set(["legacy", "modern"].map((era) => spokenWith(server, era)));
  return `${set} (${eras.size > 1 ? "as the client" : [...eras][0]})`;
}

/** Every client by every way in, of those that find an era. */
const comers = Object.keys(FRONTS).flatMap((front) =>
  Object.keys(CLIENTS)
    .filter((client) => eraOf(client, front) !== undefined)
    .map((client) => ({ client, front })),
);

function list(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** "SDK v1 by HTTP and WebSocket" for each set of ways in that clients have in common. */
function named(group) {
  const byFronts = new Map();
  for (const client of new Set(group.map((comer) => comer.client))) {
    const fronts = list(group.filter((comer) => comer.client === client).map(({ front }) => FRONTS[front].title));
    byFronts.set(fronts, [...(byFronts.get(fronts) ?? []), CLIENTS[client].title]);
  }
  return [...byFronts].map(([fronts, clients]) => `${list(clients)} by ${fronts}`).join("; ");
}

export function renderEras() {
  const servers = Object.entries(SETS).flatMap(([set, [server, ...more]]) =>
    more.length > 0 ? [] : [{ title: titleOf(set, server), server }],
  );
  const notes = [];
  const cell = (operation, comer, server) => {
    const deviation = expected(operation, { ...comer, server });
    if (!DEVIATIONS.includes(deviation)) return "✓";
    if (!notes.includes(deviation)) notes.push(deviation);
    return `${deviation.outcome} (${notes.indexOf(deviation) + 1})`;
  };
  const groups = new Map();
  for (const comer of comers) {
    const rows = Object.entries(OPERATIONS).map(([key, title]) => [title, ...servers.map(({ server }) => cell(key, comer, server))]);
    const text = table(["", ...servers.map(({ title }) => title)], rows);
    groups.set(text, [...(groups.get(text) ?? []), comer]);
  }
  const tables = [...groups].map(([text, group]) => `### ${named(group)}\n\n${text}\n`);
  const reasons = notes.map(({ reason }, index) => `${index + 1}. ${reason}`).join("\n");
  return [HEAD, ...tables, `${reasons}\n`].join("\n");
}
