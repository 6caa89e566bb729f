/** SaslHandshake: 1. Agrees on the mechanism; only PLAIN is served. */

import { type Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'

const mechanisms = ['PLAIN']

export const saslHandshake: Handler<'SaslHandshake'> = (request, { broker, connection }) => {
  if (broker.settings.sasl === undefined) return { errorCode: errorCode.illegalSaslState, mechanisms: [] }
  if (!mechanisms.includes(request.mechanism)) {
    return { errorCode: errorCode.unsupportedSaslMechanism, mechanisms }
  }
  connection.sasl = 'handshaken'
  return { errorCode: errorCode.none, mechanisms }
}
