import { randomBytes, randomUUID } from "node:crypto";

/** Where what nobody can guess comes from. Whoever tests puts another one in its place, such as `FakeRandom` of `mcp-host/testing`. */
export interface Random {
  /** So many bytes, good enough for keys. */
  bytes(count: number): Uint8Array;
  /** A UUID, version 4. */
  uuid(): string;
  /** At least 0 and below 1, for jitter and shares; not for secrets. */
  float(): number;
}

/** That of this machine. */
export const machineRandom: Random = Object.freeze({
  bytes: (count: number) => randomBytes(count),
  uuid: () => randomUUID(),
  float: () => Math.random(),
});
