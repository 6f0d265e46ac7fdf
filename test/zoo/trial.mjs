// One server: directly, through the host, and through the host with every plugin. What is not equal is a difference.

import { compare } from "./compare.mjs";
import { leftovers, manifestOf, prepare } from "./place.mjs";
import { direct, throughHost, throughPlugins } from "./ways.mjs";

const THROUGH = { host: throughHost, plugins: throughPlugins };

/** The line of results.json, and what differed. */
export async function trial(server, given, home) {
  const { asks = [], fails, startTimeout } = given;
  const by = async (way) => {
    const here = prepare(server, given, home);
    const found = await way(here.child, here.asks, startTimeout);
    return { ...found, left: await leftovers(home) };
  };
  const alone = await by(direct);
  const line = { server, version: manifestOf(server).version, ...(fails === undefined ? facts(alone, asks) : { fails }) };
  const unexpected = surprise(alone, fails);
  if (unexpected) return { line: { ...line, equal: { host: false, plugins: false } }, differences: [unexpected] };
  const differences = [];
  const equal = {};
  for (const [name, way] of Object.entries(THROUGH)) {
    const found = await by(way);
    const different = [...judge(alone, found, given), ...found.left.map((command) => `the host left it running: ${command}`)];
    equal[name] = different.length === 0;
    differences.push(...different.map((what) => `${name}: ${what}`));
  }
  return { line: { ...line, equal }, differences };
}

/** How many entries each list has; null for one that is refused or fails. */
function facts({ account }, asks) {
  const lists = Object.entries(account?.lists ?? {}).map(([field, { entries }]) => [field, entries?.length ?? null]);
  return { lists: Object.fromEntries(lists), asks: counted(asks) };
}

/** How often each is asked. */
function counted(asks) {
  const counts = {};
  for (const { name } of asks) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Directly it is not what servers.mjs says. */
function surprise({ account, failed }, fails) {
  if (fails === undefined) return account ? undefined : `fails directly:\n${failed}`;
  if (account) return "does not fail directly";
  return failed.includes(fails) ? undefined : `says nothing of "${fails}" directly:\n${failed}`;
}

function judge(alone, { account, failed }, { fails, settle = (value) => value }) {
  if (fails === undefined) return failed === undefined ? compare(alone.account, account, settle) : [`fails: ${failed}`];
  if (failed === undefined) return ["does not fail"];
  return failed.includes(fails) ? [] : [`the reason does not say "${fails}": ${failed}`];
}
