import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ROOT } from "./harness/hosts.ts";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  readonly "working-directory"?: string;
}
interface Job {
  readonly "runs-on": string;
  readonly "timeout-minutes"?: number;
  readonly "continue-on-error"?: unknown;
  readonly if?: string;
  readonly permissions?: Record<string, string>;
  readonly strategy?: { readonly matrix: { readonly os: string[]; readonly node: string[] } };
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Record<string, unknown>;
  readonly permissions: Record<string, string>;
  readonly jobs: Record<string, Job>;
}

// That they run can be seen on GitHub alone. Here is what can be seen without it.
const FOLDER = join(ROOT, ".github/workflows");
const NAMES = readdirSync(FOLDER).sort();
const text = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const workflow = (name: string): Workflow => parse(text(name));
const jobs = (): [name: string, job: Job][] => NAMES.flatMap((name) => Object.entries(workflow(name).jobs));
const steps = (): Step[] => jobs().flatMap(([, job]) => [...job.steps]);
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** What the steps of a job have a shell do. */
const commands = (name: string, job: string): string[] => workflow(name).jobs[job]?.steps.flatMap(({ run }) => run ?? []) ?? [];

test("there are these workflows and jobs, each of which ends", () => {
  expect(NAMES).toEqual(["ci.yml", "dependencies.yml", "release.yml"]);
  expect(jobs().map(([name]) => name)).toEqual(["test", "conformance", "cost", "audit", "review", "release"]);
  for (const [name, job] of jobs()) expect(job["timeout-minutes"], name).toBeLessThanOrEqual(60);
});

test("every script and file that a step runs is there", () => {
  const said = [...steps().flatMap(({ run, with: given = {} }) => [run, given.version, given.publish])].filter(
    (each) => typeof each === "string",
  );
  const scripts = said.flatMap((each) => Array.from(each.matchAll(/\bnpm run (\S+)/g), ([, name = ""]) => name));
  expect(scripts).toEqual(expect.arrayContaining(["conformance", "cost", "build", "release:version", "release:publish"]));
  expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);
  const files = said.flatMap((each) => Array.from(each.matchAll(/\bbash (\S+)/g), ([, name = ""]) => name));
  expect(files).toContain(".ci/tools");
  expect(files.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
});

test("npm test runs on three systems with the oldest Node that is supported, and the two that .ci/run tries, too", () => {
  const { strategy, steps: made } = workflow("ci.yml").jobs.test ?? expect.fail("there is no such job");
  const { os = [], node = [] } = strategy?.matrix ?? {};
  expect(os).toEqual(["ubuntu-latest", "macos-latest", "windows-latest"]);
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "test/nodes/package.json"), "utf8"));
  const newer = Object.values<string>(dependencies).map((version) => /@(\d+)\./.exec(version)?.[1]);
  expect(node.map((version) => (version.includes(".") ? `>=${version}` : version))).toEqual([manifest.engines.node, ...newer]);
  expect(commands("ci.yml", "test")).toEqual(expect.arrayContaining(["npm ci", "npm test"]));
  expect(manifest.scripts.test).toContain("coverage");
  expect(manifest.scripts.coverage).toContain("scripts/coverage.mjs");
  // Each system that needs a step of its own has it by its name.
  for (const [, name] of text("ci.yml").matchAll(/matrix\.os == '([^']+)'/g)) expect(os).toContain(name);
  expect(made.find(({ uses }) => uses?.startsWith("actions/setup-node@"))?.with?.["node-version"]).toBe("${{ matrix.node }}");
});

test("a pull request is measured next to what it is for, within 5 %", () => {
  const { cost } = workflow("ci.yml").jobs;
  expect(cost?.if).toBe("github.event_name == 'pull_request'");
  expect(commands("ci.yml", "cost")).toEqual(["npm ci && npm run build", "npm ci", "npm run cost -- --base ../base --limit 5"]);
  const places = cost?.steps.flatMap(({ with: given }) => given?.path ?? []);
  for (const step of cost?.steps ?? []) if (step.run) expect(places).toContain(step["working-directory"]);
});

test("dependencies are audited and reviewed, and a release has provenance and is off until somebody turns it on", () => {
  expect(commands("dependencies.yml", "audit").every((command) => command.startsWith("npm audit "))).toBe(true);
  expect(workflow("dependencies.yml").jobs.review?.steps.at(-1)?.uses).toMatch(/^actions\/dependency-review-action@/);
  const release = workflow("release.yml").jobs.release ?? expect.fail("there is no such job");
  expect(release.if).toBe("vars.RELEASES == 'on'");
  expect(readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8")).toContain("`RELEASES`");
  expect(release.permissions).toMatchObject({ "id-token": "write" });
  expect(release.steps.at(-1)).toMatchObject({
    uses: expect.stringMatching(/^changesets\/action@/),
    env: { NPM_CONFIG_PROVENANCE: "true" },
    with: { version: "npm run release:version", publish: "npm run release:publish" },
  });
});

test("actions are pinned to commits, tokens may read and no more, and nothing that a stranger writes is run with secrets", () => {
  const pins = NAMES.flatMap((name) => Array.from(text(name).matchAll(/uses: (.*)$/gm), ([, pin = ""]) => pin));
  expect(pins).toHaveLength(steps().filter(({ uses }) => uses).length);
  for (const pin of pins) expect(pin).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  const versions = new Map(pins.map((pin) => [pin.split("@")[0], pin]));
  for (const pin of pins) expect(pin).toBe(versions.get(pin.split("@")[0])); // one of each
  for (const name of NAMES) {
    expect(workflow(name).permissions).toEqual({ contents: "read" });
    expect(Object.keys(workflow(name).on)).not.toContain("pull_request_target");
  }
  expect(
    jobs()
      .filter(([, { permissions }]) => permissions)
      .map(([name]) => name),
  ).toEqual(["release"]);
  for (const { run = "" } of steps()) expect(run).not.toContain("${{");
});
