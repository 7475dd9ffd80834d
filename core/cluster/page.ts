/** Said wherever an address of an app is printed, until certificates are issued. */
export const certificateNotice =
  'The certificate is self-signed for now: browsers will warn, and curl needs -k. Certificates that browsers trust come with a later version.';

/** A line to paste that reaches a host on this server whatever DNS says. IPv6 addresses are put in brackets. */
export function curlLine(host: string, address: string, path = '/'): string {
  const target = address.includes(':') ? `[${address}]` : address;
  return `curl -k --resolve ${host}:443:${target} https://${host}${path}`;
}
