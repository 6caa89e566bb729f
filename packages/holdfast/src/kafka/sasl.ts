/** Who we say we are. The password never stands in an object that could be printed for longer than a call. */

export type Credentials = {
  readonly mechanism: 'plain'
  readonly username: string
  /** A function is asked before each connection, so that a changed password is taken up. */
  readonly password: string | (() => string | Promise<string>)
}

export async function secretOf(password: Credentials['password']): Promise<string> {
  return typeof password === 'function' ? await password() : password
}
