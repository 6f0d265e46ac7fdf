import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

/** An object of Kubernetes. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  readonly [key: string]: unknown;
}

/** What is at a path of a resource, `spec.containers.0`; undefined where there is nothing. */
export function partOf(value: unknown, path: string): unknown {
  // Whatever has keys can be asked for one; nothing else is asked.
  const step = (each: unknown, key: string): unknown =>
    typeof each === "object" && each !== null ? (each as Record<string, unknown>)[key] : undefined;
  return path.split(".").reduce(step, value);
}

interface Kustomization {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly labels?: readonly { readonly pairs: Record<string, string> }[];
  readonly resources?: readonly string[];
  readonly configMapGenerator?: readonly { readonly name: string; readonly files: readonly string[] }[];
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
}

const KNOWN = ["apiVersion", "kind", "namespace", "labels", "resources", "configMapGenerator", "images"];
const CLUSTERWIDE = ["Namespace"];

/** What `kustomize build` makes of a folder, as far as ours go: anything else is an error. A ConfigMap has a hash of its own in its name. */
export function rendered(folder: string): Resource[] {
  const file = join(folder, "kustomization.yaml");
  const own = parse(readFileSync(file, "utf8")) as Kustomization;
  const strange = [
    ...Object.keys(own).filter((key) => !KNOWN.includes(key)),
    ...(own.labels ?? []).flatMap((each) => Object.keys(each).filter((key) => key !== "pairs")),
    ...(own.configMapGenerator ?? []).flatMap((each) => Object.keys(each).filter((key) => !["name", "files"].includes(key))),
  ];
  if (strange.length > 0) throw new Error(`${file}: ${strange.join(", ")} is not understood here`);
  const read = (own.resources ?? []).flatMap((name) => resourcesIn(join(folder, name)));
  const made = (own.configMapGenerator ?? []).map((each) => configMap(folder, each));
  const names = new Map(made.map(({ plain, map }) => [plain, map.metadata.name]));
  return [...read, ...made.map(({ map }) => map)].map((resource) => {
    const { namespace, labels = [], images = [] } = own;
    const metadata = {
      ...resource.metadata,
      ...(namespace !== undefined && !CLUSTERWIDE.includes(resource.kind) && { namespace }),
      ...(labels.length > 0 && { labels: Object.assign({}, resource.metadata.labels, ...labels.map(({ pairs }) => pairs)) }),
    };
    return replaced({ ...resource, metadata }, names, images) as Resource;
  });
}

function resourcesIn(path: string): Resource[] {
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  if (statSync(path).isDirectory()) return rendered(path);
  return parseAllDocuments(readFileSync(path, "utf8")).map((document) => document.toJS() as Resource);
}

function configMap(folder: string, { name, files }: { name: string; files: readonly string[] }): { plain: string; map: Resource } {
  const data = Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]));
  const hash = createHash("sha256").update(JSON.stringify(data)).digest("hex").slice(0, 10);
  return { plain: name, map: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `${name}-${hash}` }, data } };
}

/** With the generated names where volumes refer to them, and the images that are named. */
function replaced(value: unknown, names: ReadonlyMap<string, string>, images: NonNullable<Kustomization["images"]>, key = ""): unknown {
  if (Array.isArray(value)) return value.map((each) => replaced(each, names, images));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        key === "configMap" && name === "name" ? (names.get(String(each)) ?? each) : replaced(each, names, images, name),
      ]),
    );
  const image = key === "image" ? images.find(({ name }) => name === value) : undefined;
  return image ? `${image.newName}:${image.newTag}` : value;
}
