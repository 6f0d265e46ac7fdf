import { wordsOf } from "./words.ts";

/** Words that people say for what tools call otherwise. None of them is the name of a product. */
const KNOWN: readonly (readonly string[])[] = [
  ["create", "add", "make", "new", "insert", "build", "generate"],
  ["create", "propose", "start", "open", "begin", "register"],
  ["delete", "remove", "erase", "destroy", "drop", "discard", "trash", "clear"],
  ["update", "edit", "change", "modify", "alter", "set", "replace"],
  ["update", "patch", "revise", "amend"],
  ["get", "read", "fetch", "retrieve", "load"],
  ["get", "show", "view", "display", "see", "look"],
  ["get", "which", "what"],
  ["list", "all", "enumerate", "show", "overview", "which"],
  ["search", "find", "look", "query", "seek", "locate", "discover", "lookup"],
  ["send", "post", "write", "publish", "submit", "tell", "announce", "say"],
  ["write", "save", "store", "put", "keep"],
  ["add", "leave", "put", "append", "attach"],
  ["move", "rename", "relocate"],
  ["copy", "duplicate", "clone", "fork"],
  ["run", "execute", "launch", "invoke", "start"],
  ["evaluate", "compute", "calculate"],
  ["stop", "end", "cancel", "abort", "close"],
  ["complete", "done", "finish", "close", "mark"],
  ["compare", "difference", "diff"],
  ["approve", "accept", "confirm", "allow"],
  ["assign", "delegate", "owner"],
  ["upload", "attach", "push"],
  ["download", "pull", "fetch"],
  ["navigate", "go", "visit", "open", "browse"],
  ["back", "previous", "return"],
  ["file", "document"],
  ["folder", "directory", "dir"],
  ["repository", "repo", "project"],
  ["issue", "bug", "ticket", "problem", "report"],
  ["task", "todo", "assignment", "reminder", "remind"],
  ["picture", "image", "photo", "screenshot"],
  ["draw", "paint", "generate"],
  ["chart", "graph", "plot", "diagram"],
  ["trend", "development", "time"],
  ["message", "chat", "text"],
  ["history", "recent", "lately", "log", "past"],
  ["reply", "answer", "respond", "response"],
  ["channel", "room", "conversation"],
  ["user", "person", "people", "member", "account", "who"],
  ["team", "group", "workspace", "organization"],
  ["page", "website", "site", "web", "url"],
  ["url", "link", "address", "web"],
  ["database", "db", "sql", "table"],
  ["column", "field", "structure", "schema", "describe"],
  ["row", "record", "entry", "item"],
  ["time", "clock", "hour", "now", "current"],
  ["date", "day", "calendar", "due"],
  ["status", "state", "check", "pass"],
  ["details", "info", "information", "properties", "metadata", "about"],
  ["size", "big", "large", "length", "bytes"],
  ["count", "number", "many", "often", "times"],
  ["modified", "changed", "edited", "last"],
  ["distance", "far", "long", "travel"],
  ["directions", "route", "way", "drive", "walk"],
  ["elevation", "height", "high", "altitude"],
  ["place", "location", "near", "nearby", "local", "spot"],
  ["restaurant", "shop", "business", "store", "cafe"],
  ["geocode", "coordinates", "latitude", "longitude"],
  ["press", "click", "push", "tap"],
  ["type", "enter", "fill", "input"],
  ["select", "choose", "pick", "option"],
  ["wait", "pause", "delay", "sleep"],
  ["error", "warning", "failure", "exception"],
  ["convert", "transform", "translate", "turn"],
  ["pattern", "regex", "regular", "expression", "match"],
  ["color", "colour"],
  ["recipe", "dish", "meal", "cook", "food", "eat"],
  ["memory", "remember", "note", "recall", "knowledge"],
  ["remember", "store", "save"],
  ["relation", "link", "connection", "relationship"],
  ["entity", "thing", "object", "node"],
  ["observation", "fact"],
  ["hash", "digest", "checksum"],
  ["random", "uuid", "password"],
  ["apartment", "accommodation", "rental", "lodging", "house"],
  ["docs", "documentation", "manual", "reference", "guide"],
  ["think", "reason", "thought"],
  ["plan", "design", "prepare"],
  ["pr", "pull"],
  ["undo", "revert", "reset", "restore"],
  ["branch", "version"],
  ["merge", "combine", "join"],
  ["lint", "style", "quality"],
  ["library", "package", "module", "dependency"],
  ["research", "investigate", "study"],
  ["summary", "overview", "summarize"],
  ["news", "current", "latest"],
  ["transcript", "subtitle", "caption"],
  ["mail", "email"],
  ["stock", "share", "quote"],
  ["weather", "forecast"],
  ["price", "cost"],
  ["event", "meeting", "appointment"],
  ["contact", "address"],
  ["invoice", "bill"],
  ["customer", "client"],
];

/** Which words may stand for a word, each as {@link wordsOf} has it. */
export class Synonyms {
  readonly #of = new Map<string, Set<string>>();

  /** @param own groups besides those that are known */
  constructor(own: readonly (readonly string[])[]) {
    for (const group of [...KNOWN, ...own]) {
      const words = group.flatMap(wordsOf);
      for (const word of words) {
        const others = this.#of.get(word) ?? new Set();
        for (const other of words) if (other !== word) others.add(other);
        this.#of.set(word, others);
      }
    }
  }

  of(word: string): Iterable<string> {
    return this.#of.get(word) ?? [];
  }
}
