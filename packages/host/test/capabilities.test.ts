import { expect, test } from "vitest";
import { capabilitySet } from "../dist/upstream/capabilities.js";

test("what a client adds to its capabilities makes no further set", () => {
  const plain = {
    sampling: { tools: {} },
    elicitation: { form: {}, url: {} },
    roots: {},
    tasks: { list: {}, cancel: {}, requests: { sampling: { createMessage: {} }, elicitation: { create: {} } } },
  };
  expect(capabilitySet(plain)).toEqual(plain);
  const junk = { n: Math.random() };
  const junked = {
    sampling: { tools: junk, "x-1": {} },
    elicitation: { form: junk, url: [1], other: {} },
    roots: { listChanged: true, ...junk },
    tasks: { list: junk, cancel: 7, requests: { sampling: { createMessage: junk, ...junk }, elicitation: { create: true }, ...junk } },
    experimental: junk,
  };
  expect(capabilitySet(junked)).toEqual(plain);
});

test("what a client does not declare, or declares as false or in a form that is none, is not in its set", () => {
  expect(capabilitySet({ sampling: { tools: false }, elicitation: true, roots: undefined, tasks: { requests: { sampling: {} } } })).toEqual(
    {
      sampling: {},
      tasks: { requests: { sampling: {} } },
    },
  );
});
