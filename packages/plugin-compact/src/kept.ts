import { type Entry, KeptTexts, type KeptTextsOptions, type Store } from "mcp-host";

interface Shared {
  readonly texts: KeptTexts<Entry>;
  readonly size: number;
  readonly time: number;
  users: number;
}

/** By a mark in the host's store, which outlives the plugin: one that a reload applies anew finds what the one before it kept. */
const shared = new Map<string, Shared>();

const MARK = "kept";

/** What is kept of this host's answers. `release` when the plugin goes: what nobody has any more is forgotten. */
export class Kept {
  readonly #options: KeptTextsOptions;
  #mark: string | undefined;
  #shared: Shared;

  constructor(options: KeptTextsOptions) {
    this.#options = options;
    this.#shared = this.#make();
  }

  #make(): Shared {
    const { size, time } = this.#options;
    return { texts: new KeptTexts(this.#options), size, time, users: 1 };
  }

  get texts(): KeptTexts<Entry> {
    return this.#shared.texts;
  }

  /** Takes over what was kept before a reload, unless it was kept by other bounds. */
  async join(store: Store): Promise<void> {
    const { size, time, bytes } = this.#options;
    const fresh = Buffer.from(bytes(16)).toString("base64url");
    const mark = await store.update(MARK, (value) => (typeof value === "string" ? value : fresh));
    if (typeof mark !== "string") return;
    const key = `${mark} ${size} ${time}`;
    const known = shared.get(key);
    if (known) known.users++;
    else shared.set(key, this.#shared);
    this.#shared = known ?? this.#shared;
    this.#mark = key;
  }

  release(): void {
    if (--this.#shared.users > 0) return;
    this.#shared.texts.clear();
    if (this.#mark !== undefined) shared.delete(this.#mark);
  }
}
