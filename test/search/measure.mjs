// What a list of tools costs a model, what the search costs in its place, and how well it finds.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";

const read = (name) => JSON.parse(readFileSync(join(import.meta.dirname, name), "utf8"));

/** Tasks in plain language, each with the tools that are right for it: those that the words were chosen with, and those that nobody looked at. */
export const TASKS = read("tasks.json");
export const OTHERS = read("others.json");

/** Tools of a list of which is told what they cost beside all that there are. */
const SOME = 250;

/** What clients put before a model. */
const shown = ({ name, description, inputSchema }) => JSON.stringify({ name, description, inputSchema });
export const costOf = (tools) => tools.reduce((sum, tool) => sum + countTokens(shown(tool)), 0);

/**
 * @param list the whole list, as it is listed
 * @param search the list that stands in its place
 * @param call calls a tool, and gives its text
 * @param nameOf the exposed name of `<server>:<tool>`
 */
export async function measure({ list, search, call, nameOf }) {
  const find = search.find(({ name }) => name.endsWith("find_tools")).name;
  const answers = [];
  const ranks = async (tasks) => {
    const found = [];
    for (const { task, tools } of tasks) {
      const text = await call(find, { query: task });
      answers.push(countTokens(text));
      const names = text
        .split("\n")
        .slice(1)
        .map((line) => JSON.parse(line).name);
      const right = tools.map(nameOf);
      found.push(names.findIndex((name) => right.includes(name)) + 1);
    }
    return { tasks: found.length, first: found.filter((rank) => rank === 1).length, amongFive: found.filter((rank) => rank > 0).length };
  };
  const tasks = await ranks(TASKS);
  const others = await ranks(OTHERS);
  const some = list.slice(0, SOME);
  return {
    tools: list.length,
    tokens: {
      list: costOf(list),
      search: costOf(search),
      answer: Math.round(answers.reduce((sum, each) => sum + each, 0) / answers.length),
    },
    some: { tools: some.length, list: costOf(some) },
    tasks,
    others,
  };
}
