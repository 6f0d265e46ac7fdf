/** Bounds of everything that a peer can make grow. Sizes in bytes, times in milliseconds. */
export interface Limits {
  /** A client's HTTP body or stdio line. Default 4 MB. */
  requestBytes: number;
  /** One message from an upstream. Default 32 MB. */
  messageBytes: number;
  /** Nesting of a client's message. Default 64. */
  depth: number;
  /** Keys, and objects and arrays in arrays, in a client's message. Default 50,000. */
  keys: number;
  /** HTTP request headers. Default 16 KB. */
  headerBytes: number;
  /** HTTP request header count. Default 100. */
  headerCount: number;
  /** Open client sessions. Default 5,000. */
  sessions: number;
  /** Open client sessions of one named principal. Default 100. */
  sessionsPerPrincipal: number;
  /** A session without traffic is closed after this. Default 30 min. */
  sessionIdle: number;
  /** A session that sent only `initialize` is closed after this. Default 30 s. */
  sessionInitialize: number;
  /** Clients without a session (2026-07-28), told apart by principal and endpoint, for whom something is kept. Default 1,000. */
  callers: number;
  /** What is kept for such a client goes when nothing came of it for so long. Default 10 min. */
  callerIdle: number;
  /** Open `subscriptions/listen` of one such client. Default 100. */
  listeners: number;
  /** Calls of such clients that wait for the answer to a question. Default 200. */
  parked: number;
  /** Those of one such client that is not anonymous. Default 5. */
  parkedPerCaller: number;
  /** How long such a client may take to come back with the answer. Default 5 min. */
  parkTime: number;
  /** Requests in flight of one session. Default 256. */
  inFlightPerSession: number;
  /** Requests in flight to one upstream. Default 512. */
  inFlightPerUpstream: number;
  /** Calls that wait for their turn at one upstream with `concurrency`; further ones are refused. Default 512. */
  waitingPerUpstream: number;
  /** Requests in flight in all. Default 4,096. */
  inFlight: number;
  /** Questions under way that upstreams have asked one client: sampling, elicitation, roots. Default 16. */
  questionsPerSession: number;
  /** Questions under way that came over one connection to an upstream. Default 64. */
  questionsPerConnection: number;
  /** How long a client may take to answer such a question, and the person before it to think. The call that it belongs to waits meanwhile. Default 5 min. */
  questionTime: number;
  /** Calls of plugins' own (`exchange.call`) that lead to one another. Default 8. */
  callDepth: number;
  /** Calls of plugins' own on behalf of one request of a client, over all levels. Default 256. */
  callsPerExchange: number;
  /** Bytes waiting for a client that does not read; then it is dropped. Default 16 MB. */
  clientQueueBytes: number;
  /** Bytes waiting for an upstream that does not read. Default 16 MB. */
  upstreamQueueBytes: number;
  /** Entries of one kind from one upstream. Default 5,000. */
  entriesPerUpstream: number;
  /** Entries of one kind in all. Default 20,000. */
  entries: number;
  /** Characters of a tool's or prompt's name, or a method's. Clients may send 256 more, for the prefixes of plugins. Default 1,024. */
  nameLength: number;
  /** Characters of a resource's URI or URI template. Clients may send 256 more, for the prefix of an upstream. Default 8,192. */
  uriLength: number;
  /** Pages of one list. Default 100. */
  listPages: number;
  /** Open HTTP connections. Default 2,000. */
  connections: number;
  /** Live tasks in all. Default 10,000. */
  tasks: number;
  /** Resource URIs remembered per session because a result named them. Default 1,000. */
  seenUris: number;
  /** Progress notifications per second of one call; the rest is dropped. Default 100. */
  progressPerSecond: number;
}

const KB = 1024;
const MB = 1024 * KB;

export const DEFAULT_LIMITS: Readonly<Limits> = Object.freeze({
  requestBytes: 4 * MB,
  messageBytes: 32 * MB,
  depth: 64,
  keys: 50_000,
  headerBytes: 16 * KB,
  headerCount: 100,
  sessions: 5_000,
  sessionsPerPrincipal: 100,
  sessionIdle: 30 * 60_000,
  sessionInitialize: 30_000,
  callers: 1_000,
  callerIdle: 10 * 60_000,
  listeners: 100,
  parked: 200,
  parkedPerCaller: 5,
  parkTime: 5 * 60_000,
  inFlightPerSession: 256,
  inFlightPerUpstream: 512,
  waitingPerUpstream: 512,
  inFlight: 4_096,
  questionsPerSession: 16,
  questionsPerConnection: 64,
  questionTime: 5 * 60_000,
  callDepth: 8,
  callsPerExchange: 256,
  clientQueueBytes: 16 * MB,
  upstreamQueueBytes: 16 * MB,
  entriesPerUpstream: 5_000,
  entries: 20_000,
  nameLength: 1_024,
  uriLength: 8_192,
  listPages: 100,
  connections: 2_000,
  tasks: 10_000,
  seenUris: 1_000,
  progressPerSecond: 100,
});
