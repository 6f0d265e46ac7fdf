import { expect, test } from "vitest";
import { Circuit } from "../dist/circuit.js";

function circuit(failures = 2) {
  let now = 0;
  const changes: boolean[] = [];
  const made = new Circuit(
    { failures, openFor: 100 },
    () => now,
    (isOpen) => changes.push(isOpen),
  );
  const advance = (ms: number): void => {
    now += ms;
  };
  return { made, changes, advance };
}

test("it opens after failures in a row, lets one try after a time, and opens anew where that one fails", () => {
  const { made, changes, advance } = circuit();
  made.failed();
  made.succeeded();
  made.failed();
  expect(made.enter()).toBe(true);
  made.failed();
  expect([made.isOpen, made.enter()]).toEqual([true, false]);
  advance(100);
  expect([made.enter(), made.enter()]).toEqual([true, false]);
  made.failed();
  advance(99);
  expect(made.enter()).toBe(false);
  advance(1);
  expect(made.enter()).toBe(true);
  made.succeeded();
  expect([made.isOpen, made.enter(), made.enter()]).toEqual([false, true, true]);
  expect(changes).toEqual([true, false]);
});

test("one that nobody waits for any more makes room for another that tries", () => {
  const { made, advance } = circuit(1);
  made.failed();
  advance(100);
  expect([made.enter(), made.enter()]).toEqual([true, false]);
  made.abandoned();
  expect(made.enter()).toBe(true);
});

test("what was asked before it opened prolongs nothing, and closes it where it succeeds", () => {
  const { made, changes, advance } = circuit(1);
  made.failed();
  advance(60);
  made.failed();
  advance(40);
  expect(made.enter()).toBe(true);
  made.abandoned();
  made.succeeded();
  expect(changes).toEqual([true, false]);
});
