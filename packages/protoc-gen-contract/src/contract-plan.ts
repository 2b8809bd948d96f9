import type { DescMessage } from "@bufbuild/protobuf";
import {
  type PlannedMessage,
  planMessage,
  type RuleSource,
  type ValueRules,
} from "./field-rules.ts";
import { isWrapper } from "./ruled-types.ts";

/** What must hold for each message of a contract. */
export interface ContractPlan {
  /** What must hold for a message, besides what must hold for the messages in it. */
  messagePlan(message: DescMessage): PlannedMessage;
  /** Whether anything must hold for a message or for the messages in it. */
  isRuled(message: DescMessage): boolean;
}

/** Reads the rules of messages, each once. */
export function createContractPlan(source: RuleSource): ContractPlan {
  const plans = new Map<DescMessage, PlannedMessage>();
  const ruled = new Map<DescMessage, boolean>();
  const messagePlan = (message: DescMessage): PlannedMessage => {
    const plan = plans.get(message) ?? planMessage(message, source);
    plans.set(message, plan);
    return plan;
  };
  /** Whether a message that can be reached from here has a rule; messages may contain themselves. */
  const reachesRule = (start: DescMessage): boolean => {
    const seen = new Set<DescMessage>([start]);
    for (const message of seen) {
      const { fields, choices, requiredOneofs } = messagePlan(message);
      if (choices.length + requiredOneofs.length > 0) return true;
      for (const { required, value, keys, items } of fields) {
        if (required || [value, keys, items].some(({ checks }) => checks.length > 0)) return true;
        for (const next of [value, items].flatMap(inner)) seen.add(next);
      }
    }
    return false;
  };
  return {
    messagePlan,
    isRuled(message) {
      const known = ruled.get(message) ?? reachesRule(message);
      ruled.set(message, known);
      return known;
    },
  };
}

function inner({ message }: ValueRules): DescMessage[] {
  return message === undefined || isWrapper(message) ? [] : [message];
}
