/** What a new plugin may be, each with what the one does that is written. */
export const KINDS = {
  guard: "hides entries from lists and refuses them in calls",
  transform: "rewrites what goes to servers",
  route: "chooses the server of a call",
  tools: "offers tools of its own, without a server",
  service: "gives something to other plugins",
  store: "keeps what plugins store, in the place of memory",
  transport: "reaches servers in a way of its own",
} as const;

export type Kind = keyof typeof KINDS;

export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

/** Where nobody says anything. */
export const USUAL_KIND: Kind = "guard";
