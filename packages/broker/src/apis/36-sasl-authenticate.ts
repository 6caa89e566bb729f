/** SaslAuthenticate: 0–2. PLAIN: authorization id, user name and password, separated by NUL. 1: session lifetime (none) · 2: flexible
 *
 *  After a refusal the connection ends, as Kafka's does; `core/broker-core.ts` sees to that. */

import { type Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'

const noBytes = Buffer.alloc(0)

export const saslAuthenticate: Handler<'SaslAuthenticate'> = (request, { broker, connection }) => {
  const { sasl } = broker.settings
  if (sasl === undefined || connection.sasl !== 'handshaken') {
    const errorMessage = 'SaslAuthenticate request received after successful authentication or without a handshake'
    return { errorCode: errorCode.illegalSaslState, errorMessage, authBytes: noBytes }
  }
  const [, username, password] = request.authBytes.toString('utf8').split('\0')
  if (username !== sasl.username || password !== sasl.password) {
    connection.sasl = 'failed'
    const errorMessage = 'Authentication failed: Invalid username or password'
    return { errorCode: errorCode.saslAuthenticationFailed, errorMessage, authBytes: noBytes }
  }
  connection.sasl = 'authenticated'
  return { errorCode: errorCode.none, errorMessage: null, authBytes: noBytes }
}
