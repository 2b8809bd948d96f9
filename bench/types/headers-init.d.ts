/** @connectrpc/connect's declarations use this type of the browser's, which Node's own do not name. */
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;
