/** What the SASL mechanisms have in common: an exchange takes the tokens of a client one by one and says after each how it
 *  goes on. Who may exchange tokens when is `sasl-session.ts`; the wire is the server's. */

export const mechanismNames = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
export type MechanismName = (typeof mechanismNames)[number]

export type Step =
  | { readonly outcome: 'continue'; readonly bytes: Buffer }
  | {
      readonly outcome: 'authenticated'
      readonly bytes: Buffer
      readonly principal: string
      /** When the credential itself ends, in milliseconds since 1970; undefined if it does not. */
      readonly expiresAtMs?: number | undefined
    }
  /** Without a message it is the one that says no more than that the credentials are invalid. */
  | { readonly outcome: 'refused'; readonly message?: string | undefined }
  /** Kafka stumbles over such a token and closes the connection without an answer. */
  | { readonly outcome: 'broken' }

export type Exchange = (token: Buffer) => Step

export const noBytes: Buffer = Buffer.alloc(0)
