import { UsageError } from "../../operator/usage-error.ts";
import { briefText } from "../../redact.ts";
import { Asked } from "./asked.ts";
import { type PackageCommand, packageCommand } from "./package-command.ts";
import { type NamedPackage, namedPackage, PACKAGE_KINDS, type PackageKind } from "./package-name.ts";
import { remoteServer } from "./remote-server.ts";
import type { Package, RegistryEntry, Transport } from "./server-json.ts";

/** The ways in which a server of a registry can be used, in the order in which one is chosen. */
export const WAYS = [...PACKAGE_KINDS, "remote"] as const;
export type WayKind = (typeof WAYS)[number];

/** A way that can be gone: what is started or reached, and what is asked for it. */
export type Way =
  | { readonly kind: Exclude<PackageKind, "mcpb">; readonly named: NamedPackage; readonly command: PackageCommand; readonly asked: Asked }
  | { readonly kind: "mcpb"; readonly named: NamedPackage; readonly sha256: string }
  | { readonly kind: "remote"; readonly url: string; readonly draft: ReturnType<typeof remoteServer>; readonly asked: Asked };

const LONGEST = 300;

/** The way that is chosen, by its kind or as the first that can be gone. @throws Error that says of each why it cannot */
export function chosenWay({ server }: RegistryEntry, use: string | undefined): { readonly way: Way; readonly others: readonly WayKind[] } {
  // SSE is the older wire.
  const remotes = (server.remotes ?? []).toSorted((a, b) => Number(a.type === "sse") - Number(b.type === "sse"));
  const offered = [...(server.packages ?? []).map(ofPackage), ...remotes.map(ofRemote)];
  const kinds = WAYS.filter((kind) => offered.some((each) => each.kind === kind));
  const meant = offered.filter(({ kind }) => use === undefined || kind === use);
  if (offered.length === 0) throw new Error(`${server.name} cannot be added: it has neither packages nor addresses`);
  if (meant.length === 0) {
    const there = [...new Set(offered.map(({ kind }) => kind))].join(", ");
    throw new UsageError(`--use ${use}: ${server.name} has no such way; it has ${briefText(there, LONGEST)}`);
  }
  const problems: string[] = [];
  for (const kind of WAYS)
    for (const each of meant.filter((one) => one.kind === kind)) {
      try {
        return { way: each.open(), others: kinds.filter((one) => one !== kind) };
      } catch (error) {
        problems.push(`${kind}: ${briefText((error as Error).message, LONGEST)}`); // they throw Errors in words
      }
    }
  for (const { kind, unknown } of meant) if (unknown) problems.push(`${briefText(kind, 50)}: the host starts ${PACKAGE_KINDS.join(", ")}`);
  throw new Error(`${server.name} ${server.version} cannot be added: ${problems.join("; ")}`);
}

interface Offered {
  readonly kind: string;
  readonly unknown?: boolean;
  open(): Way;
}

function ofPackage(given: Package): Offered {
  const kind = PACKAGE_KINDS.find((each) => each === given.registryType);
  if (!kind) return { kind: given.registryType, unknown: true, open: () => never() };
  return { kind, open: () => opened(kind, given) };
}

function opened(kind: PackageKind, given: Package): Way {
  const wire = given.transport?.type || "stdio";
  if (wire !== "stdio") throw new Error(`it is started, but spoken to by ${wire}; the host speaks to programs over stdio`);
  const named = namedPackage(kind, given);
  if (kind === "mcpb") return { kind, named, sha256: (given.fileSha256 ?? "").toLowerCase() };
  const asked = new Asked();
  return { kind, named, asked, command: packageCommand(kind, given, named, asked) };
}

function ofRemote(transport: Transport): Offered {
  return {
    kind: "remote",
    open() {
      const asked = new Asked();
      return { kind: "remote", url: transport.url ?? "", draft: remoteServer(transport, asked), asked };
    },
  };
}

function never(): never {
  throw new Error("nothing can start it");
}
