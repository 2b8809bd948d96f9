/** Compares the policies of methods and services: what could callers do that they cannot any more? */
import {
  type DescMethod,
  type DescService,
  type FileRegistry,
  hasOption,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import {
  codeNames,
  type MethodPolicy,
  methodPolicyOf,
  servicePolicyOf,
} from "@org/protoc-gen-contract/policy";
import type { Element } from "./contract-element.ts";
import { type Finding, findingAt } from "./contract-finding.ts";

/** Finds the methods that are idempotent no more, or less so than they were. */
export function lessIdempotentMethods(base: FileRegistry, current: FileRegistry): Finding[] {
  return methodPairs(base, current).flatMap(([{ idempotency: was }, method]) => {
    const is = method.idempotency;
    if (strength[is] >= strength[was]) return [];
    const lines = [
      `idempotency_level was ${Idempotency[was]}, is ${Idempotency[is]}.`,
      "Clients that are out there send the call again when it fails: its effect would happen twice.",
    ];
    return [findingAt(method, "METHOD_IDEMPOTENCY_LOWERED", lines)];
  });
}

const strength = {
  [Idempotency.NO_SIDE_EFFECTS]: 2,
  [Idempotency.IDEMPOTENT]: 1,
  [Idempotency.IDEMPOTENCY_UNKNOWN]: 0,
} as const;

/**
 * Finds the policies that allow callers less than they did. More of these is not less for anyone who
 * runs: a longer timeout, another alias, retries. Nor is another reason: a client that does not know
 * it has its status code, as for any failure. (A switch over all reasons has to learn of it when it
 * is next compiled, which is why it is one.)
 */
export function narrowerPolicies(base: FileRegistry, current: FileRegistry): Finding[] {
  // Options are read by the newer definition of their messages: that one knows all their fields.
  const readWith = current.getExtension("org.contract.v1.method") === undefined ? base : current;
  return [
    ...methodPairs(base, current).flatMap(([before, now]) =>
      narrowerMethod(before, now, (method) => readMethod(method, readWith)),
    ),
    ...servicePairs(base, current).flatMap(([before, now]) => {
      const problems: string[] = [];
      const { aliases: old } = servicePolicyOf(before, readWith, addTo(problems));
      const { aliases: kept } = servicePolicyOf(now, readWith, addTo(problems));
      if (problems.length > 0) return [unreadable(now, "SERVICE_POLICY_UNREADABLE", problems)];
      const removed = old.filter((alias) => !kept.includes(alias));
      return removed.map((alias) =>
        findingAt(now, "SERVICE_ALIAS_REMOVED", [
          `The service is no longer answered by the name ${alias}, which old clients call.`,
        ]),
      );
    }),
  ];
}

function narrowerMethod(
  before: DescMethod,
  now: DescMethod,
  read: (method: DescMethod) => ReadPolicy,
): Finding[] {
  const [{ policy: was, problems: wasWrong }, { policy: is, problems: isWrong }] = [
    read(before),
    read(now),
  ];
  if (was === undefined || is === undefined) {
    return [unreadable(now, "METHOD_POLICY_UNREADABLE", [...wasWrong, ...isWrong])];
  }
  const findings: Finding[] = [];
  const add = (rule: string, ...lines: readonly string[]): void => {
    findings.push(findingAt(now, rule, lines));
  };
  const added = is.scopes.filter((scope) => !was.scopes.includes(scope));
  if (was.public && !is.public) {
    add(
      "METHOD_NO_LONGER_PUBLIC",
      `Anyone could call it; now ${is.scopes.join(" and ")} is needed.`,
      "Callers without it would be refused.",
    );
  } else if (added.length > 0) {
    add(
      "METHOD_SCOPE_ADDED",
      `scopes were ${was.scopes.join(", ")}, are ${is.scopes.join(", ")}.`,
      `Callers that were not granted ${added.join(" and ")} would be refused.`,
    );
  }
  if (is.maxTimeoutMs < was.maxTimeoutMs) {
    add(
      "METHOD_MAX_TIMEOUT_SHORTENED",
      `max_timeout was ${seconds(was.maxTimeoutMs)}, is ${seconds(is.maxTimeoutMs)}.`,
      "Calls that take longer, and have a deadline that allows for it, would be ended.",
    );
  }
  if (is.defaultTimeoutMs < was.defaultTimeoutMs) {
    add(
      "METHOD_DEFAULT_TIMEOUT_SHORTENED",
      `default_timeout was ${seconds(was.defaultTimeoutMs)}, is ${seconds(is.defaultTimeoutMs)}.`,
      "Calls that take longer, and have no deadline, would be ended.",
    );
  }
  if (is.maxRequestBytes < was.maxRequestBytes) {
    add(
      "METHOD_MAX_REQUEST_BYTES_LOWERED",
      `max_request_bytes was ${was.maxRequestBytes}, is ${is.maxRequestBytes}.`,
      "Larger requests would be refused.",
    );
  }
  if (was.invalidMessages === "ANSWER" && is.invalidMessages === "REFUSE") {
    add(
      "METHOD_INVALID_MESSAGES_REFUSED",
      "invalid_messages was INVALID_MESSAGES_ANSWER.",
      "A bad message was answered among the others; now it would end the call.",
    );
  }
  return [...findings, ...narrowerReasons(was, is, now)];
}

/** A reason is an element of its own, so that a waiver for one of them does not cover others. */
function narrowerReasons(was: MethodPolicy, is: MethodPolicy, method: DescMethod): Finding[] {
  return was.reasons.flatMap(({ name, code }) => {
    const found = (rule: string, ...lines: readonly string[]): Finding[] => {
      const finding = findingAt(method, rule, lines);
      return [{ ...finding, element: `${finding.element}.${name}` }];
    };
    const reason = is.reasons.find((each) => each.name === name);
    if (reason === undefined) {
      return found(
        "METHOD_REASON_REMOVED",
        `The reason ${name} (${nameOf(code)}) is gone: clients that act on it never see it again.`,
      );
    }
    if (reason.code === code) return [];
    return found(
      "METHOD_REASON_CODE_CHANGED",
      `The code of ${name} was ${nameOf(code)}, is ${nameOf(reason.code)}.`,
      "Clients that go by the code would take it for another failure.",
    );
  });
}

interface ReadPolicy {
  readonly policy: MethodPolicy | undefined;
  readonly problems: readonly string[];
}

/** Reads a method's policy; one that has none can be called by anyone for any time. */
function readMethod(method: DescMethod, registry: FileRegistry): ReadPolicy {
  const extension = registry.getExtension("org.contract.v1.method");
  if (extension === undefined || !hasOption(method, extension)) {
    return { policy: noPolicy, problems: [] };
  }
  const problems: string[] = [];
  const policy = methodPolicyOf(method, registry, addTo(problems));
  return { policy, problems };
}

const noPolicy: MethodPolicy = {
  scopes: [],
  public: true,
  defaultTimeoutMs: Infinity,
  maxTimeoutMs: Infinity,
  idempotency: "UNKNOWN",
  invalidMessages: "REFUSE",
  maxRequestBytes: Infinity,
  costClass: "NORMAL",
  reasons: [],
};

type Report = Parameters<typeof methodPolicyOf>[2];

function addTo(problems: string[]): Report {
  return (_, rule, problem) => {
    problems.push(`${rule}: ${problem}`);
  };
}

/** A policy of either contract that cannot be compared: what it promised is not known. */
function unreadable(element: Element, rule: string, problems: readonly string[]): Finding {
  return findingAt(element, rule, [
    "The policy makes no sense, now or in the base, so that they cannot be compared:",
    ...new Set(problems),
  ]);
}

function nameOf(code: number): string {
  return codeNames[code] ?? String(code);
}

function seconds(ms: number): string {
  return ms === Infinity ? "endless" : `${ms / 1000} s`;
}

function servicePairs(base: FileRegistry, current: FileRegistry): [DescService, DescService][] {
  return [...base].flatMap((before): [DescService, DescService][] => {
    const now = before.kind === "service" ? current.getService(before.typeName) : undefined;
    return before.kind === "service" && now !== undefined ? [[before, now]] : [];
  });
}

function methodPairs(base: FileRegistry, current: FileRegistry): [DescMethod, DescMethod][] {
  return servicePairs(base, current).flatMap(([before, now]) =>
    before.methods.flatMap((method): [DescMethod, DescMethod][] => {
      const same = now.methods.find(({ name }) => name === method.name);
      return same === undefined ? [] : [[method, same]];
    }),
  );
}
