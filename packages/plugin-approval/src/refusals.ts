import { type Exchange, type HostError, type Json, refuse } from "mcp-host";
import type { Rule } from "./options.ts";
import { spoken } from "./remembered.ts";

/** Why a call is refused. */
export type Refusal = "denied" | "declined" | "dismissed" | "late" | "withdrawn" | "unable" | "failed" | "full";

export interface RefusalFacts {
  readonly by: "person" | "operator" | "memory" | "rule";
  readonly deadline: number;
  /** What an operator gave as the reason. */
  readonly reason?: string | undefined;
}

const UNCHANGED = "Do not call it again unchanged: ask the person what to do instead, or go on without it.";

/** A refusal in words for a model: what happened, that nothing was done, and what makes sense now. */
export function refusalOf(refusal: Refusal, { entry }: Exchange, rule: Rule, { by, deadline, reason }: RefusalFacts): HostError {
  const tool = JSON.stringify(entry?.name);
  const who = by === "operator" ? "An operator of this host" : "The person";
  const because = reason ?? rule.reason;
  const told = because === undefined ? "" : ` (${because})`;
  const words: Record<Refusal, string> = {
    denied: `The rules of this host forbid this call of ${tool}${told}. Nothing was done. ${UNCHANGED}`,
    declined: `${who} was asked to approve this call of ${tool} and declined it${told}. Nothing was done. ${UNCHANGED}`,
    dismissed: `${who} was asked to approve this call of ${tool} and gave no answer${told}. Nothing was done. ${UNCHANGED}`,
    late: `${who} was asked to approve this call of ${tool}${told}, and did not answer within ${spoken(deadline)}. Nothing was done. Call it again only when the person says so.`,
    withdrawn: `This call of ${tool} waited for approval${told} when the host stopped or its rules changed. Nothing was done. It may be called again later.`,
    unable: `This call of ${tool} needs the person's approval${told}, and this client cannot ask for it: it does not support elicitation. Nothing was done. Do not call it again in this session; tell the person what you wanted to do.`,
    failed: `This call of ${tool} needs the person's approval${told}, and the client failed to ask for it. Nothing was done. Tell the person what you wanted to do.`,
    full: `This call of ${tool} needs an operator's approval${told}, and too many calls wait for one already. Nothing was done. Call it again later.`,
  };
  return refuse("forbidden", words[refusal]);
}

/** A result that the model reads (2025-11-25, server/tools, error handling: clients give those to it, which they need not do with errors). */
export function resultOf(error: HostError): Json {
  return { content: [{ type: "text", text: error.message }], isError: true };
}
