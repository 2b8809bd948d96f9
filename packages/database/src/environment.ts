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

/** Refuses the embedded database in production, unless it is asked for: for the schema's `superRefine`. */
export function refuseEmbeddedInProduction(
  config: DatabaseConfig & { readonly NODE_ENV?: string | undefined },
  context: z.RefinementCtx,
): void {
  const isEmbedded = config.DATABASE_URL === undefined;
  if (config.NODE_ENV !== "production" || !isEmbedded || config.EMBEDDED_DATABASE) return;
  context.addIssue({
    code: "custom",
    path: ["DATABASE_URL"],
    message:
      "must be set in production: the embedded database survives the end of its process but not " +
      "a power cut; EMBEDDED_DATABASE=true accepts that",
  });
}
