/** Reads settings from environment variables. An option in code always wins, field by field, and a variable that loses is
 *  not even looked at. Values are checked like options; an empty variable counts as not set. */

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { SettingsIssue } from '../model/errors.ts'
import { nearestName } from './nearest-name.ts'
import { nameProblem, nameRemedy, numberProblem, rangeOf } from './option-reader.ts'
import type { NumberRule } from './option-rules.ts'
import { shown } from './shown.ts'

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

/** Every variable that Holdfast reads, with what it stands for. `_FILE` variables hold the path of a file instead. */
export const environmentVariables: Readonly<Record<string, string>> = {
  KAFKA_BROKERS: 'Addresses to begin with, `host:port`, separated by commas.',
  KAFKA_BOOTSTRAP_SERVERS: 'Another name for KAFKA_BROKERS, which wins.',
  KAFKA_CLIENT_ID: 'Name of this application in the logs and quotas of the brokers.',
  KAFKA_GROUP_ID: 'Consumer group, if neither the app nor `consume` names one.',
  KAFKA_SSL: '`true` connects with TLS, `false` without, whatever the other variables say.',
  KAFKA_SSL_CA: 'Certificate authorities: PEM text or the path of a PEM file. Turns TLS on.',
  KAFKA_SSL_CERT: 'Client certificate: PEM text or the path of a PEM file. Turns TLS on.',
  KAFKA_SSL_KEY: 'Private key of the client certificate: PEM text or the path of a PEM file. Turns TLS on.',
  KAFKA_SASL_MECHANISM: 'Only `plain` is built.',
  KAFKA_SASL_USERNAME: 'Turns SASL on.',
  KAFKA_SASL_PASSWORD: 'Password of KAFKA_SASL_USERNAME.',
  KAFKA_SASL_PASSWORD_FILE: 'Path of a file that holds the password; a line break at its end does not count.',
  KAFKA_SESSION_TIMEOUT_MS: 'Option `sessionTimeout`, in milliseconds.',
  KAFKA_HEARTBEAT_INTERVAL_MS: 'Option `heartbeatInterval`, in milliseconds.',
  KAFKA_REQUEST_TIMEOUT_MS: 'Option `requestTimeout`, in milliseconds.',
  HOLDFAST_LOG_LEVEL: 'Lowest level that the built-in logger prints.',
}

/** Used by our own test runner; named here so that nobody is warned about it. */
const otherVariables = ['HOLDFAST_REQUIRE']

export class EnvironmentReader {
  readonly #variables: EnvironmentVariables
  readonly #issues: SettingsIssue[]

  constructor(variables: EnvironmentVariables, issues: SettingsIssue[]) {
    this.#variables = variables
    this.#issues = issues
  }

  text(name: string): string | undefined {
    const value = this.#variables[name]?.trim()
    return value === '' ? undefined : value
  }

  /** A group or client name. */
  name(name: string): string | undefined {
    const text = this.text(name)
    const problem = text === undefined ? undefined : nameProblem(text)
    if (problem === undefined) return text
    this.report(name, problem, nameRemedy)
    return undefined
  }

  flag(name: string): boolean | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (/^(true|1|yes|on)$/i.test(text)) return true
    if (/^(false|0|no|off)$/i.test(text)) return false
    this.report(name, `expected true or false, got ${shown(text)}`, 'Set it to true or false.')
    return undefined
  }

  milliseconds(name: string, rule: NumberRule): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (numberProblem(value, rule) === undefined) return value
    const range = `from ${rule.min} to ${rule.max}`
    this.report(name, `expected whole milliseconds ${range}, got ${shown(text)}`, `Choose a value ${rangeOf(rule)}.`)
    return undefined
  }

  choice<C extends string>(name: string, choices: readonly C[]): C | undefined {
    const text = this.text(name)?.toLowerCase()
    const chosen = choices.find((choice) => choice === text)
    if (text !== undefined && chosen === undefined) {
      const list = choices.join(', ')
      const meant = nearestName(text, choices)
      this.report(name, `expected one of ${list}, got ${shown(text)}`, meant ? `Did you mean ${meant}?` : `Set one.`)
    }
    return chosen
  }

  /** A secret in the variable itself or in the file that `{name}_FILE` names. The file is read again whenever the secret
   *  is asked for, so that a changed password is taken up. */
  secret(name: string): (() => string | Promise<string>) | undefined {
    const inline = this.#variables[name]
    const path = this.text(`${name}_FILE`)
    if (inline !== undefined && inline !== '') {
      if (path === undefined) return () => inline
      this.report(name, `${name} and ${name}_FILE are both set`, 'Keep one of them.')
      return undefined
    }
    if (path === undefined || this.#read(`${name}_FILE`, path) === undefined) return undefined
    return async () => (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
  }

  /** PEM text, or the content of the file that the variable (or `{name}_FILE`) names. */
  pem(name: string): string | undefined {
    const text = this.text(name)
    // Many ways to set a variable allow no line break, so that people write it as two characters.
    if (text?.includes('-----BEGIN') === true) return text.replaceAll(String.raw`\n`, '\n')
    const variable = text === undefined ? `${name}_FILE` : name
    const path = this.text(variable)
    if (path === undefined) return undefined
    const content = this.#read(variable, path)
    if (content === undefined || content.includes('-----BEGIN')) return content
    this.report(variable, 'expected a file with PEM text, got something else', 'Convert it with `openssl`.')
    return undefined
  }

  /** A sentence for each variable of ours that nobody reads: probably a typing mistake. */
  strangers(): string[] {
    const known = [...Object.keys(environmentVariables), ...otherVariables]
    const own = Object.keys(this.#variables).filter((name) => name.startsWith('HOLDFAST_') && !known.includes(name))
    return own.map((name) => {
      const meant = nearestName(name, known)
      return `the environment variable ${name} is not known${meant === undefined ? '' : `; did you mean ${meant}?`}`
    })
  }

  report(name: string, problem: string, remedy: string): void {
    this.#issues.push({ option: name, problem, remedy })
  }

  #read(name: string, path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
      this.report(name, `the file cannot be read (${code})`, 'Name a file that this user may read.')
      return undefined
    }
  }
}
