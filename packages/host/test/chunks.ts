/** A generator of numbers from 0 to 1 that gives the same ones in every run (mulberry32), so that a failure can be repeated. */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ways in which a wire may cut these bytes: every cut in two, every byte alone, and many at random, empty chunks included. */
export function* splits(bytes: Buffer, times = 300): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield [...bytes].map((byte) => Buffer.from([byte]));
  const next = random(42);
  for (let time = 0; time < times; time++) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + Math.floor(next() * 9));
      chunks.push(bytes.subarray(at, end));
      at = end;
    }
    yield chunks;
  }
}
