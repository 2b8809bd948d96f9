// The well-known formats of protovalidate's string rules, with the verdicts of its 1.3 in
// JavaScript. Where those differ from the standard, the comment says so.
//
// Copied as it is into what is generated: it imports nothing.

type Format = (text: string) => boolean;

/** The whole text is of this grammar. No grammar here makes that take more than linear time. */
const whole = (grammar: string): RegExp => new RegExp(`^(?:${grammar})$`);

function format(grammar: string): Format {
  const pattern = whole(grammar);
  return (text) => pattern.test(text);
}

const hexDigit = "[0-9A-Fa-f]";

/** RFC 1123, section 2.1, and RFC 1035, section 2.3.4: 63 letters, digits and inner hyphens. */
const label = "(?!-)[A-Za-z0-9-]{1,63}(?<!-)";

/** The last label is not a number: that would be (half) an IPv4 address. */
const hostname = whole(String.raw`(?:${label}\.)*(?![0-9]+\.?$)${label}\.?`);

/** Includes the dot at the end, if there is one. */
const maxHostnameLength = 253;

/** Is the text a hostname: `example.com`, `localhost`, `example.com.`? */
export function isHostname(text: string): boolean {
  return text.length <= maxHostnameLength && hostname.test(text);
}

/** WHATWG HTML, "valid email address": RFC 5322 without comments, quotes and address literals. */
const localPart = "[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+";

/** Is the text an email address, as browsers understand it? */
export const isEmail: Format = format(String.raw`${localPart}@${label}(?:\.${label})*`);

/** RFC 3986, section 3.2.2: dec-octet. */
const octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/** RFC 3986, section 3.2.2: IPv4address. */
const ipv4Address = String.raw`${octet}(?:\.${octet}){3}`;

/** RFC 4632, section 3.1. */
const ipv4PrefixLength = "(?:3[0-2]|[12]?[0-9])";

/** RFC 4291, section 2.2: the hexadecimal value of 16 bits. */
const piece = `${hexDigit}{1,4}`;
const pieces = `${piece}(?::${piece})*`;

/** RFC 4291, section 2.2, forms 1 and 2: eight pieces, or up to seven and a `::` for the others. */
const ipv6Pieces = `(?:${piece}(?::${piece}){7}|(?!:*(?:${piece}:+){7}${piece})(?:${pieces})?::(?:${pieces})?)`;

/** RFC 4291, section 2.2, form 3. Beside a `::`, protovalidate does not count the pieces. */
const ipv6WithIpv4 = `(?:(?:${piece}:){6}|(?:${pieces})?::(?:${piece}:)*)${ipv4Address}`;

/** A colon that protovalidate overlooks between a piece and a zone or prefix length. */
const strayColon = `(?:(?<=${hexDigit}):)?`;

/** RFC 4007, section 11: any text can name a zone. */
const ipv6Address = `(?:${ipv6WithIpv4}|${ipv6Pieces}(?:${strayColon}%[^]+)?)`;

/** RFC 4291, section 2.3. */
const ipv6PrefixLength = "(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])";

const ipv4WithPrefixlen = whole(`(${ipv4Address})/(${ipv4PrefixLength})`);
const ipv6WithPrefixlen = whole(
  `(${ipv6WithIpv4}|${ipv6Pieces}${strayColon})/(${ipv6PrefixLength})`,
);

/** Is the text an IPv4 address: `192.0.2.1`? */
export const isIpv4: Format = format(ipv4Address);

/** Is the text an IPv6 address, with or without a zone: `2001:db8::1`, `fe80::1%eth0`? */
export const isIpv6: Format = format(ipv6Address);

/** Is the text an IPv4 or an IPv6 address? */
export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** Is the text a hostname or an IP address? */
export function isAddress(text: string): boolean {
  return isHostname(text) || isIp(text);
}

/** Is the text an IPv4 address with a prefix length: `192.0.2.1/24`? */
export function isIpv4WithPrefixlen(text: string): boolean {
  return ipv4WithPrefixlen.test(text);
}

