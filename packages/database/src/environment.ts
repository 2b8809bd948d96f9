import { z } from "zod";

/** Where a service's data is. */
export interface DatabaseConfig {
  /** A PostgreSQL server; undefined: embedded in the process. */
  readonly DATABASE_URL?: string | undefined;
  /** The folder of embedded databases, in which each service has its own; `memory://` keeps nothing. */
  readonly DATA_DIR: string;
  /** Whether production may use the embedded database, which a power cut can set back. */
  readonly EMBEDDED_DATABASE: boolean;
}

/** The variables that say where a service's data is. For the schema in a service's config.ts. */
export const databaseEnvironment: {
  readonly [K in keyof DatabaseConfig]-?: z.ZodType<DatabaseConfig[K]>;
} = {
  DATABASE_URL: z
    .url({
      protocol: /^postgres(?:ql)?$/,
      error: "must be a URL such as postgresql://user:password@host:5432/name",
    })
    .optional(),
  DATA_DIR: z.string().min(1, { error: "must name a folder" }).default(".data"),
  EMBEDDED_DATABASE: z.stringbool({ error: "must be true or false" }).default(false),
};

/**
 * Refuses the embedded database where it does not do: in production, unless it is asked for, and for several processes.
 * For the schema's `superRefine`.
 */
export function refuseUnfitEmbedded(
  config: DatabaseConfig & {
    readonly NODE_ENV?: string | undefined;
    readonly WORKERS?: number | undefined;
  },
  context: z.RefinementCtx,
): void {
  if (config.DATABASE_URL !== undefined) return;
  const refuse = (name: string, message: string): void => {
    context.addIssue({ code: "custom", path: [name], message });
  };
  if (config.NODE_ENV === "production" && !config.EMBEDDED_DATABASE) {
    refuse(
      "DATABASE_URL",
      "must be set in production: the embedded database survives the end of its process but not " +
        "a power cut; EMBEDDED_DATABASE=true accepts that",
    );
  }
  if (config.WORKERS !== undefined && config.WORKERS > 1) {
    refuse(
      "WORKERS",
      "must be 1 where DATABASE_URL is not set: the embedded database belongs to one process",
    );
  }
}
