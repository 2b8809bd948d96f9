import type { Http2Session } from "node:http2";
import { TLSSocket } from "node:tls";

/** By connection: the handshake is over when its first call comes, so that it never changes. */
const identities = new WeakMap<Http2Session, { readonly name: string | undefined }>();

/** Who a client is by the certificate that it showed; undefined where it showed none, or one without such a name. */
export function clientIdentityOf(session: Http2Session | undefined): string | undefined {
  if (session === undefined) return undefined;
  let identity = identities.get(session);
  if (identity === undefined) {
    const { socket } = session;
    // Only one that an authority of ours has signed: TLS refuses others, unless it does not ask at all.
    const certificate =
      socket instanceof TLSSocket && socket.authorized
        ? socket.getPeerX509Certificate()
        : undefined;
    identity = { name: nameIn(certificate?.subjectAltName) };
    identities.set(session, identity);
  }
  return identity.name;
}

/** https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, section 2 */
const spiffeId = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)*$/;

const dnsName = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

/**
 * The one name that a certificate stands for: its SPIFFE ID or, where it has no URI, its first DNS name. With
 * several URIs it is no SPIFFE identity (X509-SVID, section 2), and with a wildcard nobody's in particular.
 */
export function nameIn(subjectAltName: string | undefined): string | undefined {
  const names = entriesIn(subjectAltName ?? "");
  const uris = names.filter(({ type }) => type === "URI");
  if (uris.length > 0) {
    const [uri] = uris;
    return uris.length === 1 && uri !== undefined && isSpiffeId(uri.value) ? uri.value : undefined;
  }
  const dns = names.find(({ type }) => type === "DNS");
  return dns !== undefined && dnsName.test(dns.value) ? dns.value.toLowerCase() : undefined;
}

function isSpiffeId(value: string): boolean {
  const { length } = value;
  return length <= 2048 && spiffeId.test(value) && !/\/\.{1,2}(?:\/|$)/.test(value);
}

/**
 * What Node writes of a certificate's names: `URI:spiffe://a/b, DNS:c`, a value in quotes where it has something
 * in it that could be taken for the end of one (CVE-2021-44532). None where it is anything else.
 */
function entriesIn(text: string): readonly { readonly type: string; readonly value: string }[] {
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/gy;
  const entries = Array.from(text.matchAll(entry), ([whole, type = "", value = ""]) => ({
    whole,
    type,
    value,
  }));
  return entries.map(({ whole }) => whole).join("") === text ? entries : [];
}
