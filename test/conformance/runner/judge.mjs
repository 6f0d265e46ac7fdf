// What counts as passing: directly, and through the host.

/**
 * The only checks that may come out differently through the host, with what they may be instead of SUCCESS.
 * An entry that no run needs any more is reported.
 */
export const PERMITTED = [
  {
    scenario: "server-sse-polling",
    checks: ["server-sse-priming-event", "server-sse-retry-field", "server-sse-disconnect-resume"],
    instead: ["WARNING", "INFO", "absent"],
    reason:
      "Not scored. The host keeps no events of its own that a client could come back for: it takes up the upstream's " +
      "broken stream itself, and its client gets an ordinary answer.",
  },
];

/** Directly: everything ran, nothing failed, nothing was skipped or warned of. */
export function judgeDirect(expected, { code, scenarios }) {
  const problems = ranAll(expected, scenarios);
  for (const [scenario, checks] of scenarios) {
    for (const [id, { status, message }] of checks) {
      if (status !== "SUCCESS" && status !== "INFO") problems.push(describe(scenario, id, status, message));
    }
    if (passed(checks) === 0) problems.push(`${scenario}: no check passed`);
  }
  if (code !== 0 && problems.length === 0) problems.push(`the suite exited with ${code}`);
  return { problems, permitted: [] };
}

/** Through the host: what passed directly passes, and nothing fails or is warned of that was not looked at directly. */
export function judgeThrough(expected, { code, scenarios }, direct) {
  const problems = ranAll(expected, scenarios);
  const permitted = [];
  for (const [scenario, checks] of scenarios) {
    const before = direct.scenarios.get(scenario) ?? new Map();
    for (const id of new Set([...before.keys(), ...checks.keys()])) {
      const { status, message } = checks.get(id) ?? { status: "absent" };
      const bad = before.get(id)?.status === "SUCCESS" ? status !== "SUCCESS" : status === "FAILURE" || status === "WARNING";
      if (!bad) continue;
      const exception = PERMITTED.find(
        (entry) => entry.scenario === scenario && entry.checks.includes(id) && entry.instead.includes(status),
      );
      if (exception) permitted.push({ exception, text: describe(scenario, id, status) });
      else problems.push(describe(scenario, id, status, message));
    }
  }
  if (code !== 0 && problems.length === 0) problems.push(`the suite exited with ${code}`);
  return { problems, permitted };
}

export function passed(checks) {
  return count(checks, "SUCCESS");
}

export function failed(checks) {
  return count(checks, "FAILURE");
}

function count(checks, wanted) {
  return [...checks.values()].filter(({ status }) => status === wanted).length;
}

function ranAll(expected, scenarios) {
  return expected.filter((scenario) => !scenarios.has(scenario)).map((scenario) => `${scenario}: did not run`);
}

function describe(scenario, id, status, message) {
  return `${scenario} / ${id}: ${status}${message ? ` (${message})` : ""}`;
}
