/** Everything of the client library that the socket port needs. Importing this file is what loads the library, so only
 *  `socket-port.ts` does it, when an app starts. */

export { call } from './apis.ts'
export { batchCodec, isCrcNative } from './codec.ts'
export { createHandshake } from './handshake.ts'
