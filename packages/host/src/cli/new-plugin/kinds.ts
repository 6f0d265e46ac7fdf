/** What a new plugin may be, each with what the one does that is written. */
export const KINDS = {
  guard: "hides entries from lists and refuses them in calls",
  transform: "rewrites what goes to servers",
  respond: "edits what servers answer",
  route: "chooses the server of a call",
  tools: "offers tools of its own, without a server",
  service: "gives something to other plugins",
  store: "keeps what plugins store, in the place of memory",
  transport: "reaches servers in a way of its own",
} as const;

export type Kind = keyof typeof KINDS;

export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

/** The hook that the plugin of a kind taps, or what it does in the place of that. */
const WAYS: Readonly<Record<Kind, string>> = {
  guard: "hooks.permit",
  transform: "hooks.transform",
  respond: "hooks.respond",
  route: "hooks.route",
  tools: "host.offer",
  service: "host.provide, and hooks.settled",
  store: "host.provide",
  transport: "host.transports",
};

/** What each is, in a line for whoever chooses. */
export const KIND_MEANINGS: Readonly<Record<Kind, string>> = Object.fromEntries(
  KIND_NAMES.map((kind) => [kind, `${KINDS[kind]} (${WAYS[kind]})`]),
) as Record<Kind, string>; // of each kind one

/** Where nobody says anything. */
export const USUAL_KIND: Kind = "guard";
