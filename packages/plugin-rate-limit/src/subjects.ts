import { hash } from "node:crypto";
import type { Exchange, Method } from "mcp-host";
import type { Addresses } from "./address.ts";
import type { SubjectName } from "./options.ts";

/** What a rule counts apart. */
export interface Bucket {
  /** Unique among the buckets of a rule. */
  readonly key: string;
  /** The same for people: without what is secret. */
  readonly label: string;
  /** Whether nobody can make any number of such buckets. */
  readonly isKnown: boolean;
}

/** One part of a bucket. */
interface Part {
  readonly key: string;
  readonly label: string;
  readonly isKnown: boolean;
}

/** UTF-16 units of a part: what is longer is told apart by its hash. */
const LONGEST = 100;

/** Methods that clients may be counted by; they can invent any number of others. */
const METHODS: Record<Method, true> = {
  initialize: true,
  "server/discover": true,
  "subscriptions/listen": true,
  ping: true,
  "logging/setLevel": true,
  "tools/list": true,
  "prompts/list": true,
  "resources/list": true,
  "resources/templates/list": true,
  "tools/call": true,
  "prompts/get": true,
  "resources/read": true,
  "resources/subscribe": true,
  "resources/unsubscribe": true,
  "completion/complete": true,
  "tasks/get": true,
  "tasks/result": true,
  "tasks/cancel": true,
  "tasks/update": true,
  "tasks/list": true,
};

const ALL: Bucket = { key: "", label: "all", isKnown: true };

/** Gives the bucket of a request. */
export type BucketOf = (exchange: Exchange) => Bucket;

/** @param header of those that proxies write, in lower case */
export function bucketOf(per: readonly SubjectName[], addresses: Addresses, header: string): BucketOf {
  const addressOf = ({ http }: Exchange): string | undefined => http && addresses.of(http.address, http.headers[header]);
  const parts = per.map((name) => partOf(name, addressOf));
  const [only] = parts;
  if (!only) return () => ALL;
  if (parts.length === 1) return only;
  return (exchange) => {
    const all = parts.map((part) => part(exchange));
    return {
      // With lengths: no two rows of parts are one text.
      key: all.map(({ key }) => `${key.length}:${key}`).join(""),
      label: all.map(({ label }) => label).join(", "),
      isKnown: all.every(({ isKnown }) => isKnown),
    };
  };
}

function partOf(name: SubjectName, addressOf: (exchange: Exchange) => string | undefined): (exchange: Exchange) => Part {
  switch (name) {
    case "principal":
      return (exchange) => {
        const { id } = exchange.principal;
        if (id !== "anonymous") return known(id);
        // Whom nobody knows can have any number of sessions, but not of addresses.
        const address = addressOf(exchange);
        return address === undefined ? known(id) : { key: `@${address}`, label: `anonymous at ${address}`, isKnown: false };
      };
    case "role":
      return ({ principal: { roles } }) => known(roles.length === 1 ? (roles[0] ?? "") : [...roles].sort().join("+"));
    case "session":
      return ({ caller: { id } }) => ({
        key: hash("sha256", id, "base64url"), // the store may be a file, and whoever has the id has the session
        label: `session ${id.slice(0, 8)}`,
        isKnown: false,
      });
    case "address":
      return (exchange) => {
        const address = addressOf(exchange);
        return address === undefined ? known("local") : { key: `@${address}`, label: address, isKnown: false };
      };
    case "endpoint":
      return ({ caller: { endpoint } }) => known(endpoint ?? "");
    case "server":
      return ({ called, entry, route }) => known(called?.upstream ?? route?.upstream ?? entry?.upstream ?? "");
    case "tool":
      return ({ called, entry }) => {
        const tool = called ?? entry;
        return known(tool ? `${tool.upstream}:${tool.native}` : "");
      };
    case "method":
      return ({ method }) => known(Object.hasOwn(METHODS, method) ? method : "other");
  }
}

function known(text: string): Part {
  const key = text.length <= LONGEST ? text : hash("sha256", text, "base64url");
  return { key, label: text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}...`, isKnown: true };
}
