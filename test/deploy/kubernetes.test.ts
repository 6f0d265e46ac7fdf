import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { home, run } from "../harness/cli.ts";
import { ROOT } from "../harness/hosts.ts";
import { partOf, type Resource, rendered } from "./kustomize.ts";

const FOLDER = join(ROOT, "deploy/kubernetes");
const FLAVOURS = ["base", "monitored"] as const;

/** Where the packages have each kind: what checks it, and its type. */
const MODELS: Readonly<Record<string, string>> = {
  "v1/Namespace": "kubernetes-models/v1/Namespace",
  "v1/ConfigMap": "kubernetes-models/v1/ConfigMap",
  "v1/Service": "kubernetes-models/v1/Service",
  "v1/PersistentVolumeClaim": "kubernetes-models/v1/PersistentVolumeClaim",
  "apps/v1/Deployment": "kubernetes-models/apps/v1/Deployment",
  "policy/v1/PodDisruptionBudget": "kubernetes-models/policy/v1/PodDisruptionBudget",
  "networking.k8s.io/v1/NetworkPolicy": "kubernetes-models/networking.k8s.io/v1/NetworkPolicy",
  "monitoring.coreos.com/v1/ServiceMonitor": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor",
};
const modelOf = ({ apiVersion, kind }: Resource): string =>
  MODELS[`${apiVersion}/${kind}`] ?? expect.fail(`${apiVersion}/${kind} has no schema here`);
const require = createRequire(import.meta.url);

/** Checks a resource against the schema of its kind, which does not mind keys that it does not know. */
function validate(resource: Resource): void {
  // The packages' classes have it in common; each is checked by the schema that it carries.
  const Model = (require(modelOf(resource)) as Record<string, new (data: unknown) => { validate(): void }>)[resource.kind];
  if (!Model) expect.fail(`${resource.kind} is not in its package`);
  new Model(resource).validate();
}

const all = rendered(join(FOLDER, "base"));
const ofKind = (kind: string): Resource => all.find((resource) => resource.kind === kind) ?? expect.fail(`there is no ${kind}`);
const of = (kind: string, path: string): unknown => partOf(ofKind(kind), path);
const pod = (path: string): unknown => of("Deployment", `spec.template.${path}`);
const container = (path: string): unknown => pod(`spec.containers.0.${path}`);
/** The Deployment with another value at the end of `path`. */
function changed(path: string, key: string, value: unknown): Resource {
  const copy = structuredClone(ofKind("Deployment"));
  const place = partOf(copy, path);
  if (typeof place !== "object" || place === null) expect.fail(`there is no ${path}`);
  Object.assign(place, { [key]: value });
  return copy;
}

