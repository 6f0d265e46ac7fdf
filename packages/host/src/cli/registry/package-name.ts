import valid from "semver/functions/valid.js";
import type { Package } from "./server-json.ts";

/** The kinds of packages that can be started, in the order in which they are chosen. */
export const PACKAGE_KINDS = ["npm", "pypi", "oci", "nuget", "mcpb"] as const;
export type PackageKind = (typeof PACKAGE_KINDS)[number];

/** None begins with a dash, which the program that fetches it would take for a flag. */
const NAMES: Readonly<Record<Exclude<PackageKind, "oci" | "mcpb">, RegExp>> = {
  npm: /^(?:@[a-z\d~][a-z\d._~-]*\/)?[a-z\d~_][a-z\d._~-]*$/i,
  pypi: /^[a-z\d](?:[a-z\d._-]*[a-z\d])?(?:\[[a-z\d,._-]+\])?$/i,
  nuget: /^[a-z\d_][a-z\d._-]*$/i,
};

/** `host/path:tag@digest`, of which the path alone has to be there. */
const IMAGE = /^((?:[a-z\d][a-z\d.-]*(?::\d+)?\/)?[a-z\d][a-z\d._/-]*)(?::([\w][\w.-]*))?(?:@(sha256:[a-f\d]{64}))?$/i;

/** Where packages of each kind come from unless an entry says otherwise; the rest is the same under another address. */
const PUBLIC: Readonly<Record<PackageKind, readonly string[]>> = {
  npm: ["https://registry.npmjs.org"],
  pypi: ["https://pypi.org"],
  nuget: ["https://api.nuget.org/v3/index.json", "https://api.nuget.org"],
  oci: ["docker.io", "ghcr.io", "mcr.microsoft.com"],
  mcpb: ["https://github.com", "https://gitlab.com"],
};
const PUBLIC_IMAGES = /\.(?:pkg\.dev|azurecr\.io)$/;

/** A package in words that its program takes, and where it comes from. */
export interface NamedPackage {
  readonly kind: PackageKind;
  /** With its version. */
  readonly word: string;
  /** What it comes from where that is not the public registry of its kind. */
  readonly elsewhere: string | undefined;
}

/** Names exactly one version of a package. @throws Error that says why it cannot be taken */
export function namedPackage(kind: PackageKind, given: Package): NamedPackage {
  if (kind === "oci") return namedImage(given);
  if (kind === "mcpb") return namedBundle(given);
  const { identifier, version, registryBaseUrl } = given;
  if (!NAMES[kind].test(identifier)) throw new Error(`"${identifier}" is no name of a package of ${kind}`);
  if (version === undefined || !isExact(kind, version))
    throw new Error(`${identifier} has ${version === undefined ? "no version" : `the version "${version}"`}, and an exact one is needed`);
  const base = registryBaseUrl?.replace(/\/$/, "") || undefined;
  return {
    kind,
    word: kind === "pypi" ? `${identifier}==${version}` : `${identifier}@${version}`,
    elsewhere: base === undefined || PUBLIC[kind].includes(base) ? undefined : checkedBase(base),
  };
}

function isExact(kind: PackageKind, version: string): boolean {
  if (kind === "npm") return valid(version) === version.split("+")[0];
  return /^\d[\w.!+-]*$/.test(version) && !/(?:^|\.)x(?:\.|$)/i.test(version);
}

function namedImage({ identifier, version, registryBaseUrl }: Package): NamedPackage {
  const [, path = "", tag, digest] = IMAGE.exec(identifier) ?? [];
  if (path === "") throw new Error(`"${identifier}" is no name of an image`);
  const exact = tag ?? (digest === undefined ? version : undefined);
  if (digest === undefined && (exact === undefined || exact === "latest" || !/^\w[\w.-]*$/.test(exact)))
    throw new Error(
      `the image ${identifier} has ${exact === undefined ? "no tag" : `the tag "${exact}"`}, and one of a version or a digest is needed`,
    );
  const base = registryBaseUrl?.replace(/^https:\/\//, "").replace(/\/$/, "") || undefined;
  const [first = ""] = path.split("/");
  const own = path.includes("/") && (/[.:]/.test(first) || first === "localhost") ? first : undefined;
  const host = own ?? base ?? "docker.io";
  if (!/^[a-z\d][a-z\d.-]*(?::\d+)?$/i.test(host)) throw new Error(`"${host}" is no name of a registry of images`);
  const prefix = own === undefined && host !== "docker.io" ? `${host}/` : "";
  return {
    kind: "oci",
    word: `${prefix}${path}${exact === undefined ? "" : `:${exact}`}${digest === undefined ? "" : `@${digest}`}`,
    elsewhere: PUBLIC.oci.includes(host) || PUBLIC_IMAGES.test(host) ? undefined : host,
  };
}

function namedBundle({ identifier, fileSha256 }: Package): NamedPackage {
  if (identifier.length > 2_000) throw new Error("the address of its bundle has more than 2000 characters");
  const { origin } = new URL(checkedBase(identifier));
  if (fileSha256 === undefined || !/^[a-f\d]{64}$/i.test(fileSha256))
    throw new Error(`the bundle ${identifier} has no SHA-256 (fileSha256), which it must be checked by`);
  return { kind: "mcpb", word: identifier, elsewhere: PUBLIC.mcpb.includes(origin) ? undefined : origin };
}

function checkedBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && url.hostname === "127.0.0.1");
  if (!url || !isSafe || url.username !== "" || url.password !== "") throw new Error(`"${text}" is no https:// URL without a user name`);
  return text;
}
