/** SaslHandshake: 0–1. Agrees on the mechanism, the first time and again at the end of a session. 0: the tokens that follow
 *  travel without a request around them; `server/` sees to that.
 *
 *  Without SASL, or where nothing can be renewed, it is refused with 34 and the connection lives on. */

import type { Handler } from '../core/broker-state.ts'
import { ConnectionClosed } from '../core/connection.ts'
import { errorCode } from '../protocol/error-code.ts'

export const saslHandshake: Handler<'SaslHandshake'> = (request, { broker, connection, version }) => {
  const mechanisms = [...(broker.settings.sasl?.mechanisms ?? [])]
  switch (connection.sasl?.shakeHands(request.mechanism, version)) {
    case 'agreed':
      return { errorCode: errorCode.none, mechanisms }
    case 'unsupported':
      return { errorCode: errorCode.unsupportedSaslMechanism, mechanisms }
    case 'close':
      connection.disconnect()
      throw new ConnectionClosed()
    case 'outOfTurn':
    case undefined:
      return { errorCode: errorCode.illegalSaslState, mechanisms: [] }
  }
}