const scratch = join(ROOT, "test", ".tmp", `kubernetes-${process.pid}`);
mkdirSync(scratch, { recursive: true });
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("the manifests", () => {
  test.each(FLAVOURS)("of %s are what their schemas want", (flavour) => {
    const resources = rendered(join(FOLDER, flavour));
    for (const resource of resources) validate(resource);
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(resources.map(({ kind }) => kind).includes("ServiceMonitor")).toBe(flavour === "monitored");
  });

  test("a mistake would be found", () => {
    expect(() => validate(changed("spec", "replicas", "one"))).toThrow("replicas");
    expect(() => validate(changed("spec", "selector", undefined))).toThrow("selector");
  });

  // The compiler minds what the schemas do not: a key that a kind does not have is an error in a literal.
  test("have no keys that their kinds do not know", async () => {
    const compiled = async (name: string, resources: readonly Resource[]): Promise<string> => {
      const lines = resources.flatMap((resource, index) => [
        `import type { I${resource.kind} as T${index} } from "${modelOf(resource)}";`,
        `export const r${index}: T${index} = ${JSON.stringify(resource)};`,
      ]);
      writeFileSync(join(scratch, `${name}.ts`), lines.join("\n"));
      const options = { strict: true, noEmit: true, module: "nodenext", target: "es2022", skipLibCheck: true, types: [] };
      writeFileSync(join(scratch, `${name}.json`), JSON.stringify({ compilerOptions: options, files: [`${name}.ts`] }));
      const child = spawn(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", join(scratch, `${name}.json`)]);
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => void (said += chunk));
      await new Promise((done) => child.once("close", done));
      return said;
    };
    expect(await compiled("right", rendered(join(FOLDER, "monitored")))).toBe("");
    expect(await compiled("wrong", [changed("spec.template.spec.containers.0", "livenesProbe", {})])).toContain("livenesProbe");
  });

  const program = [
    ["kustomize", "build"],
    ["kubectl", "kustomize"],
  ].find(([name = ""]) => spawnSync(name, ["version", "--client"]).status === 0);
  const reason = program === undefined ? " (skipped: neither kustomize nor kubectl is installed)" : "";
  test.skipIf(program === undefined)(`are what kustomize makes of them, too${reason}`, () => {
    const [name = "", ...args] = program ?? [];
    // Each makes a hash of the config in its own way.
    const normal = (resources: readonly Resource[]): Resource[] =>
      (JSON.parse(JSON.stringify(resources).replace(/mcp-host-config-[a-z0-9]{10}/g, "mcp-host-config-HASH")) as Resource[]).sort((a, b) =>
        a.kind < b.kind ? -1 : 1,
      );
    for (const flavour of FLAVOURS) {
      const { status, stdout, stderr } = spawnSync(name, [...args, join(FOLDER, flavour)], { encoding: "utf8" });
      expect(status, stderr).toBe(0);
      const theirs = parseAllDocuments(stdout).map((document) => document.toJS() as Resource);
      expect(normal(rendered(join(FOLDER, flavour)))).toEqual(normal(theirs));
    }
  });
});

describe("the pod", () => {
  test("is one that the profile `restricted` lets in, with a root that is read-only and bounds", () => {
    expect(ofKind("Namespace").metadata.labels).toMatchObject({ "pod-security.kubernetes.io/enforce": "restricted" });
    expect(pod("spec.securityContext")).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } });
    for (const part of ["spec.initContainers.0", "spec.containers.0"])
      expect(pod(`${part}.securityContext`)).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    for (const key of ["hostNetwork", "hostPID", "hostIPC"]) expect(pod("spec")).not.toHaveProperty(key);
    for (const volume of pod("spec.volumes") as object[])
      expect(Object.keys(volume)[1]).toMatch(/^(configMap|persistentVolumeClaim|emptyDir)$/);
    expect(pod("spec.automountServiceAccountToken")).toBe(false);
    expect(container("resources")).toMatchObject({
      requests: { cpu: expect.anything(), memory: expect.anything() },
      limits: { memory: "1Gi" },
    });
    // The user and the places that the image has.
    const dockerfile = readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8");
    expect(dockerfile).toContain("USER 1000:1000");
    for (const { mountPath } of container("volumeMounts") as { mountPath: string }[]) expect(dockerfile).toContain(mountPath);
  });

  test("is asked for the routes that the host has, and has the time to end that the host takes", () => {
    for (const [probe, path] of [
      ["startupProbe", "/healthz"],
      ["livenessProbe", "/healthz"],
      ["readinessProbe", "/readyz"],
    ] as const)
      expect(container(`${probe}.httpGet`)).toEqual({ path, port: "http" });
    const { drain, listen } = config();
    expect(container("ports")).toEqual([{ name: "http", containerPort: listen.port }]);
    expect([drain, pod("spec.terminationGracePeriodSeconds")]).toEqual(["30s", 60]);
    expect(of("PodDisruptionBudget", "spec.maxUnavailable")).toBe(1);
  });

  test("is the one that all selectors mean, and the policy speaks of other pods where it means others", () => {
    const labels = pod("metadata.labels");
    expect(labels).toEqual({ "app.kubernetes.io/name": "mcp-host" });
    for (const [kind, path] of [
      ["Deployment", "spec.selector.matchLabels"],
      ["Service", "spec.selector"],
      ["NetworkPolicy", "spec.podSelector.matchLabels"],
      ["PodDisruptionBudget", "spec.selector.matchLabels"],
    ] as const)
      expect(of(kind, path), kind).toEqual(labels);
    expect(of("NetworkPolicy", "spec.egress.0.to.0.podSelector.matchLabels")).toEqual({ "k8s-app": "kube-dns" });
    expect(of("NetworkPolicy", "spec.policyTypes")).toEqual(["Ingress", "Egress"]);
    const monitor = rendered(join(FOLDER, "monitored")).find(({ kind }) => kind === "ServiceMonitor");
    expect(partOf(monitor, "spec.selector.matchLabels")).toEqual(ofKind("Service").metadata.labels);
    expect(partOf(monitor, "spec.endpoints.0")).toMatchObject({ port: of("Service", "spec.ports.0.name"), path: "/metrics" });
  });
});

