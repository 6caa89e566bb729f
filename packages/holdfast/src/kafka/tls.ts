/** Encrypted connections: verified unless told otherwise, TLS 1.2 at least. */

import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { NodeAddress } from './port.ts'

export type TlsOptions = {
  /** Certificates to trust instead of the well-known authorities, PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  /** Our own certificate, for brokers that ask for one, PEM. */
  readonly cert?: string | Buffer | undefined
  /** The private key of `cert`, PEM. */
  readonly key?: string | Buffer | undefined
  /** The name that the broker's certificate must carry. @default the host that is connected to */
  readonly servername?: string | undefined
  /** Switching it off lets anybody in the network play the broker. @default true */
  readonly rejectUnauthorized?: boolean | undefined
}

export function connectTls({ host, port }: NodeAddress, options: TlsOptions): TLSSocket {
  // An IP address cannot be a server name; Node then compares the address with the certificate.
  const servername = options.servername ?? (isIP(host) === 0 ? host : undefined)
  return connect({
    host,
    port,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    ...(servername === undefined ? {} : { servername }),
    ...(options.ca === undefined
      ? {}
      : { ca: typeof options.ca === 'string' || Buffer.isBuffer(options.ca) ? options.ca : [...options.ca] }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
  })
}
