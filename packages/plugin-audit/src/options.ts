import { duration, isSafeUrl, size } from "mcp-host";
import { z } from "zod";

const KIB = 1024;
const MIB = 1024 ** 2;
const DAY = 86_400_000;
const globs = z.array(z.string().min(1)).min(1);

const kept = z.enum(["off", "hash", "redacted", "whole"]);
export type Kept = z.output<typeof kept>;

export const detailRule = z.strictObject({
  match: globs
    .default(["*"])
    .describe(
      "Globs of exposed names and URIs, or of `<upstream>:<native name>`; of requests that name neither, such as questions, of the method.",
    ),
  arguments: kept.default("off").describe("What is kept of what was asked: `off`, `hash`, `redacted` or `whole`."),
  results: kept.default("off").describe("What is kept of what was answered, likewise."),
});
export type DetailRule = z.output<typeof detailRule>;

export const webhook = z.strictObject({
  url: z
    .string()
    .refine(isSafeUrl, "must be an https:// URL without user name and password (http:// only on loopback)")
    .describe("Where lines are posted, as `application/x-ndjson`. Redirects are not followed."),
  token: z.string().min(1).optional().describe('Sent as `Authorization: Bearer <token>`. Write "${AUDIT_TOKEN}" and not the token itself.'),
  batch: z.int().min(1).max(10_000).default(500).describe("Lines of one request at most."),
  timeout: duration
    .refine((ms) => ms >= 100, "must be at least 100ms")
    .default(10_000)
    .describe("How long one request may take."),
  maxBehind: z
    .int()
    .min(1_000)
    .max(100_000_000)
    .default(1_000_000)
    .describe("Lines that may wait in the log's files for a receiver that does not answer; beyond them `onFull` says what happens."),
});
export type WebhookOptions = z.output<typeof webhook>;

export const options = z
  .strictObject({
    file: z
      .union([z.string().min(1), z.literal(false)], "must be a path, or false")
      .default("audit.jsonl")
      .describe("The log, made where there is none, with mode 0600; a relative path begins at the config's folder. `false`: no file."),
    rotate: z
      .strictObject({
        size: size
          .refine((bytes) => bytes >= 4 * KIB, "must be at least 4kb")
          .default(100 * MIB)
          .describe("Bytes after which a file is put aside."),
        every: duration
          .refine((ms) => ms >= 1_000, "must be at least 1s")
          .default(DAY)
          .describe("Time after which it is, with the next record."),
        keep: z
          .int()
          .min(1)
          .max(100_000)
          .default(90)
          .describe("How many files that were put aside stay; the oldest go, which the log says."),
      })
      .prefault({})
      .describe("When a new file is begun, and how many are kept."),
    fsync: z
      .enum(["always", "1s", "never"])
      .default("1s")
      .describe("When what is written is on the disk: before a call is sent, every second, or when the system likes."),
    onFull: z
      .enum(["refuse", "drop"])
      .default("refuse")
      .describe("Where records cannot be kept: new calls are refused, or records are dropped and counted."),
    buffer: size
      .refine((bytes) => bytes >= 64 * KIB, "must be at least 64kb")
      .default(16 * MIB)
      .describe("How much may wait in memory to be written."),
    signing: z
      .strictObject({
        key: z
          .string()
          .min(1)
          .describe('An Ed25519 private key in PEM form, as "${file:/run/secrets/audit.pem}"; `mcp-host audit new-key` makes one.'),
        every: duration
          .refine((ms) => ms >= 100, "must be at least 100ms")
          .default(60_000)
          .describe("How often a head is signed, while there is something new."),
      })
      .optional()
      .describe("Sign the log, so that whoever can write it cannot forge it."),
    details: z
      .array(detailRule)
      .default([])
      .describe("What is kept of arguments and results; the first rule that fits counts, and without one nothing is."),
    hashKey: z
      .string()
      .min(16, "must have 16 characters or more; make one with `openssl rand -base64 32` and write ${file:...} or ${env:...} here")
      .optional()
      .describe("The secret that `hash` is made with: equal values have equal hashes, and who does not have it cannot try values."),
    maxDetail: size
      .refine((bytes) => bytes >= 256 && bytes <= 64 * KIB, "must be from 256 bytes to 64kb")
      .default(8 * KIB)
      .describe("Characters that are kept of one value with `redacted` and `whole`."),
    headers: z
      .array(z.string().min(1))
      .default([])
      .describe("Headers of HTTP requests that are kept, such as `x-forwarded-for`; never credentials."),
    skip: z.array(z.string().min(1)).default(["ping"]).describe("Globs of methods that are not recorded."),
    stderr: z.boolean().default(false).describe("Write every line to standard error, too."),
    webhook: webhook.optional().describe("Send every line to a receiver, too."),
    sqlite: z.string().min(1).optional().describe("An SQLite file that has all lines of the log besides, for queries of large logs."),
  })
  .superRefine(({ details, hashKey, file, webhook, sqlite, signing }, context) => {
    const wrong = (path: (string | number)[], message: string): void => context.addIssue({ code: "custom", path, message });
    const hashed = details.findIndex((rule) => rule.arguments === "hash" || rule.results === "hash");
    if (hashed !== -1 && hashKey === undefined) wrong(["hashKey"], `is missing: details[${hashed}] keeps hashes, which are made with it`);
    if (file !== false) return;
    if (webhook) wrong(["webhook"], "reads the lines that it sends from the log's file; name one in `file`");
    if (sqlite !== undefined) wrong(["sqlite"], "is made of the log's file; name one in `file`");
    if (signing) wrong(["signing"], "vouches for a file; name one in `file`");
  });
/** The options with their defaults filled in. */
export type Options = z.output<typeof options>;
