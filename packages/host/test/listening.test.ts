import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Listening } from "../dist/upstream/listening.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("subscriptions that keep coming put off none of those before them", () => {
  const opened: unknown[] = [];
  let id = 0;
  const listening = new Listening({
    capabilities: {},
    events: { message() {}, nextId: () => ++id },
    open: (_, params) => void opened.push(params),
    cancel() {},
  });
  listening.begin();
  vi.advanceTimersByTime(1); // there is nothing to listen to yet
  for (let n = 0; n < 5; n++) {
    listening.subscribe(`test://${n}`, () => {});
    vi.advanceTimersByTime(20);
  }
  expect(opened).toEqual([{ notifications: { resourceSubscriptions: ["test://0", "test://1", "test://2"] } }]);
  listening.close();
});
