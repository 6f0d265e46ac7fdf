import { z } from "zod";

/** What the host's own operations give, for those who describe it. Fields may come to it, so whoever reads takes more than these. */

const strings = z.array(z.string());
const count = z.number();

export const NOTHING = z.looseObject({});

const connection = z.looseObject({
  key: z.string(),
  state: z.string(),
  reason: z.string().optional(),
  sessions: count,
  inFlight: count,
  latency: z.number().optional(),
  restarts: count,
  pid: count.optional(),
  stderr: z.string().optional(),
});

const upstream = z.looseObject({
  name: z.string(),
  wire: z.string(),
  protocolVersion: z.string().optional(),
  era: z.enum(["legacy", "modern"]).optional(),
  isolation: z.string(),
  required: z.boolean(),
  relays: z.string(),
  state: z.string().describe("Of its best connection."),
  reason: z.string().optional(),
  entries: z.looseObject({ tools: count, prompts: count, resources: count, templates: count }),
  incomplete: z.record(z.string(), z.string()),
  waiting: count,
  dropped: count,
  restarts: count,
  connections: z.array(connection),
});

const client = z.looseObject({
  id: z.string().describe("What an operator calls it."),
  name: z.string(),
  version: z.string(),
  protocolVersion: z.string(),
  era: z.enum(["legacy", "modern"]),
  principal: z.string(),
  endpoint: z.string().optional(),
  since: z.number().describe("In milliseconds since 1970."),
});

export const CLIENTS = z.looseObject({ clients: z.array(client) });

export const STATUS = z.looseObject({
  version: z.string(),
  pid: count,
  uptime: z.number().describe("In milliseconds."),
  url: z.string().optional(),
  ready: z.boolean(),
  down: strings.describe("`required` servers that are down."),
  draining: z.boolean().describe("Whether an operator has taken it out of what a load balancer sends to."),
  sessions: count,
  callers: count,
  inFlight: count,
  parked: count,
  upstreams: z.array(upstream),
  tools: z.array(z.looseObject({ name: z.string(), upstream: z.string(), native: z.string() })),
  withheld: z.array(z.looseObject({ kind: z.string(), name: z.string(), upstream: z.string(), reason: z.string() })),
  endpoints: z.array(z.looseObject({ name: z.string(), plugin: z.string() })),
  authenticates: z.boolean(),
  reports: z.record(z.string(), z.record(z.string(), z.unknown())).describe("How things stand with each plugin that says so, by its id."),
  clients: z.array(client),
});

const fitness = z.enum(["ready", "degraded", "down"]);

export const HEALTH = z.looseObject({
  status: fitness,
  upstreams: z.array(
    z.looseObject({ name: z.string(), status: fitness, required: z.boolean(), state: z.string(), reason: z.string().optional() }),
  ),
});

export const STATS = z.looseObject({
  mode: z.enum(["single", "multi"]),
  uptime: z.number().describe("In milliseconds."),
  sessions: count,
  inFlight: count,
  requests: count,
  errors: count,
  activeUpstreams: count,
  tools: count,
  resources: count,
  resourceTemplates: count,
  prompts: count,
  upstreams: z.array(
    z.looseObject({
      name: z.string(),
      state: z.string(),
      inFlight: count,
      waiting: count,
      calls: count,
      errors: count,
      latency: z.looseObject({ p50: z.number(), p95: z.number() }).optional(),
      restarts: count,
    }),
  ),
});

export const PIPELINE = z.looseObject({
  plugins: z.array(z.looseObject({ id: z.string(), version: z.string(), source: z.string(), onError: z.string(), idle: z.boolean() })),
  disabled: strings,
  taps: z.array(z.looseObject({ hook: z.string(), method: z.string().optional(), plugin: z.string(), version: z.string() })),
  endpoints: z.array(z.looseObject({ name: z.string(), plugin: z.string() })),
});

const changes = z.looseObject({
  added: strings,
  changed: strings,
  renewed: strings.optional(),
  removed: strings,
  kept: strings,
});

export const RELOADED = z.looseObject({ upstreams: changes, plugins: changes });
