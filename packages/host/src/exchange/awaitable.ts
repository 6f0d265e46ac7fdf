/** A value, or a promise of one: what may be given where somebody waits for it. */
export type Awaitable<T> = T | Promise<T>;
