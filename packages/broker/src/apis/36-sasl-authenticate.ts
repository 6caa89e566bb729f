/** SaslAuthenticate: 0–2. One token of the exchange that the handshake began; `security/` knows the mechanisms.
 *
 *  * 1: how long the session lasts (KIP-368) · 2: flexible
 *
 *  After a refusal the connection ends, as Kafka's does; `server/` sees to that. */

import type { Handler } from '../core/broker-state.ts'
import { ConnectionClosed } from '../core/connection.ts'
import { errorCode } from '../protocol/error-code.ts'
import { noBytes } from '../security/exchange.ts'

export const saslAuthenticate: Handler<'SaslAuthenticate'> = (request, { connection }) => {
  const taken = connection.sasl?.takeToken(request.authBytes) ?? { outcome: 'outOfTurn' }
  switch (taken.outcome) {
    case 'accepted': {
      const { bytes: authBytes, lifetimeMs: sessionLifetimeMs } = taken
      return { errorCode: errorCode.none, errorMessage: '', authBytes, sessionLifetimeMs }
    }
    case 'refused':
      return { errorCode: errorCode.saslAuthenticationFailed, errorMessage: taken.message, authBytes: noBytes }
    case 'close':
      connection.disconnect()
      throw new ConnectionClosed()
    case 'outOfTurn': {
      const errorMessage = 'SaslAuthenticate request received after successful authentication'
      return { errorCode: errorCode.illegalSaslState, errorMessage, authBytes: noBytes }
    }
  }
}
