import { expect, test } from "vitest";
import { BROWSER, openPage, type Page } from "../harness/browser.ts";
import { chatBackend } from "../harness/chat-backend.ts";
import { scriptedModel } from "../harness/scripted-model.ts";

const ask = (page: Page, question: string): Promise<void> =>
  page.run(`question.value = ${JSON.stringify(question)}; document.querySelector("#ask").requestSubmit()`);
const texts = (page: Page, selector: string): Promise<string[]> =>
  page.run(`Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (each) => each.textContent)`);

// A person's browser: .ci/run installs Debian's. test/examples/chat-backend.test.ts speaks the page's protocol without one.
test.skipIf(BROWSER === undefined)("in a browser, the page shows servers, calls and a streamed answer, and what fails", async () => {
  await using model = await scriptedModel(({ messages }, turn) => {
    if (turn === 2) return { status: 400, message: "no more today" };
    const last = messages.at(-1);
    if (last?.role === "tool") return { text: ["Two are late: ", "<img src=x onerror=alert(1)>", " and 1003."] };
    return {
      calls: [
        { name: "orders__query", arguments: '{"state":"late"}' },
        { name: "issues__nosuch", arguments: "{}" },
      ],
    };
  });
  await using chat = await chatBackend(model);
  await using page = await openPage(chat.url);
  await expect.poll(() => texts(page, "#servers li")).toEqual(["orders", "issues"]);

  await ask(page, "Which orders are late?");
  await expect.poll(() => texts(page, "#conversation .assistant")).toEqual(["Two are late: <img src=x onerror=alert(1)> and 1003."]);
  expect(await texts(page, "#conversation .user")).toEqual(["Which orders are late?"]);
  expect(await texts(page, "#conversation .call")).toEqual([
    'orders: orders__query {"state":"late"} – done',
    "nobody: issues__nosuch {} – failed: there is no such tool",
  ]);
  expect(await page.run("document.images.length")).toBe(0); // what a model says is no markup
  await expect.poll(() => page.run('document.querySelector("#stop").disabled')).toBe(true);

  await ask(page, "And why?");
  await expect.poll(() => texts(page, "#conversation .error")).toEqual([expect.stringContaining("no more today")]);
  const said = model.asked[2]?.messages.filter(({ role }) => role !== "system").map(({ role, content }) => [role, content]);
  expect(said?.[1]).toEqual(["assistant", "Two are late: <img src=x onerror=alert(1)> and 1003."]);
  expect(said?.at(-1)).toEqual(["user", "And why?"]);
  expect(page.complaints).toEqual([]);
});
