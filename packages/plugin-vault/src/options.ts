import { duration } from "mcp-host";
import { z } from "zod";
import { WORK_FACTOR } from "./scrypt.ts";

const command = z.string().regex(/^[^\s"'\\]+$/, "must be a program's name or path, without arguments");

export const options = z
  .strictObject({
    folder: z
      .string()
      .min(1)
      .optional()
      .describe(
        "The folder that has the vault and nothing else, made where there is none. A relative path begins at the config's folder. Default: `vault` in the host's state folder.",
      ),
    key: z
      .enum(["file", "passphrase", "keyring"])
      .default("file")
      .describe("Where the key is: in a file, opened by a passphrase, or in the keyring of the operating system."),
    keyFile: z
      .string()
      .min(1)
      .optional()
      .describe("The key file, made with the vault. Default: `vault.key` beside the credentials file, in `~/.config/mcp-host`."),
    keyMounted: z
      .boolean()
      .default(false)
      .describe("The key file is a mounted secret: it may be a link, another user's, and readable for others; nothing is written to it."),
    passphrase: z
      .string()
      .min(8, "must have at least 8 characters")
      .optional()
      .describe('For `key: "passphrase"`: `"${env:NAME}"` or `"${file:...}"`.'),
    workFactor: z
      .int()
      .min(14)
      .max(20)
      .default(WORK_FACTOR)
      .describe(
        'For `key: "passphrase"`: log2 of scrypt\'s N when a key is made. 18 takes about a second and 256 MiB, 14 a sixteenth of both.',
      ),
    account: z.string().min(1).default("vault").describe('For `key: "keyring"`: what the entry of `mcp-host` is called there.'),
    over: z
      .enum(["file", "store"])
      .default("file")
      .describe("Where plugins' tokens are: in the vault, or encrypted in the host's store. Secrets of configs are always in the vault."),
    commands: z.array(command).default([]).describe("Programs that `${cmd:...}` may run, as a config names them; `[]`: none."),
    commandTimeout: duration
      .refine((milliseconds) => milliseconds >= 100 && milliseconds <= 25_000, "must be between 100ms and 25s")
      .default(10_000)
      .describe("How long such a program may take."),
    poll: duration
      .refine((milliseconds) => milliseconds >= 20, "must be at least 20ms")
      .default(500)
      .describe("How often it is looked whether another process changed the vault."),
  })
  .superRefine(({ key, passphrase }, context) => {
    if (key === "passphrase" && passphrase === undefined)
      context.addIssue({
        code: "custom",
        path: ["passphrase"],
        message: 'is needed for "key": "passphrase"; write "${env:MCP_HOST_VAULT_PASSPHRASE}"',
      });
    if (key !== "passphrase" && passphrase !== undefined)
      context.addIssue({
        code: "custom",
        path: ["passphrase"],
        message: `is not used with "key": "${key}"; remove it, or set "key" to "passphrase"`,
      });
  });

/** The options with their defaults filled in. */
export type Options = z.output<typeof options>;
