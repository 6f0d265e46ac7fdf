import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { wording } from "../../config/wording.ts";
import { LIMITS } from "./bundle-limits.ts";

/** Versions of the manifest's form that are understood. */
const VERSIONS = ["0.1", "0.2", "0.3", "0.4"];

const text = z.string().max(100_000, "has more than 100000 characters");
const few = <T extends z.ZodType>(item: T) => z.array(item).max(1_000, "has more than 1000 items");
const started = z.object({
  command: text.min(1),
  args: few(text).optional(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, "is no name of a variable"), text).optional(),
});

const option = z.object({
  type: z.enum(["string", "number", "boolean", "directory", "file"]),
  title: text.optional(),
  description: text.optional(),
  required: z.boolean().optional(),
  default: z.union([text, z.number(), z.boolean(), few(text)]).optional(),
  multiple: z.boolean().optional(),
  sensitive: z.boolean().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
});

const manifestSchema = z.object({
  manifest_version: text.optional(),
  dxt_version: text.optional(),
  name: z.string().min(1).max(200),
  display_name: text.optional(),
  version: z.string().regex(/^[\w][\w.+-]{0,100}$/, "is no version"),
  description: text.optional(),
  author: z.object({ name: text }).optional(),
  server: z.object({
    type: z.enum(["node", "python", "binary", "uv"]),
    entry_point: text.min(1),
    mcp_config: started.extend({ platform_overrides: z.record(z.string(), started.partial()).optional() }).optional(),
  }),
  compatibility: z.object({ platforms: few(text).optional(), runtimes: z.record(z.string(), z.string().max(200)).optional() }).optional(),
  user_config: z.record(z.string().regex(/^[\w.-]{1,200}$/, "is no name of a value"), option).optional(),
});

export type Manifest = z.output<typeof manifestSchema>;
export type UserOption = z.output<typeof option>;

/** The manifest of an unpacked bundle. @throws Error that names every place where it is wrong */
export function readManifest(folder: string): Manifest {
  const path = join(folder, "manifest.json");
  if (!existsSync(path)) throw new Error("it has no manifest.json at its top");
  if (statSync(path).size > LIMITS.manifestBytes) throw new Error(`its manifest.json has more than ${LIMITS.manifestBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8").replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new Error(`its manifest.json is not valid JSON: ${(error as Error).message}`);
  }
  const { data, error } = manifestSchema.safeParse(value, { error: wording });
  if (error) {
    const problems = error.issues.slice(0, 10).map((issue) => `${issue.path.join(".") || "the whole"} ${issue.message}`);
    throw new Error(`its manifest.json is wrong: ${problems.join("; ")}`);
  }
  const version = data.manifest_version ?? data.dxt_version;
  if (version === undefined || !VERSIONS.includes(version))
    throw new Error(`its manifest_version is ${version ?? "missing"}; the host understands ${VERSIONS.join(", ")}`);
  if (data.server.type !== "uv" && !data.server.mcp_config)
    throw new Error(`its manifest.json has no server.mcp_config, which says how a server of type ${data.server.type} is started`);
  return data;
}
