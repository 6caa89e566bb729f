/** What this package throws at whoever writes a test: a code to branch on, expected and got, and what to do about it. */

export type BrokerErrorCode =
  | 'BROKER_STOPPED'
  | 'CHAOS_FAILED'
  | 'CLOCK_NOT_MANUAL'
  | 'FAULT_THREW'
  | 'FAULT_UNUSED'
  | 'INVALID_ARGUMENT'
  | 'NODE_STATE'
  | 'NO_BROKER_YET'
  | 'UNKNOWN_API'
  | 'UNKNOWN_ERROR_NAME'
  | 'UNKNOWN_GROUP'
  | 'UNKNOWN_MEMBER'
  | 'UNKNOWN_NODE'
  | 'UNKNOWN_PARTITION'
  | 'UNKNOWN_TOPIC'
  | 'WAIT_TIMED_OUT'

export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: BrokerErrorCode
  /** What to do about it; the message ends with it. */
  readonly remedy: string

  constructor(
    code: BrokerErrorCode,
    problem: string,
    options: { readonly remedy: string; readonly details?: string; readonly cause?: unknown },
  ) {
    const { remedy, details, cause } = options
    const text = `${code}: ${problem}. ${remedy}${details === undefined ? '' : `\n${details}`}`
    super(text, cause === undefined ? undefined : { cause })
    this.code = code
    this.remedy = remedy
  }
}
