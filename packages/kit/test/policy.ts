import type { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import type { MethodDefinition, MethodPolicy, ServicePolicy, Violation } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";

type EchoMethods = typeof EchoDefinition.methods;

/** Finds what is wrong with a message; undefined where nothing is. */
type Check = (request: RequestInfo) => readonly Violation[] | undefined;

/** What protoc-gen-contract adds to a method. */
interface Contract<P extends MethodPolicy> {
  readonly policy: P;
  readonly check?: Check | undefined;
}

/** The echo service as it is with a contract, or without one. */
export interface EchoContract {
  readonly fullName: string;
  readonly policy?: ServicePolicy;
  readonly methods: {
    readonly [K in keyof EchoMethods]: EchoMethods[K] & Partial<Contract<MethodPolicy>>;
  };
}

/** A method that anyone may call, and that keeps all calls for longer than a test takes. */
const usual: MethodPolicy = {
  scopes: [],
  public: true,
  defaultTimeoutMs: 60_000,
  maxTimeoutMs: 120_000,
  idempotency: "UNKNOWN",
  invalidMessages: "REFUSE",
  reasons: {},
};

/** What a contract of a test says, where it is not the usual. */
export interface ContractOptions extends Partial<MethodPolicy> {
  readonly check?: Check;
  readonly service?: Partial<ServicePolicy>;
  readonly fullName?: string;
}

/** The echo service with the same contract for each of its methods. */
export function echoWith({
  check,
  service = {},
  fullName = EchoDefinition.fullName,
  ...changed
}: ContractOptions): EchoContract {
  const { echo, expand, collect, chat } = EchoDefinition.methods;
  const contract = { policy: { ...usual, ...changed }, check };
  return {
    fullName,
    policy: { aliases: [], redactedNames: [], ...service },
    methods: {
      echo: { ...echo, ...contract },
      expand: { ...expand, ...contract },
      collect: { ...collect, ...contract },
      chat: { ...chat, ...contract },
    },
  };
}

/** Every message has an id of at most ten characters, and no data that is "bad". */
export function checkMessage({ requestId, servingData }: RequestInfo): Violation[] | undefined {
  const violations: Violation[] = [];
  if (requestId === "") violations.push(empty);
  if (requestId.length > 10) violations.push(tooLong);
  if (servingData === "bad") violations.push(bad);
  return violations.length === 0 ? undefined : violations;
}

export const empty: Violation = {
  field: "request_id",
  description: "must not be empty",
  rule: "string.min_len",
};
export const tooLong: Violation = {
  field: "request_id",
  description: "must have at most 10 characters",
  rule: "string.max_len",
};
export const bad: Violation = {
  field: "serving_data",
  description: 'must not be "bad"',
  rule: "string.not_in",
};

/** A contract whose reasons are known to the compiler, as they are in what is generated. */
export const StorePolicy = {
  service: "org.kit.test.v1.StoreService",
  aliases: ["test.StoreService"],
  redactedNames: ["card_number", "cardNumber"],
  methods: {
    echo: {
      scopes: [],
      public: true,
      defaultTimeoutMs: 60_000,
      maxTimeoutMs: 120_000,
      idempotency: "UNKNOWN",
      invalidMessages: "REFUSE",
      reasons: { NOT_THERE: 5, SOLD_OUT: 9 },
    },
    expand: {
      scopes: [],
      public: true,
      defaultTimeoutMs: 60_000,
      maxTimeoutMs: 120_000,
      idempotency: "UNKNOWN",
      invalidMessages: "REFUSE",
      reasons: {},
    },
    collect: {
      scopes: [],
      public: true,
      defaultTimeoutMs: 60_000,
      maxTimeoutMs: 120_000,
      idempotency: "UNKNOWN",
      invalidMessages: "REFUSE",
      reasons: { NOT_THERE: 5 },
    },
    chat: {
      scopes: [],
      public: true,
      defaultTimeoutMs: 60_000,
      maxTimeoutMs: 120_000,
      idempotency: "UNKNOWN",
      invalidMessages: "ANSWER",
      reasons: { CLOSED: 10 },
    },
  },
} as const;

type StoreMethods = typeof StorePolicy.methods;

/** Its definition, with one method of each kind. */
export const StoreDefinition: {
  readonly fullName: "org.kit.test.v1.StoreService";
  readonly policy: typeof StorePolicy;
  readonly methods: {
    readonly [K in keyof EchoMethods]: EchoMethods[K] & Contract<StoreMethods[K]>;
  };
} = {
  fullName: "org.kit.test.v1.StoreService",
  policy: StorePolicy,
  methods: {
    echo: { ...EchoDefinition.methods.echo, policy: StorePolicy.methods.echo, check: checkMessage },
    expand: {
      ...EchoDefinition.methods.expand,
      policy: StorePolicy.methods.expand,
      check: checkMessage,
    },
    collect: {
      ...EchoDefinition.methods.collect,
      policy: StorePolicy.methods.collect,
      check: checkMessage,
    },
    chat: { ...EchoDefinition.methods.chat, policy: StorePolicy.methods.chat, check: checkMessage },
  },
};

// What is made by hand here has the form that a server and a client ask for.
Object.values(StoreDefinition.methods) satisfies MethodDefinition[];