test("the route of docs/deployment.md leads to the service, by the path that clients need and no other", () => {
  const [, block = ""] = /^```yaml\n(.*?)^```$/ms.exec(readFileSync(join(ROOT, "docs/deployment.md"), "utf8")) ?? [];
  const route = parse(block) as Resource;
  expect(route).toMatchObject({ kind: "HTTPRoute", metadata: { namespace: ofKind("Service").metadata.namespace } });
  expect(partOf(route, "spec.rules.0.matches")).toEqual([{ path: { type: "Exact", value: "/mcp" } }]);
  expect(partOf(route, "spec.rules.0.backendRefs.0")).toEqual({
    name: ofKind("Service").metadata.name,
    port: of("Service", "spec.ports.0.port"),
  });
  expect(of("NetworkPolicy", "spec.ingress.0.from.0.namespaceSelector.matchLabels")).toEqual({
    "kubernetes.io/metadata.name": partOf(route, "spec.parentRefs.0.namespace"),
  });
});

/** What the ConfigMap has. */
const text = (): string => String((of("ConfigMap", "data") as Record<string, string>)["mcp-host.config.jsonc"]);
const config = (): { drain: string; listen: { port: number } } => JSON.parse(text().replace(/^\s*\/\/.*$/gm, ""));

test("the config is valid with what the secret is said to hold, and nothing else", async () => {
  const [, listed = ""] = /# ([A-Z_, ]+)\n\s+- secretRef/.exec(readFileSync(join(FOLDER, "base/deployment.yaml"), "utf8")) ?? [];
  const names = listed.split(", ");
  const used = new Set(
    Array.from(
      text()
        .replace(/^\s*\/\/.*$/gm, "")
        .matchAll(/\$\{(\w+)/g),
      ([, name]) => name,
    ),
  );
  expect([...names, "STATE_FOLDER"].sort()).toEqual([...used].sort());
  using at = home(undefined, { "mcp-host.config.jsonc": text() });
  const values = Object.fromEntries(
    names.map((name) => [name, name === "TICKETS_URL" ? "https://tickets.example.com/mcp" : "a-value-of-sixteen-and-more"]),
  );
  const begun = (): number | null => {
    const [program = "", ...args] = pod("spec.initContainers.0.command") as string[];
    return spawnSync(program, args, { env: { PATH: process.env.PATH, STATE_FOLDER: at.path } }).status;
  };
  expect([begun(), readFileSync(join(at.path, "keys.json"), "utf8")]).toEqual([0, "[]\n"]);
  const { code, stdout, stderr } = await run(at, ["validate", "--config", "mcp-host.config.jsonc"], { ...values, STATE_FOLDER: at.path });
  expect(code, stdout + stderr).toBe(0);
  // Keys that there are stay.
  const added = await run(at, ["auth", "keys", "add", "ada", "--roles", "writer", "--config", "mcp-host.config.jsonc"], {
    ...values,
    STATE_FOLDER: at.path,
  });
  expect(added.code, added.stderr).toBe(0);
  const kept = readFileSync(join(at.path, "keys.json"), "utf8");
  expect([begun(), readFileSync(join(at.path, "keys.json"), "utf8")]).toEqual([0, kept]);
  expect(kept).toContain("ada");
});
