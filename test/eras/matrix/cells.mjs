/**
 * Who meets whom, what they do, and what becomes of it: `docs/fidelity.md` has its table of eras from here, and matrix.ts runs
 * every cell.
 */

/** Clients, and the era that each speaks where the way in has both. */
export const CLIENTS = {
  v1: { title: "SDK v1", era: "legacy" },
  pinned: { title: "SDK v2 pinned to 2026-07-28", era: "modern" },
  auto: { title: "SDK v2 with `auto`", era: "modern" },
};

/** Ways in, and the eras that each has. */
export const FRONTS = {
  http: { title: "HTTP", eras: ["legacy", "modern"] },
  stdio: { title: "stdio", eras: ["legacy", "modern"] },
  websocket: { title: "WebSocket", eras: ["legacy", "modern"] },
};

const legacy = (wire) => ({ key: "old", kind: "legacy", wire });
const modern = (wire) => ({ key: "new", kind: "modern", wire });
const dual = (wire) => ({ key: "both", kind: "dual", wire });

/** What is behind the host. */
export const SETS = {
  "legacy, HTTP": [legacy("http")],
  "legacy, stdio": [legacy("stdio")],
  "modern, HTTP": [modern("http")],
  "modern, stdio": [modern("stdio")],
  "both, HTTP": [dual("http")],
  "both, stdio": [dual("stdio")],
  "three at once": [legacy("stdio"), modern("http"), dual("http")],
};

/** What a client does, by key. */
export const OPERATIONS = {
  list: "tools, prompts, resources and templates are listed",
  call: "a tool is called",
  structured: "a result has structured content",
  error: "a result is an error (`isError`)",
  unknown: "an unknown tool is -32602",
  read: "a resource is read, and an unknown one is not found",
  template: "a resource of a template is read",
  prompt: "a prompt is asked for",
  completion: "an argument is completed",
  progress: "a call reports progress",
  log: "a call logs at the level that the client wants",
  cancel: "a call is cancelled, and its server hears it",
  form: "a call asks with a form",
  url: "a call sends the person to a URL",
  model: "a call asks the client's model (sampling)",
  roots: "a call asks for the client's roots",
  three: "a call asks three things at once",
  twice: "a call asks twice",
  decline: "the person declines",
  listen: "the client hears of a resource that changes, and of no other",
  change: "the client hears that the list of tools has changed, and it has",
};

const ASKING = ["form", "url", "model", "roots", "three", "twice", "decline"];

/** Where something is not as it would be without the host: what becomes of it, where, and why. */
export const DEVIATIONS = [
  {
    operations: ASKING,
    outcome: "refused",
    when: ({ spoken, wire, front }) => spoken === "legacy" && wire === "stdio" && front !== "stdio",
    reason:
      'On a pipe that several clients share nothing says whose question it is, so the server is told that nobody can be asked; with `"isolation": "session"` each client has a server of its own, and with `"protocol": "modern"` a server of both eras asks in the modern one.',
  },
  {
    operations: ["log"],
    outcome: "nothing",
    when: ({ wire, front }) => wire === "stdio" && front !== "stdio",
    reason: "On a pipe that several clients share nothing says whose log line it is, so nobody gets it.",
  },
];

/** The era that a client speaks with the host. */
export function eraOf(client, front) {
  const { era } = CLIENTS[client];
  if (FRONTS[front].eras.includes(era)) return era;
  return client === "auto" ? "legacy" : undefined;
}

/** The era that the host speaks with a server for a client of an era. */
export function spokenWith({ kind, wire }, era) {
  if (kind !== "dual") return kind;
  return wire === "http" ? era : "legacy";
}

/**
 * The code of an unknown resource: that of the client's era, but SDK v2 knows only the new one, as a client and as a server of
 * either era. Where there are several servers the host says so itself.
 */
export function notFound({ client, server, isAlone }) {
  const isOld = client === "v1" && !(isAlone && spokenWith(server, "legacy") === "legacy" && server.kind === "dual");
  return isOld ? -32002 : -32602;
}

/** What becomes of an operation: `works`, or what a deviation says, and why. */
export function expected(operation, { client, front, server }) {
  const era = eraOf(client, front);
  const cell = { era, front, wire: server.wire, spoken: spokenWith(server, era) };
  return DEVIATIONS.find(({ operations, when }) => operations.includes(operation) && when(cell)) ?? { outcome: "works" };
}
