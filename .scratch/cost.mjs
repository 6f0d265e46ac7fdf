import { createTestHost, fakeUpstream } from "../packages/host/dist/testing/index.js";
import { createHost } from "../packages/host/dist/index.js";
import { routing } from "../packages/plugin-routing/dist/index.js";
const up = (n) => fakeUpstream({ tools: { [n]: () => "x", same: () => "x" } });
async function make(plugins) {
  const [a, b, c] = [up("a"), up("b"), fakeUpstream({ tools: { lone: () => "x" } })];
  const host = createHost({ mcpServers: { a: { transport: a.transport }, b: { transport: b.transport }, c: { transport: c.transport } }, plugins });
  await host.start(); await host.listTools(); return host;
}
const hosts = { none: await make([]), routing: await make([routing({ groups: { g: { members: ["a", "b"] } } })]), weighted: await make([routing({ groups: { g: { members: ["a", "b"], policy: "two-choices" } } })]) };
async function time(host, tool, n) { const t = performance.now(); for (let i = 0; i < n; i++) await host.callTool(tool); return ((performance.now() - t) / n) * 1000; }
const rows = {};
for (let round = 0; round < 12; round++)
  for (const [name, host] of Object.entries(hosts)) for (const tool of ["lone", "same"]) (rows[`${name} ${tool}`] ??= []).push(await time(host, tool, 2000));
for (const [k, v] of Object.entries(rows)) { v.splice(0, 2); v.sort((x, y) => x - y); console.log(k, v[0].toFixed(1), v[v.length >> 1].toFixed(1), "µs"); }
for (const h of Object.values(hosts)) await h.close();
