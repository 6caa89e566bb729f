/** Decides where a cluster may listen and by which name its clients are told to come. A broker that keeps nothing and checks
 *  little has no business on a network, so that is refused unless somebody signs for it. */

import { isIP } from 'node:net'

import type { SaslOptions } from '../security/sasl-settings.ts'

export type AddressOptions = {
  /** Where every node listens: a name or an address of this machine. @default 127.0.0.1 */
  readonly host?: string | undefined
  /** What clients are told to connect to. @default `host`, and needed where that is all addresses (`0.0.0.0` or `::`) */
  readonly advertisedHost?: string | undefined
  /** Listen outside loopback although nobody has to prove who they are. @default false */
  readonly insecure?: boolean | undefined
  readonly sasl?: SaslOptions | undefined
}

export type Address = { readonly host: string; readonly advertisedHost: string }

const loopback = '127.0.0.1'

/** Throws a `RangeError` that says what to do. */
export function resolveAddress({ host = loopback, advertisedHost, insecure, sasl }: AddressOptions): Address {
  if (host === '' || advertisedHost === '') throw new RangeError('host and advertisedHost must not be empty')
  const isOpen = sasl === undefined || (sasl.mechanisms?.includes('OAUTHBEARER') ?? false)
  if (!isLoopback(host) && isOpen && insecure !== true) {
    const reason = sasl === undefined ? 'without SASL' : 'with unsecured OAUTHBEARER tokens'
    throw new RangeError(
      `host '${host}' is not loopback, and ${reason} whoever reaches it may read and write everything: ` +
        'demand SASL by PLAIN or SCRAM, or say insecure: true',
    )
  }
  if (isEveryAddress(host) && advertisedHost === undefined) {
    throw new RangeError(`no client can connect to '${host}': say by advertisedHost where clients find this machine`)
  }
  return { host, advertisedHost: advertisedHost ?? host }
}

/** `host:port`, with brackets around an IPv6 address. */
export function authority(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
