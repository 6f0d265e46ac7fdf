import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";

import { bashScript } from "./completion/bash.ts";
import { fishScript } from "./completion/fish.ts";
import { type Commands, commandWords } from "./completion/words.ts";
import { zshScript } from "./completion/zsh.ts";
import { jsonText } from "./terminal/json-text.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** The command that prints a script which completes these. */
export const completionOf = (completed: Commands) =>
  defineCommand({
    meta: { name: "completion", description: "Print a script that completes commands, flags and their values in a shell" },
    args: {
      shell: { type: "positional", valueHint: "bash|zsh|fish", description: "For which shell" },
      ...jsonArgs,
    },
    async run({ args }): Promise<ExitCode> {
      const commands = await commandWords(completed);
      const script = SCRIPTS[args.shell as keyof typeof SCRIPTS](commands); // one of its options, or the command would not run
      process.stdout.write(args.json ? jsonText({ shell: args.shell, script }) : script);
      return EXIT.ok.code;
    },
  });
