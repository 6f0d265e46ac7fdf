import { existsSync, statSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { basename, extname, isAbsolute, join, relative, resolve } from "node:path";
import { briefText } from "../../redact.ts";
import { clamped } from "../registry/clamped.ts";
import type { Answers } from "../servers/answers.ts";
import type { Described, Draft } from "../servers/draft.ts";
import type { Question } from "../servers/question.ts";
import { foreign, shownText } from "../servers/written-text.ts";
import { folderOf, putInPlace, slug, stagingFolder } from "./bundle-folder.ts";
import { type Manifest, readManifest, type UserOption } from "./manifest.ts";
import { checkPlatform, programFor } from "./runtime.ts";
import { defaultText, Substitution } from "./substitution.ts";
import { copyBundle, unpack } from "./unpack.ts";

/** Unpacks a bundle and reads what it says of itself; nothing of it is started. @throws Error that names the file */
export async function describeBundle(path: string): Promise<Described> {
  const staging = await stagingFolder();
  try {
    const file = join(staging.path, "bundle.mcpb");
    const unpacked = join(staging.path, "files");
    const sha256 = await copyBundle(path, file);
    await mkdir(unpacked, { mode: 0o700 });
    await unpack(file, unpacked);
    const manifest = readManifest(unpacked);
    checkPlatform(manifest);
    const entryPoint = checkEntryPoint(manifest, unpacked);
    // A zip that was not made on Unix says of no file that it may be run.
    if (manifest.server.type === "binary" && process.platform !== "win32") await chmod(entryPoint, 0o700);
    return await described(manifest, {
      unpacked,
      staging: staging.path,
      folder: folderOf(manifest, sha256),
      sha256,
      dispose: async () => staging[Symbol.asyncDispose](),
    });
  } catch (error) {
    await staging[Symbol.asyncDispose]();
    throw new Error(`the bundle ${path} cannot be added: ${briefText((error as Error).message, 2_000)}`); // all throw Errors in words
  }
}

interface Unpacked {
  readonly unpacked: string;
  readonly staging: string;
  /** Where it will stay. */
  readonly folder: string;
  readonly sha256: string;
  dispose(): Promise<void>;
}

async function described(manifest: Manifest, { unpacked, staging, folder, sha256, dispose }: Unpacked): Promise<Described> {
  const { name, display_name, version, description, author, user_config = {} } = manifest;
  const started = startedBy(manifest);
  const command = await programFor(started.command, manifest);
  const names = new Set(Object.keys(user_config));
  return {
    title: `${clamped(display_name ?? name, 100)} ${version}`,
    name: slug(name),
    about: [
      ...(description === undefined ? [] : [clamped(description, 300)]),
      `bundle of ${clamped(author?.name ?? "nobody who says so", 100)}, SHA-256 ${sha256}`,
      `unpacked into ${folder}`,
    ],
    warnings: [],
    questions: Object.entries(user_config).map(([key, option]) => questionOf(key, option)),
    draft(answers: Answers): Draft {
      const places = new Substitution(folder, names, answers);
      return {
        command: foreign(ownProgram(name, shownText(places.text(command)), folder, unpacked)),
        args: (started.args ?? []).flatMap((argument) => places.words(argument)),
        env: Object.entries(started.env ?? {}).flatMap(([key, text]) => {
          const value = places.variable(text);
          return value ? [[key, value] as const] : [];
        }),
        cwd: folder,
      };
    },
    keep: () => putInPlace(unpacked, folder, staging),
    [Symbol.asyncDispose]: dispose,
  };
}

interface Started {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** What the manifest says of this system, with what it says of all where it says nothing. */
function startedBy({ server }: Manifest): Started {
  const { mcp_config, entry_point } = server;
  if (!mcp_config) return { command: "uv", args: ["run", "--directory", "${__dirname}", entry_point] }; // of uv alone: it was checked
  const { platform_overrides = {}, ...all } = mcp_config;
  const own = Object.hasOwn(platform_overrides, process.platform) ? platform_overrides[process.platform] : undefined;
  return { command: own?.command ?? all.command, args: own?.args ?? all.args, env: own?.env ?? all.env };
}

function checkEntryPoint({ server }: Manifest, unpacked: string): string {
  const path = within(unpacked, server.entry_point);
  const found = [path, ...(process.platform === "win32" ? [`${path}.exe`] : [])].find((each) =>
    statSync(each, { throwIfNoEntry: false })?.isFile(),
  );
  if (found === undefined) throw new Error(`its server.entry_point "${clamped(server.entry_point, 200)}" is not in it`);
  return found;
}

/** A command with a path in it is a file of the bundle, unless it is absolute; one without is found on PATH. */
function ownProgram(bundle: string, command: string, folder: string, unpacked: string): string {
  if (!/[/\\]/.test(command)) return command;
  if (isAbsolute(command) && relative(folder, command).startsWith("..")) return command;
  const path = within(folder, command);
  const there = join(unpacked, relative(folder, path));
  const ends = process.platform === "win32" && extname(basename(path)) === "" && existsSync(`${there}.exe`) ? ".exe" : "";
  if (!existsSync(`${there}${ends}`)) throw new Error(`the command "${clamped(command, 200)}" of the bundle ${bundle} is not in it`);
  return `${path}${ends}`;
}

/** @throws Error for a path that leads out */
function within(folder: string, path: string): string {
  const target = resolve(folder, path);
  const way = relative(folder, target);
  if (way === "" || way.startsWith("..") || isAbsolute(way)) throw new Error(`"${clamped(path, 200)}" is not within the bundle`);
  return target;
}

function questionOf(name: string, option: UserOption): Question {
  const { type, title, description, required, sensitive, multiple, min, max } = option;
  const standard =
    option.default === undefined || option.default === "" ? undefined : [option.default].flat().map((value) => defaultText(String(value)));
  return {
    name,
    place: title ?? name,
    description,
    isRequired: required === true,
    isSecret: sensitive === true,
    isRepeated: multiple === true,
    format: type,
    choices: undefined,
    standard: standard && standard.length > 0 ? standard : undefined,
    least: min,
    most: max,
  };
}