/** Is the text an IPv6 address with a prefix length: `2001:db8::1/32`? */
export function isIpv6WithPrefixlen(text: string): boolean {
  return ipv6WithPrefixlen.test(text);
}

/** Is the text an IP address with a prefix length? */
export function isIpWithPrefixlen(text: string): boolean {
  return isIpv4WithPrefixlen(text) || isIpv6WithPrefixlen(text);
}

const binary = (value: number, width: number): string => value.toString(2).padStart(width, "0");

const ipv4Bits = (address: string): string =>
  address.replaceAll(/\d+\.?/g, (each) => binary(parseInt(each, 10), 8));

/** The bits of an IPv6 address without a zone. More than 128 if protovalidate did not count. */
function ipv6Bits(address: string): string {
  const inPieces = address.replace(/[^:]+\..*/, (each) =>
    ipv4Bits(each).replaceAll(/.{16}/g, (bits) => `${parseInt(bits, 2).toString(16)}:`),
  );
  const [left = "", right = ""] = inPieces
    .split("::")
    .map((side) => side.replaceAll(/[^:]+:?/g, (each) => binary(parseInt(each, 16), 16)));
  return left + right.padStart(128 - left.length, "0");
}

/** Is the text an IPv4 prefix, with nothing set beyond its length: `192.0.2.0/24`? */
export function isIpv4Prefix(text: string): boolean {
  const [, address, length] = ipv4WithPrefixlen.exec(text) ?? [];
  return address !== undefined && !ipv4Bits(address).includes("1", Number(length));
}

/** Is the text an IPv6 prefix, with nothing set beyond its length: `2001:db8::/32`? */
export function isIpv6Prefix(text: string): boolean {
  const [, address, length] = ipv6WithPrefixlen.exec(text) ?? [];
  if (address === undefined) return false;
  const bits = ipv6Bits(address);
  // protovalidate takes what has too many bits for all zeros.
  return bits.length > 128 || !bits.includes("1", Number(length));
}

/** Is the text an IP prefix? */
export function isIpPrefix(text: string): boolean {
  return isIpv4Prefix(text) || isIpv6Prefix(text);
}

/** RFC 6335, section 6, in decimal. */
const port = whole("0|[1-9][0-9]{0,4}");
const maxPort = 65_535;

/** Is the text a host and a port: `example.com:80`, `192.0.2.1:80`, `[2001:db8::1]:80`? */
export function isHostAndPort(text: string): boolean {
  const [, bracketed, host, digits] = /^(?:\[([^]*)\]|([^:]*)):([0-9]+)$/.exec(text) ?? [];
  if (digits === undefined || !port.test(digits) || Number(digits) > maxPort) return false;
  if (bracketed !== undefined) return isIpv6(bracketed);
  return host !== undefined && (isHostname(host) || isIpv4(host));
}

/** RFC 3986, section 2.1. With this out of the way, a `%` is a character like others. */
const strayPercent = new RegExp(`%(?!${hexDigit}{2})`);

// RFC 3986, appendix A, as the insides of character classes.
const unreserved = "A-Za-z0-9._~-";
const subDelims = "!$&'()*+,;=";
const pchar = `%${subDelims}:@${unreserved}`;

/** RFC 6874, section 2, without IPv4 in IPv6 and with a small `v` only, as protovalidate has it. */
const ipLiteral =
  String.raw`\[(?:${ipv6Pieces}(?:%25[%${unreserved}]+)?` +
  String.raw`|v${hexDigit}+\.[${subDelims}:${unreserved}]+)\]`;

/** RFC 3986, section 3.2. The host is the one group in these patterns. */
const authority =
  `(?:[%${subDelims}:${unreserved}]*@)?` +
  `(${ipLiteral}|[%${subDelims}${unreserved}]*)(?::[0-9]*)?`;

/** RFC 3986, section 3.3: what follows an authority is empty or begins with a slash. */
const authorityAndPath = `//${authority}(?:/[/${pchar}]*)?`;

