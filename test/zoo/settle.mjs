// What in a server's answers differs from run to run, and what stands in its place. Each takes a text or a number of an answer and the key that it is under.

const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;
const CLOCK = /\d{1,2}:\d\d:\d\d(?: [AP]M)?/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

const inTexts = (pattern, mark) => (value) => (typeof value === "string" ? value.replace(pattern, mark) : value);

/** Answers tell when they were made. */
export const withoutMoments = inTexts(MOMENT, "<moment>");
const withoutTimeOfDay = inTexts(CLOCK, "<clock>");

/** Contents of its resources tell the time of day, binary ones in Base64. */
export function withoutClock(value, key) {
  return withoutTimeOfDay(withoutMoments(key === "blob" ? Buffer.from(value, "base64").toString("latin1") : value));
}

/** It makes UUIDs. */
export const withoutUuids = inTexts(UUID, "<uuid>");
/** Its figures are made at random. */
export const withoutFigures = (value) => (typeof value === "number" ? "<number>" : value);
