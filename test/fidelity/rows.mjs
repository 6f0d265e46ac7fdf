/**
 * What the host owes to every message of 2025-11-25, in both directions, and the cases that show it. `docs/fidelity.md` is
 * made of this, and test/fidelity/matrix.ts holds a case against every sentence.
 *
 * A case runs over every way in and every way out, unless it says `in` or `out`: then the sentence has no meaning elsewhere.
 */

const C2S = "client → upstream";
const S2C = "upstream → client";

const http = ["http"];
const local = ["stdio", "memory"];
/** A host over stdio has one client. */
const several = ["http", "memory", "sse", "websocket"];

const listCases = {
  fields: "every entry arrives with every field that the upstream lists, in its order",
  pages: "all pages are read, and an empty string is a cursor like another",
  repeated: "a cursor that repeats ends the list instead of going round",
  endless: "a list without end is cut off",
};

export const rows = [
  {
    message: "initialize",
    direction: C2S,
    duty: "Answered by the host, once per session; its own `initialize` goes to each upstream with what the client declared.",
    cases: {
      versions: "each supported version is echoed, and any other is answered with the newest",
      union: "capabilities are the union of what the upstreams have, and nothing that none has",
      undeclared: "methods of a capability that nobody has are -32601 (Method not found)",
      mirrored: "an upstream sees the capabilities that the client declared",
      sole: { title: "a host's only client has every connection for itself, whatever the config says", in: local },
      fewer: "what the client did not declare is not declared to the upstream",
      instructions: "instructions of several upstreams are merged under their keys, and those of one are its own",
    },
  },
  {
    message: "notifications/initialized",
    direction: C2S,
    duty: "Local; each upstream gets the host's own, before anything else.",
    cases: { own: "each connection is told once, before it is asked for anything" },
  },
  { message: "ping", direction: C2S, duty: "Answered by the host.", cases: { local: "the host answers and no upstream is bothered" } },
  { message: "ping", direction: S2C, duty: "Answered by the host.", cases: { local: "the host answers and no client is bothered" } },
  {
    message: "tools/list",
    direction: C2S,
    duty: "Answered from the catalog: every page of every upstream, as one page.",
    cases: { ...listCases, merged: "the lists of several upstreams follow in config order" },
  },
  { message: "prompts/list", direction: C2S, duty: "As tools/list.", cases: listCases },
  { message: "resources/list", direction: C2S, duty: "As tools/list; URIs stay native.", cases: listCases },
  { message: "resources/templates/list", direction: C2S, duty: "As tools/list.", cases: listCases },
  {
    message: "tools/call",
    direction: C2S,
    duty: "To the owner with its native name; arguments, `_meta` and the result pass whole.",
    cases: {
      whole: "arguments, `_meta` and unknown params arrive, and so do structured content, `_meta` and unknown fields of the result",
      blocks: "content of every kind arrives as it was sent, a kind that nobody knows included",
      failed: "a result with `isError` arrives whole",
      validated: "the SDK's client accepts structured content against the listed output schema",
      ids: "a request's id comes back with its type, whatever else is in flight",
    },
  },
  {
    message: "resources/read",
    direction: C2S,
    duty: "To the owner of the URI; contents pass whole.",
    cases: {
      kinds: "text, binary, templated, unlisted and `ui://` resources are read whole",
      unknown: "the upstream's own error for an unknown URI passes with its data",
      contested: "where two upstreams list one URI, the later one's is prefixed in lists and in contents alike",
      seen: "an unlisted URI that a result named is read where it was named",
    },
  },
  {
    message: "resources/subscribe",
    direction: C2S,
    duty: "Counted per connection and URI; renewed when the upstream comes back.",
    cases: {
      told: "the upstream is told once, however often a client subscribes",
      counted: { title: "two clients on one connection make one subscription", in: several },
      renewed: "a subscription outlives the loss of its upstream",
    },
  },
  {
    message: "resources/unsubscribe",
    direction: C2S,
    duty: "The upstream is told when the last subscriber goes.",
    cases: {
      silent: "no update arrives afterwards",
      last: { title: "the upstream is told by the last of two clients, not by the first", in: several },
    },
  },
  {
    message: "prompts/get",
    direction: C2S,
    duty: "To the owner with its native name; messages pass whole.",
    cases: {
      whole: "messages with text, image, embedded resource and link arrive whole",
      refused: "the upstream's refusal of missing arguments passes",
    },
  },
  {
    message: "completion/complete",
    direction: C2S,
    duty: "To the owner of the ref, with its context.",
    cases: {
      prompt: "a prompt's argument is completed, with its context",
      template: "a template's variable is completed",
      unknown: "an unknown ref is refused",
    },
  },
  {
    message: "logging/setLevel",
    direction: C2S,
    duty: "To every upstream with the capability, to late ones too; on shared connections the chattiest level of all.",
    cases: {
      spread: "the level reaches the upstreams that log, and the others hear nothing of it",
      late: "an upstream that connects later, or again, gets the level too",
      shared: { title: "a shared connection has the chattiest level, and each client gets its own", in: several, out: http },
      refused: "an unknown level is refused",
    },
  },
  {
    message: "tools/call with a task",
    direction: C2S,
    duty: "The handle passes whole, under an id of the host's: upstreams choose ids without knowing of each other.",
    cases: {
      handle: "the handle and its `_meta` arrive, and the task runs to its result",
      colliding: "tasks of two upstreams with one native id are two tasks",
      required: "a tool that only runs as a task says so itself when it is called plainly",
      progress: "its progress goes on arriving under the token of the call, which has been answered",
    },
  },
  {
    message: "tasks/get",
    direction: C2S,
    duty: "To the connection that runs the task; only for its owner.",
    cases: {
      state: "the state arrives with every field",
      foreign: { title: "another client's task is unknown", in: several },
    },
  },
  {
    message: "tasks/result",
    direction: C2S,
    duty: "Blocks until the task is over; the result passes whole, related to the task that the client knows.",
    cases: {
      result: "the result of a success, of a failure with `isError` and of an error arrive as they are",
      question: "a task that needs input asks on the way, and goes on with the answer",
    },
  },
  {
    message: "tasks/list",
    direction: C2S,
    duty: "The caller's own tasks of all upstreams, all pages, as one page.",
    cases: {
      own: "tasks of two upstreams are in one list, under the client's ids",
      foreign: { title: "another client's tasks are not in it", in: several },
    },
  },
  {
    message: "tasks/cancel",
    direction: C2S,
    duty: "To the connection that runs the task.",
    cases: { stops: "the task is cancelled, once" },
  },
  {
    message: "tasks/get, tasks/result, tasks/cancel, tasks/list",
    direction: S2C,
    duty: "To the client that runs the task, with the client's own id.",
    cases: { lifecycle: "an upstream asks for sampling as a task, follows it, gets its result, lists and cancels it" },
  },
  {
    message: "roots/list",
    direction: S2C,
    duty: "To the session whose call asked, or whose connection it is.",
    cases: { asked: "the client's roots reach the upstream with every field" },
  },
  {
    message: "sampling/createMessage",
    direction: S2C,
    duty: "As roots/list; params and answer pass whole.",
    cases: {
      asked: "params reach the client and its answer the upstream, unknown fields included",
      refused: "the client's error reaches the upstream with code and data",
      undeclared: "a client that did not declare sampling is not asked",
      ids: "an upstream's string ids come back as strings, its numbers as numbers",
    },
  },
  {
    message: "elicitation/create, form",
    direction: S2C,
    duty: "As roots/list; only to a client that declared the mode.",
    cases: {
      asked: "the form reaches the client and its content the upstream",
      undeclared: "a client that declared only the other mode is not asked",
    },
  },
  {
    message: "elicitation/create, url",
    direction: S2C,
    duty: "As roots/list; the id is remembered.",
    cases: {
      asked: "the URL and its id reach the client, and its answer the upstream",
      undeclared: "a client that declared only the other mode is not asked",
    },
  },
  {
    message: "error -32042",
    direction: S2C,
    duty: "Passes with `data.elicitations`; the ids are remembered.",
    cases: { whole: "code, message and elicitations arrive, and so does the completion afterwards" },
  },
  {
    message: "notifications/elicitation/complete",
    direction: S2C,
    duty: "Only to the client that got the id.",
    cases: {
      during: "a completion during the call arrives before its answer",
      after: "a completion after the call arrives too",
      foreign: { title: "another client hears nothing of it, even one that was given the same id", in: several },
    },
  },
  {
    message: "notifications/progress",
    direction: S2C,
    duty: "Under the client's token with its type, on the call's stream, while the call lives; never invented, always increasing.",
    cases: {
      order: "every step arrives in order, before the answer, with every field",
      tokens: "a token keeps its type, and equal-looking tokens of two calls are kept apart",
      uninvited: "the host asks a tool for its progress, for the deadline; a client that did not ask sees none",
      late: "progress after the answer does not arrive",
      increasing: "progress that goes back, or belongs to no call, does not arrive",
      sdk: "the SDK's client sees the progress of its call",
    },
  },
  {
    message: "notifications/progress",
    direction: C2S,
    duty: "Of a client that works on a question: to the upstream that asked, under its token.",
    cases: { question: "the progress of an answer under way reaches the upstream" },
  },
  {
    message: "notifications/cancelled",
    direction: C2S,
    duty: "To the owner under its id, at once; no answer follows.",
    cases: {
      calls: "tools, prompts and reads are cancelled at the upstream with the reason, and not answered",
      other: "a call with the same id of another type goes on",
      ignored: "an upstream that answers all the same is not heard",
    },
  },
  {
    message: "notifications/cancelled",
    direction: S2C,
    duty: "An upstream withdraws its question: the client is told under the id that it knows.",
    cases: { question: "a withdrawn question is withdrawn at the client" },
  },
  {
    message: "notifications/message",
    direction: S2C,
    duty: "To the session that caused it or owns the connection, from its level on; `logger` says which upstream when there are several.",
    cases: {
      whole: "a log line arrives with every field, and not before its level",
      logger: "with several upstreams the logger names its upstream",
    },
  },
  {
    message: "notifications/tools/list_changed",
    direction: S2C,
    duty: "The catalog is read first; then one event, if something that the client sees changed.",
    cases: {
      fresh: "the list is fresh when the event arrives, and a burst makes one event",
      removed: "an entry that is gone is gone from the list, and a call of it is refused",
      nothing: "an upstream that changed nothing causes no event",
    },
  },
  {
    message: "notifications/prompts/list_changed",
    direction: S2C,
    duty: "As for tools.",
    cases: { fresh: "the list is fresh when the event arrives, and a burst makes one event" },
  },
  {
    message: "notifications/resources/list_changed",
    direction: S2C,
    duty: "As for tools; resources and templates alike.",
    cases: {
      fresh: "the list is fresh when the event arrives, and a burst makes one event",
      templates: "a changed template is news too",
    },
  },
  {
    message: "notifications/resources/updated",
    direction: S2C,
    duty: "To the subscribers, with the URI that they know.",
    cases: {
      subscribers: "a subscriber is told with every field, and of nothing that it did not subscribe to",
      contested: "a prefixed URI is updated under its prefix",
    },
  },
  {
    message: "notifications/roots/list_changed",
    direction: C2S,
    duty: "To the upstreams that know the client's roots.",
    cases: { told: "the upstream is told and can ask for the new roots" },
  },
  {
    message: "notifications/tasks/status",
    direction: S2C,
    duty: "To the task's owner, under the id that it knows.",
    cases: { told: "the owner sees the task's states with every field" },
  },
  {
    message: "notifications/tasks/status",
    direction: C2S,
    duty: "To the upstream that asked, under the id that it knows.",
    cases: { told: "the upstream sees the states of a task that the client runs" },
  },
  {
    message: "unknown requests",
    direction: C2S,
    duty: "To the only upstream if there is one, else refused.",
    cases: {
      sole: "a vendor request reaches the only upstream and its answer comes back whole",
      refused: "with two upstreams it is refused as unknown",
      unknown: "what the upstream does not know either is refused in its words",
    },
  },
  {
    message: "unknown requests",
    direction: S2C,
    duty: "To the client, which knows what it speaks.",
    cases: { asked: "a vendor request reaches the client and its answer the upstream" },
  },
  {
    message: "unknown notifications",
    direction: C2S,
    duty: "To the only upstream if there is one, else dropped.",
    cases: {
      sole: "a vendor notification reaches the only upstream",
      dropped: "with two upstreams it reaches none",
    },
  },
  {
    message: "unknown notifications",
    direction: S2C,
    duty: "To the session that caused it or owns the connection.",
    cases: { told: "a vendor notification reaches the client whole" },
  },
  {
    message: "errors",
    direction: S2C,
    duty: "Code, message and data pass as they are.",
    cases: {
      whole: "an upstream's error arrives with code, message and data",
      unknown: "unknown names are refused in the words of the specification",
    },
  },
  {
    message: "the HTTP layer",
    direction: C2S,
    duty: "What a client sends is accepted; a dead session is told with 404, so that the client begins anew.",
    cases: {
      accepted: { title: "answers and notifications of the client get 202", in: http },
      dead: { title: "an ended session is answered with 404", in: http },
      expired: {
        title: "an upstream that forgot the session is initialized again, and the call is sent once more, however often that happens",
        out: http,
      },
    },
  },
  {
    message: "the HTTP layer",
    direction: S2C,
    duty: "Everything that a call causes arrives on the stream of its POST, in order; broken upstream streams are resumed.",
    cases: {
      origin: {
        title: "progress, logs, questions and notifications of a call arrive on its POST stream, also with another call in flight",
        in: http,
        out: http,
      },
      progress: { title: "progress arrives on the POST stream of its call", in: http },
      pushed: { title: "what no call caused arrives on the GET stream, where the connection is the client's own", in: http },
      resumed: { title: "an upstream's broken stream is resumed, with its progress and its answer", out: http },
    },
  },
];

/** How a client reaches the host. */
export const WAYS_IN = ["http", "stdio", "memory", "sse", "websocket"];
/** How the host reaches an upstream. */
export const WAYS_OUT = ["http", "stdio", "memory", "sse", "websocket"];

/** A row's name: two rows may have one message. */
export const nameOf = ({ message, direction }) => `${message}, ${direction}`;

/** A row's cases with their ways; a sentence alone runs everywhere. */
export function casesOf(row) {
  return Object.entries(row.cases).map(([key, told]) => {
    const { title, in: into = WAYS_IN, out = WAYS_OUT } = typeof told === "string" ? { title: told } : told;
    return { key, title, into, out };
  });
}
