/** Told once a call is over, of what is wrong with its answer; of nothing where it is as expected. */
export type Done = (problem?: string) => void;

/** A connection that makes one sort of call again and again, and looks at each byte that is answered. */
export interface LoadConnection {
  /** Makes a call. */
  call(done: Done): void;
  /** Closes it; calls that are not over never are. */
  close(): void;
  /** How many bytes went and came. */
  readonly bytesWritten: number;
  readonly bytesRead: number;
}

/** The sort of call that a connection makes. */
export interface LoadCall {
  readonly path: string;
  /** What is sent besides what the protocol asks for. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What is sent, and what has to be answered, framed as the protocol does. */
  readonly body: Buffer;
  readonly expected: Buffer;
}
