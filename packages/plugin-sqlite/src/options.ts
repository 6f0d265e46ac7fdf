import { duration, size } from "mcp-host";
import { z } from "zod";

const MIB = 1024 ** 2;

export const options = z.strictObject({
  file: z
    .string()
    .min(1)
    .default("mcp-host.sqlite")
    .describe(
      "The file, made where there is none, readable and writable for its owner alone. A relative path begins at the config's folder.",
    ),
  maxSize: size
    .refine((bytes) => bytes >= MIB, "must be at least 1mb")
    .default(256 * MIB)
    .describe("Bytes that the file may have. When it is full, values with a time to live make room, those first that would go first."),
  timeout: duration
    .refine((milliseconds) => milliseconds >= 100, "must be at least 100ms")
    .default(5_000)
    .describe("How long a write waits while another process writes."),
  poll: duration
    .refine((milliseconds) => milliseconds >= 5, "must be at least 5ms")
    .default(50)
    .describe("How often messages of other processes are looked for, where somebody subscribed."),
});

/** The options with their defaults filled in. */
export type Options = z.output<typeof options>;
