import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";

interface Flags {
  readonly out: string;
  readonly json?: boolean;
}

/** `mcp-host audit new-key`; a command as citty has them. */
export default {
  meta: { name: "new-key", description: "Make a key that signs the audit log, and one that checks it" },
  args: {
    out: {
      type: "positional",
      valueHint: "path",
      description: "Where the private key goes, mode 0600; the public one goes beside it, with .pub",
    },
    json: { type: "boolean", description: "Print JSON" },
  },
  run({ args: { out, json } }: { args: Flags }): void {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const key = resolve(out);
    const files = { privateKey: key, publicKey: `${key}.pub` };
    try {
      writeFileSync(files.privateKey, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" });
      writeFileSync(files.publicKey, publicKey.export({ type: "spki", format: "pem" }), { mode: 0o644, flag: "wx" });
    } catch (error) {
      const { code, path = "" } = error as NodeJS.ErrnoException; // fs throws these
      throw code === "EEXIST" ? new Error(`${path} is there already; name another file`) : error;
    }
    process.stdout.write(
      json
        ? `${JSON.stringify(files, undefined, 2)}\n`
        : `${files.privateKey} signs: keep it away from the log\n${files.publicKey} checks: give it to whoever verifies\n`,
    );
  },
};
