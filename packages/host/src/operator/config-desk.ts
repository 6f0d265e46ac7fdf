import { createHash, randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { type Backup, backUp, history } from "../config/backup.ts";
import { switchEdits } from "../config/foreign.ts";
import { checkConfigFile, parseText } from "../config/read.ts";
import { replaceFile } from "../config/replace.ts";
import { noServerIn, serversIn } from "../config/servers.ts";
import { readText } from "../config/text-file.ts";
import { type Edit, editText, whyNotWritten } from "../config/write.ts";
import { ConfigError, HostError } from "../errors.ts";
import type { ReloadReport } from "../host/reload.ts";
import { REDACTED, redactText } from "../redact.ts";
import { reservedChanges } from "./config-guard.ts";
import { type ConfigChange, changesBetween, shownAsValues, withoutSecrets } from "./config-shown.ts";
import type { ServedControls } from "./host-operation.ts";

/** How a config is to be changed. */
export interface ChangeRules {
  /** Only if the file is as this fingerprint says. */
  readonly expect?: string | undefined;
  /** Only tell what would change, and whether it could be used. */
  readonly dry?: boolean | undefined;
  /** Whether it may change what starts programs, loads code or reads what is this machine's. */
  readonly commands?: boolean | undefined;
}

/** What a change did, or would do. */
export interface Changed {
  readonly changes: readonly ConfigChange[];
  /** Of the file as it is now. */
  readonly fingerprint: string;
  readonly written: boolean;
  /** Where what the file held before is kept. */
  readonly backup?: string;
  readonly reload?: ReloadReport;
}

/** The file that a running host was started with: looked at, changed and put back, never so that the host could not run on it. */
export class ConfigDesk {
  readonly path: string;
  readonly #check: ServedControls["check"];
  readonly #reload: () => Promise<ReloadReport>;
  /** One change after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ facts, check, reload }: ServedControls) {
    this.path = facts.config;
    this.#check = check;
    this.#reload = () => {
      if (!reload) throw new Error("the host cannot read its config again");
      return reload();
    };
  }

  /** What the file holds, without secrets, and whether it can be changed here. */
  async look(): Promise<{ path: string; fingerprint: string; config: unknown; whyNotWritten?: string }> {
    const why = whyNotWritten(this.#extension);
    if (why !== undefined)
      return { path: this.path, fingerprint: fingerprintOf(readText(this.path)), config: undefined, whyNotWritten: why };
    const text = this.#text();
    return { path: this.path, fingerprint: fingerprintOf(text), config: withoutSecrets(await this.#parse(text)) };
  }

  /** The backups of the file, the newest first. */
  history(): Promise<readonly Backup[]> {
    return history(this.path);
  }

  /** Changes places of it. @throws HostError, ConfigError; then nothing has changed */
  change(edits: readonly Edit[], rules: ChangeRules): Promise<Changed> {
    return this.#inTurn(async (before) => {
      const after = await editText(before, this.#extension, edits);
      const places = shownAsValues(await this.#parse(before), await this.#parse(after));
      if (places.length === 0) return after;
      const why = `is "${REDACTED}", which is shown in the place of a secret; leave it out of the change, or give the value`;
      throw new HostError("invalid_params", places.map((place) => `${redactText(place)}: ${why}`).join("; "));
    }, rules);
  }

  /** Puts a backup back. @param number 1 is the newest */
  restore(number: number, rules: ChangeRules): Promise<Changed> {
    return this.#inTurn(async () => {
      const backups = await this.history();
      const backup = backups[number - 1];
      if (!backup) throw new HostError("not_found", `there is no backup ${number} of the config; it has ${backups.length}`);
      return readFileSync(backup.path, "utf8");
    }, rules);
  }

  /** Switches a server on or off. */
  switch(name: string, on: boolean): Promise<Changed> {
    return this.#inTurn(
      async (before) => {
        const file = await serversIn(this.path);
        if (!Object.hasOwn(file.servers, name)) throw new HostError("not_found", noServerIn(file, name));
        const edits = switchEdits(file.servers[name], on).map(({ path, value }) => ({ path: [file.key, name, ...path], value }));
        return edits.length > 0 ? editText(before, this.#extension, edits) : before;
      },
      { commands: true }, // it changes nothing else, and somebody with this machine wrote the entry
    );
  }

  get #extension(): string {
    return extname(this.path).toLowerCase();
  }

  /** @throws ConfigError for a file that is no config any more */
  #text(): string {
    checkConfigFile(this.path);
    return readFileSync(this.path, "utf8");
  }

  /** @throws ConfigError that names the file */
  async #parse(text: string): Promise<unknown> {
    try {
      return await parseText(text.replace(/^\uFEFF/, ""), this.#extension); // the mark that some editors put before a text
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError([`${this.path} cannot be used: ${error.problems.join("; ")}`]);
    }
  }

  #inTurn(make: (before: string) => Promise<string>, rules: ChangeRules): Promise<Changed> {
    const change = this.#turn.then(() => this.#write(make, rules));
    this.#turn = change.catch(() => {}); // whoever asked is told
    return change;
  }

  async #write(make: (before: string) => Promise<string>, { expect, dry = false, commands = false }: ChangeRules): Promise<Changed> {
    const why = whyNotWritten(this.#extension);
    if (why !== undefined) throw new HostError("forbidden", `the config cannot be changed here: ${why}`);
    const before = this.#text();
    if (expect !== undefined && expect !== fingerprintOf(before)) throw this.#moved();
    const was = await this.#parse(before);
    const after = await make(before);
    const is = await this.#parse(after);
    const changes = changesBetween(was, is);
    if (after === before) return { changes, fingerprint: fingerprintOf(before), written: false };
    const reserved = commands ? [] : reservedChanges(was, is);
    if (reserved.length > 0)
      throw new HostError(
        "forbidden",
        `only whoever has the machine may change this of the config: ${reserved.map(redactText).join("; ")}`,
      );
    await this.#try(after);
    if (dry) return { changes, fingerprint: fingerprintOf(before), written: false };
    if (this.#text() !== before) throw this.#moved(); // somebody wrote it meanwhile
    const backup = await backUp(this.path);
    replaceFile(this.path, after);
    try {
      const reload = await this.#reload();
      return { changes, fingerprint: fingerprintOf(after), written: true, ...(backup !== undefined && { backup }), reload };
    } catch (error) {
      // The host has kept what it had; so does the file, unless somebody has written it since.
      if (this.#text() === after) replaceFile(this.path, before);
      throw error;
    }
  }

  /** Reads a text as the config would be read, from a file beside it, where its relative paths begin. */
  async #try(text: string): Promise<void> {
    const extension = extname(this.path);
    const trial = join(dirname(this.path), `.${basename(this.path, extension)}.${randomBytes(6).toString("hex")}.trial${extension}`);
    try {
      writeFileSync(trial, text, { mode: 0o600, flag: "wx" });
      await this.#check(trial);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new HostError("invalid_params", `the host could not run on the config: ${error.problems.map(redactText).join("; ")}`);
    } finally {
      rmSync(trial, { force: true });
    }
  }

  #moved(): HostError {
    return new HostError("conflict", "the config is not as whoever asks saw it: somebody has changed it since; look at it again");
  }
}

function fingerprintOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
