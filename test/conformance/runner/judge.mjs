// What counts as passing: directly, and through the host. There is no list of exceptions.

/** Directly: everything ran, nothing failed, nothing was skipped or warned of. */
export function judgeDirect(expected, found) {
  const problems = [];
  for (const [scenario, checks] of found.scenarios) {
    for (const [id, { status, message }] of checks) {
      if (status !== "SUCCESS" && status !== "INFO") problems.push(describe(scenario, id, status, message));
    }
    if (passed(checks) === 0) problems.push(`${scenario}: no check passed`);
  }
  return withRun(expected, found, problems);
}

/** Directly, of what the suite does not check yet wholly: nothing failed. */
export function judgeUnfailing(expected, found) {
  const problems = [];
  for (const [scenario, checks] of found.scenarios)
    for (const [id, { status, message }] of checks)
      if (status === "FAILURE" || status === "WARNING") problems.push(describe(scenario, id, status, message));
  return withRun(expected, found, problems);
}

/** Through the host, of what the fixture cannot do by itself: every scored scenario passes. */
export function judgeScored(scored, found) {
  const problems = [];
  for (const [scenario, checks] of found.scenarios)
    for (const [id, { status, message }] of checks)
      if (scored.get(scenario) && status === "FAILURE") problems.push(describe(scenario, id, status, message));
  return withRun(
    [...scored.keys()].filter((scenario) => scored.get(scenario)),
    { ...found, code: 0 },
    problems,
  );
}

/** Through the host: check by check the same as without it. */
export function judgeThrough(expected, found, direct) {
  const problems = differences(found, direct).map(
    ({ scenario, id, status, before, message }) => `${describe(scenario, id, status, message)}, without the host: ${before}`,
  );
  return withRun(expected, found, problems);
}

/** Every check of either run that has another status in the other, or is in one of them only. */
function differences(found, base) {
  return [...new Set([...base.scenarios.keys(), ...found.scenarios.keys()])].flatMap((scenario) => {
    const before = base.scenarios.get(scenario) ?? new Map();
    const after = found.scenarios.get(scenario) ?? new Map();
    return [...new Set([...before.keys(), ...after.keys()])]
      .map((id) => ({ scenario, id, before: before.get(id)?.status ?? "absent", ...(after.get(id) ?? { status: "absent" }) }))
      .filter((check) => check.status !== check.before);
  });
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

/** The problems, with those of the run as a whole: what did not run, and an exit code that nothing else explains. */
function withRun(expected, { code, scenarios }, problems) {
  const all = [...expected.filter((scenario) => !scenarios.has(scenario)).map((scenario) => `${scenario}: did not run`), ...problems];
  return code !== 0 && all.length === 0 ? [`the suite exited with ${code}`] : all;
}

function describe(scenario, id, status, message) {
  return `${scenario} / ${id}: ${status}${message ? ` (${message})` : ""}`;
}
