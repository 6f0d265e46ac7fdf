// Two accounts of visits: what of them has to be equal, and where they differ.

import { isDeepStrictEqual } from "node:util";

const SHOWN = 300;
const NOT_FOUND = -32601;

/** The places where the account through the host differs from the direct one. */
export function compare(alone, through, settle) {
  const [wanted, got] = [alone, through].map((account) => settled(told(account), settle));
  return differing(wanted, got, "");
}

const CAPABILITY = { tools: "tools", prompts: "prompts", resources: "resources", resourceTemplates: "resources" };

/**
 * What has to be equal. `listChanged` is the host's own promise, which it keeps whatever the server does. A list that nobody has is refused
 * with the same code, in the words of whoever refuses; one that the server declares all the same is empty behind the host. One that the
 * server cannot give is empty behind the host, with the server's words beside it.
 */
function told({ capabilities, lists, ...rest }) {
  return {
    ...rest,
    capabilities: mapped(capabilities, (capability) => ({ ...capability, listChanged: undefined })),
    lists: mapped(lists, ({ entries, error, incomplete }, field) => {
      if (error?.code === NOT_FOUND) return capabilities[CAPABILITY[field]] ? { entries: [] } : { refused: true };
      if (error) return { failed: error.message.replace(/^MCP error -?\d+: /, "") };
      return incomplete ? { failed: incomplete.replace(/^\S+ failed: /, "") } : { entries };
    }),
  };
}

const isBranch = (value) => typeof value === "object" && value !== null;
const mapped = (object, map) => Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));

/** A copy, as JSON has it, with every leaf as `settle` gives it. */
function settled(value, settle, key) {
  if (Array.isArray(value)) return value.map((each) => settled(each, settle, key));
  if (!isBranch(value)) return settle(value, key);
  const defined = Object.entries(value).filter(([, each]) => each !== undefined);
  return mapped(Object.fromEntries(defined), (each, name) => settled(each, settle, name));
}

function differing(wanted, got, place) {
  if (isDeepStrictEqual(wanted, got)) return [];
  if (!isBranch(wanted) || !isBranch(got) || Array.isArray(wanted) !== Array.isArray(got))
    return [`${place || "/"}: ${brief(wanted)} became ${brief(got)}`];
  const keys = new Set([...Object.keys(wanted), ...Object.keys(got)]);
  return [...keys].flatMap((key) => differing(wanted[key], got[key], `${place}/${key}`));
}

const brief = (value) => (value === undefined ? "nothing" : JSON.stringify(value)).slice(0, SHOWN);
