import { type Context, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";

/**
 * OpenTelemetry's contexts: of code that a handler has run in none, it is the one of the handler's call. So no call has
 * to be given one before somebody asks for it.
 */
export class CallContexts extends AsyncLocalStorageContextManager {
  readonly #ofCall: () => Context;

  /** @param ofCall - The context of the call that the running code was started by. */
  constructor(ofCall: () => Context) {
    super();
    this.#ofCall = ofCall;
  }

  /** The context that the running code is run in by others; undefined where that is none. */
  given(): Context | undefined {
    const context = super.active();
    return context === ROOT_CONTEXT ? undefined : context;
  }

  override active(): Context {
    return this.given() ?? this.#ofCall();
  }
}
