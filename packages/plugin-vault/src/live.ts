import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeOwn } from "./safe-files.ts";
import { seal, unseal } from "./sealed.ts";

/** Of so many messages, bytes and milliseconds a subscriber may be behind. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 1024 ** 2;
const MESSAGE_LIFE = 60_000;

interface Taken {
  readonly owner: string;
  expires: number;
}

/** What was published, and when. */
export interface Message {
  readonly seq: number;
  readonly at: number;
  readonly channel: string;
  readonly message: unknown;
}

/** What is shared and does not have to last: leases and messages, by names that tell their store, too. */
export interface Live {
  /** Of the message that was published last. It begins at the time, so that it never goes back. */
  seq: number;
  readonly leases: Map<string, Taken>;
  messages: Message[];
  /** Whether it differs from what is written. */
  isChanged: boolean;
}

/** A name within a store. */
export function within(store: string, name: string): string {
  return JSON.stringify([store, name]);
}

/** The file beside the vault; encrypted as that is, but written without waiting for the disk. */
export function livePath(vault: string): string {
  return join(dirname(vault), "live");
}

/** What is there; nothing where there is none, or where a power cut left something else. */
export function readLive(path: string, key: Buffer, id: string): Live {
  try {
    const { seq, leases, messages } = JSON.parse(unseal(key, readFileSync(path), id).toString()) as {
      seq: number;
      leases: [string, Taken][];
      messages: Message[];
    };
    return { seq, leases: new Map(leases), messages, isChanged: false };
  } catch {
    return { seq: Date.now() * 1_000, leases: new Map(), messages: [], isChanged: false };
  }
}

export async function writeLive(path: string, key: Buffer, id: string, live: Live, mayReplace: () => boolean): Promise<void> {
  const now = Date.now();
  const leases = [...live.leases].filter(([, { expires }]) => expires > now);
  const recent = live.messages.filter(({ at }) => at > now - MESSAGE_LIFE).slice(-MAX_MESSAGES);
  const kept: Message[] = [];
  for (let bytes = 0; recent.length > 0; ) {
    const last = recent.pop() as Message; // it is not empty
    bytes += JSON.stringify(last.message).length;
    if (bytes > MAX_BYTES && kept.length > 0) break;
    kept.unshift(last);
  }
  live.messages = kept;
  await writeOwn(path, seal(key, JSON.stringify({ seq: live.seq, leases, messages: kept }), id), { lasting: false, mayReplace });
  live.isChanged = false;
}
