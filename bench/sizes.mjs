// How much is measured. Everything is bounded: by counts, or by milliseconds. `lives` are runs of an aggregate from its start
// through its calls and sessions to its end, `settle` is the time until memory is read.

/** The run that is published: about 25 minutes. */
export const FULL = {
  rounds: 9,
  warm: 4_000,
  calls: 250,
  flood: 600,
  million: 3,
  tenMillion: 2,
  starts: 5,
  lives: 3,
  lifeCalls: 20_000,
  sessions: 100,
  settle: 1_000,
  growth: { flood: 400, tools: [5, 500, 5_000], upstreams: [1, 10, 50], sessions: [10, 100, 1_000] },
  callers: { count: 1_000, tools: 5_000 },
};

/** --quick: to see within three minutes what a change did. */
export const QUICK = {
  ...FULL,
  rounds: 5,
  warm: 1_500,
  calls: 100,
  flood: 260,
  million: 1,
  tenMillion: 1,
  starts: 3,
  lives: 1,
  settle: 500,
  growth: { flood: 200, tools: [5, 5_000], upstreams: [1, 50], sessions: [10, 1_000] },
};

/** --smoke: everything once, to see that the bench itself works. Its figures mean nothing. */
export const SMOKE = {
  rounds: 1,
  warm: 40,
  calls: 10,
  flood: 40,
  million: 1,
  tenMillion: 1,
  starts: 1,
  lives: 1,
  lifeCalls: 100,
  sessions: 10,
  settle: 10,
  growth: { flood: 40, tools: [5, 50], upstreams: [1, 3], sessions: [2, 20] },
  callers: { count: 20, tools: 50 },
};
