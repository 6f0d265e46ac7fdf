import type { ConfigFileError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { type Finding, type FindingId, finding, told } from "./findings.ts";

/** Which kind of finding a problem of the config is; the first that fits. */
const KINDS: readonly (readonly [RegExp, FindingId])[] = [
  [/\bchmod\b/, "permissions"],
  [/^there is no (file|mcp-host\.config)|^there are several configs|is not a file; name a config/, "config-missing"],
  [/^the config is code that runs when it is read/, "config-untrusted"],
  [/: the variable \S+ is not set/, "variable-missing"],
  [/no auth plugin is loaded/, "exposed"],
  [/^plugins?\b/, "plugin-broken"],
];

/** One finding for each problem that a config has. */
export function problemsOf({ path, problems }: Pick<ConfigFileError, "path" | "problems">): Finding[] {
  return problems.map((problem) => {
    const [, id] = KINDS.find(([form]) => form.test(problem)) ?? [undefined, "config-invalid" as const];
    return told(id, problem, path === undefined ? {} : { about: path });
  });
}

export function adviceOf(path: string, warnings: readonly string[]): Finding[] {
  return warnings.map((warning) =>
    warning.includes("chmod")
      ? told("permissions", warning, { about: path, level: "warning" })
      : told("config-advice", warning, { about: path }),
  );
}

/** What became of each plugin of a host that is prepared. */
export function pluginsOf(host: Host): Finding[] {
  return host
    .pipeline()
    .plugins.map(({ id, version, source, idle }) =>
      idle
        ? finding("plugin-idle", `version ${version} from ${source} taps nothing`, { about: id })
        : finding("plugin", `version ${version} from ${source}`, { about: id }),
    );
}
