/** One value of one store. */
export interface Entry {
  readonly value: unknown;
  /** When it goes, in milliseconds since 1970; undefined stays. */
  readonly expires: number | undefined;
  /** When it was written. */
  readonly changed: number;
}

/** What a vault holds. Entries are replaced, never changed. */
export interface Document {
  /** Grows with each write. */
  generation: number;
  /** The key of what does not last, in base64; it stays when the vault's own is rotated. */
  readonly liveKey: string;
  readonly stores: Map<string, Map<string, Entry>>;
}

type Written = [name: string, entries: [key: string, value: unknown, changed: number, expires?: number][]];

/** A copy to be changed. */
export function copyOf({ generation, liveKey, stores }: Document): Document {
  return { generation, liveKey, stores: new Map([...stores].map(([name, entries]) => [name, new Map(entries)])) };
}

/** The entry that a key has now. */
export function entryOf(document: Document | undefined, store: string, key: string, now = Date.now()): Entry | undefined {
  const entry = document?.stores.get(store)?.get(key);
  return entry && (entry.expires === undefined || entry.expires > now) ? entry : undefined;
}

export function put(document: Document, store: string, key: string, value: unknown, expires: number | undefined, now = Date.now()): void {
  let entries = document.stores.get(store);
  if (value === undefined) return void entries?.delete(key);
  if (!entries) document.stores.set(store, (entries = new Map()));
  entries.set(key, { value, expires, changed: now });
}

/** Without what is over. */
export function encode({ generation, liveKey, stores }: Document, now = Date.now()): string {
  const written: Written[] = [...stores].map(([name, entries]) => [
    name,
    [...entries].flatMap(([key, { value, expires, changed }]): Written[1] =>
      expires === undefined ? [[key, value, changed]] : expires > now ? [[key, value, changed, expires]] : [],
    ),
  ]);
  return JSON.stringify({ generation, liveKey, stores: written });
}

/** What {@link encode} wrote: whoever reads it has authenticated it. */
export function decode(text: string): Document {
  const { generation, liveKey, stores } = JSON.parse(text) as { generation: number; liveKey: string; stores: Written[] };
  const entries = (each: Written[1]): [string, Entry][] => each.map(([key, value, changed, expires]) => [key, { value, changed, expires }]);
  return { generation, liveKey, stores: new Map(stores.map(([name, each]) => [name, new Map(entries(each))])) };
}
