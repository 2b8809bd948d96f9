import type { z } from "zod";
import type { ServerConfig } from "./server-config.ts";

/** Refuses half a TLS or half an authentication, and in production neither unless that is asked for. */
export function refuseUnsafe(config: ServerConfig, context: z.RefinementCtx): void {
  const refuse: Refuse = (name, message) => {
    context.addIssue({ code: "custom", path: [name], message });
  };
  refuseUnsafeTls(config, refuse);
  refuseUnsafeAuthentication(config, refuse);
}

type Refuse = (name: keyof ServerConfig, message: string) => void;

function refuseUnsafeTls(config: ServerConfig, refuse: Refuse): void {
  const { NODE_ENV, TLS_CERT_FILE, TLS_KEY_FILE, TLS_CLIENT_CA_FILE, TLS_DISABLED } = config;
  if (TLS_CERT_FILE === undefined && TLS_KEY_FILE === undefined) {
    if (TLS_CLIENT_CA_FILE !== undefined) {
      refuse("TLS_CERT_FILE", "must be set, with TLS_KEY_FILE, as clients show certificates");
    } else if (NODE_ENV === "production" && !TLS_DISABLED) {
      refuse(
        "TLS_CERT_FILE",
        "must be set in production, with TLS_KEY_FILE: otherwise everybody on the way can read and " +
          "change everything; TLS_DISABLED=true accepts that",
      );
    }
  } else {
    if (TLS_CERT_FILE === undefined) refuse("TLS_CERT_FILE", "must be set beside TLS_KEY_FILE");
    if (TLS_KEY_FILE === undefined) refuse("TLS_KEY_FILE", "must be set beside TLS_CERT_FILE");
    if (TLS_DISABLED) refuse("TLS_DISABLED", "contradicts TLS_CERT_FILE and TLS_KEY_FILE");
  }
  if (config.TLS_CLIENT_GRANTS_FILE !== undefined && TLS_CLIENT_CA_FILE === undefined) {
    refuse("TLS_CLIENT_CA_FILE", "must be set beside TLS_CLIENT_GRANTS_FILE");
  }
}

function refuseUnsafeAuthentication(config: ServerConfig, refuse: Refuse): void {
  const { NODE_ENV, AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS_URL, AUTH_JWKS_FILE, AUTH_DISABLED } =
    config;
  const given = { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS_URL, AUTH_JWKS_FILE };
  const takesTokens = Object.values(given).some((value) => value !== undefined);
  const takesCertificates = config.TLS_CLIENT_GRANTS_FILE !== undefined;
  if (!takesTokens && !takesCertificates) {
    if (NODE_ENV !== "production" || AUTH_DISABLED) return;
    refuse(
      "AUTH_ISSUER",
      "must be set in production, with AUTH_AUDIENCE and AUTH_JWKS_URL or AUTH_JWKS_FILE, or else " +
        "TLS_CLIENT_GRANTS_FILE: otherwise anyone may call everything; AUTH_DISABLED=true accepts that",
    );
    return;
  }
  if (AUTH_DISABLED) refuse("AUTH_DISABLED", "contradicts the other variables of authentication");
  if (!takesTokens) return;
  for (const name of ["AUTH_ISSUER", "AUTH_AUDIENCE"] as const) {
    if (given[name] === undefined) refuse(name, "must be set, as callers are authenticated");
  }
  if (AUTH_JWKS_URL === undefined && AUTH_JWKS_FILE === undefined) {
    refuse("AUTH_JWKS_URL", "must be set, or AUTH_JWKS_FILE: where the issuer's keys are");
  }
  if (AUTH_JWKS_URL !== undefined && AUTH_JWKS_FILE !== undefined) {
    refuse("AUTH_JWKS_FILE", "must not be set beside AUTH_JWKS_URL");
  }
}
