import { join } from "node:path";
import { testStore } from "mcp-host/testing";
import { afterAll, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { opened } from "./opened.ts";
import { hostProcess } from "./process.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());
const file = (name: string): string => join(folder.path, name);

testStore("one host", { test, start: () => opened({ file: file("one.sqlite") }) });
testStore("two hosts on one file", { test, shared: true, start: () => opened({ file: file("two.sqlite") }) });
testStore("two processes on one file", { test, shared: true, start: () => hostProcess(file("processes.sqlite")) });
