import { defineCommand } from "citty";
import type { Host } from "../host/host.ts";
import type { PipelinePlugin } from "../host/status.ts";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import type { HookDefinition } from "../plugin/hook-definition.ts";
import type { TapRecord } from "../plugin/hook-set.ts";
import type { HookName } from "../plugin/hooks.ts";
import type { HostStatus } from "../plugin/host-status.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { loggerOf } from "./command-line/logger.ts";
import { configArgs, logArgs } from "./command-line/options.ts";
import { endpointTable } from "./terminal/endpoint-table.ts";
import { jsonText } from "./terminal/json-text.ts";
import { reportLines } from "./terminal/plugin-reports.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";
import { columns } from "./terminal/wrap.ts";

export default defineCommand({
  meta: { name: "inspect", description: "Show the pipeline: each hook with its taps, the plugins, the servers" },
  args: { ...jsonArgs, ...configArgs, ...logArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { openHost, prepare } = await import("./hosting/open-host.ts");
    const output = claimStdout();
    const opened = await openHost({ config: args.config, raw: rawArgs, log: loggerOf(args, "error"), insecureNoAuth: true });
    try {
      await prepare(opened);
      const view = await inspection(opened.host);
      output.write(args.json ? jsonText(view) : `${escapeControls(describe(view))}\n`);
    } finally {
      await opened.host.close();
    }
    return EXIT.ok.code;
  },
});

interface Inspection {
  hooks: { hook: HookName; kind: string; taps: readonly TapRecord[] }[];
  plugins: (PipelinePlugin & { taps: number })[];
  disabled: readonly string[];
  upstreams: { name: string; wire: string; isolation: string; relays: string }[];
  endpoints: HostStatus["endpoints"];
  /** What plugins say of themselves before anything runs. */
  reports: HostStatus["reports"];
}

async function inspection(host: Host): Promise<Inspection> {
  const { HOOKS } = await import("../plugin/hooks.ts");
  const { plugins, disabled, taps, endpoints } = host.pipeline();
  const { upstreams, reports } = host.status();
  return {
    hooks: (Object.entries(HOOKS) as [HookName, HookDefinition][]).map(([hook, { kind }]) => ({
      hook,
      kind,
      taps: taps.filter((tap) => tap.hook === hook),
    })),
    plugins: plugins.map((plugin) => ({ ...plugin, taps: taps.filter((tap) => tap.plugin === plugin.id).length })),
    disabled,
    upstreams: upstreams.map(({ name, wire, isolation, relays }) => ({ name, wire, isolation, relays })),
    endpoints,
    reports,
  };
}

function describe({ hooks, plugins, disabled, upstreams, endpoints, reports }: Inspection): string {
  const rows = hooks.flatMap(({ hook, taps }) =>
    taps.length === 0
      ? [[hook, "-"]]
      : taps.map(({ method, plugin, version }, index) => [
          index === 0 ? hook : "",
          `${index + 1}. ${plugin} ${version}${method === undefined ? "" : ` for ${method === "*" ? "every method" : method}`}`,
        ]),
  );
  const idle = plugins.filter((plugin) => plugin.idle).map(({ id }) => `ATTENTION: plugin "${id}" taps nothing, so it does nothing.`);
  return [
    ...(idle.length > 0 ? [idle.join("\n")] : []),
    table([["HOOK", "TAPS, IN THEIR ORDER"], ...rows], columns()),
    table(
      [
        ["PLUGIN", "VERSION", "ON ERROR", "TAPS", "ORDER AND CONDITIONS", "FROM"],
        ...plugins.map((plugin) => [plugin.id, plugin.version, plugin.onError, String(plugin.taps), rules(plugin), plugin.source]),
      ],
      columns(),
    ),
    ...(disabled.length > 0 ? [`Not enabled: ${disabled.join(", ")}`] : []),
    table(
      [["SERVER", "WIRE", "ISOLATION", "RELAYS"], ...upstreams.map(({ name, wire, isolation, relays }) => [name, wire, isolation, relays])],
      columns(),
    ),
    ...endpointTable(endpoints),
    ...(Object.keys(reports).length > 0 ? [`What plugins say:\n${reportLines(reports, columns())}`] : []),
  ].join("\n\n");
}

/** What decides when its taps run, besides its place in the config. */
function rules({ enforce, before, after, needs, when = {} }: PipelinePlugin): string {
  const said = [
    ...(enforce ? [enforce] : []),
    ...Object.entries({ before, after, needs }).flatMap(([word, names]) => (names?.length ? [`${word} ${names.join(", ")}`] : [])),
    ...Object.entries(when).map(([what, wanted]) => `${what}: ${wanted.map((each) => each || '""').join(", ")}`),
  ];
  return said.join("; ") || "-";
}