/** RFC 3986, section 3.3: what follows no authority does not look like one. */
const pathOnly = `(?!//)[/${pchar}]*`;

/** RFC 3986, section 3: scheme ":" hier-part. */
const schemeAndHier = `[A-Za-z][A-Za-z0-9+.-]*:(?:${authorityAndPath}|${pathOnly})`;

const query = String.raw`\?[/?${pchar}]*`;
const queryAndFragment = `(?:${query})?(?:#[/?${pchar}]*)?`;

const uri = whole(schemeAndHier + queryAndFragment);

/** RFC 3986, section 4.2: no colon in the first segment, where it would end a scheme. */
const relativeRef = whole(`(?:${authorityAndPath}|(?![^/?#]*:)${pathOnly})${queryAndFragment}`);

/**
 * When what follows a URI's `?` or `#` is no query or fragment, protovalidate tries from there, not
 * from the beginning, whether it is a relative reference. So `a:b#c#d` passes for one.
 */
const brokenUri = new RegExp(`^${schemeAndHier}(?:(?:${query})?#|\\?)`);

/** RFC 3986, section 3.2.2: the octets that a host spells in percent are UTF-8. */
function hasUtf8Host(match: RegExpExecArray | null): match is RegExpExecArray {
  if (match === null) return false;
  try {
    decodeURIComponent(match[1] ?? "");
    return true;
  } catch {
    return false;
  }
}

/** Is the text a URI: `https://example.com/a?b#c`, `urn:isbn:0451450523`? */
export function isUri(text: string): boolean {
  return !strayPercent.test(text) && hasUtf8Host(uri.exec(text));
}

/** Is the text a URI or a relative reference: `/a/b?c`, `../d`, `//example.com`? */
export function isUriRef(text: string): boolean {
  if (isUri(text)) return true;
  if (strayPercent.test(text)) return false;
  const begun = brokenUri.exec(text);
  const reference = hasUtf8Host(begun) ? text.slice(begun[0].length) : text;
  return hasUtf8Host(relativeRef.exec(reference));
}

/** Is the text a UUID, of any version and variant (RFC 9562, section 4)? */
export const isUuid: Format = format(`${hexDigit}{8}(?:-${hexDigit}{4}){3}-${hexDigit}{12}`);

/** Is the text a trimmed UUID, which is one without hyphens? */
export const isTuuid: Format = format(`${hexDigit}{32}`);

/** Is the text a ULID: 128 bits in Crockford's base 32, which has no I, L, O and U? */
export const isUlid: Format = format("[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}");

/** The language specification of Protobuf: fullIdent. */
const fullIdentifier = String.raw`[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*`;

/** Is the text a fully-qualified name of Protobuf: `buf.validate.Rule`? */
export const isProtobufFqn: Format = format(fullIdentifier);

/** Is the text a fully-qualified name of Protobuf after a dot: `.buf.validate.Rule`? */
export const isProtobufDotFqn: Format = format(String.raw`\.${fullIdentifier}`);

/**
 * Is the text the name of an HTTP header (RFC 9110, section 5.1) or a pseudo-header of HTTP/2:
 * `content-type`, `:path`? protovalidate lets commas pass.
 */
export const isHttpHeaderName: Format = format(":?[A-Za-z0-9!#$%&'*+,.^_`|~-]+");

/** Is the text the value of an HTTP header: without control characters, but for tabs? */
export const isHttpHeaderValue: Format = format(String.raw`[\t -~\x80-\uffff]*`);

/** RFC 9110, section 5.5: what would end a header, or be taken for its end. */
const endOfHeader = /[\0\r\n]/;

/** Can the text be sent as the name of an HTTP header, valid or not? */
export function isHttpHeaderNameLoose(text: string): boolean {
  return text !== "" && !endOfHeader.test(text);
}

/** Can the text be sent as the value of an HTTP header, valid or not? */
export function isHttpHeaderValueLoose(text: string): boolean {
  return !endOfHeader.test(text);
}
