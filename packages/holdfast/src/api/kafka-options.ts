/** Where Kafka is and how we prove who we are: options, environment variables, and what comes out of both. Connecting is
 *  left to the port, and so are warnings about connections that are less safe than they could be. Passwords become
 *  functions and private keys cannot be enumerated, so that no error, log line or debugger shows them. */

import type { SettingsIssue } from '../model/errors.ts'
import type { NodeAddress } from '../kafka/port.ts'
import type { Credentials } from '../kafka/sasl.ts'
import type { TlsOptions } from '../kafka/tls.ts'
import type { Environment } from '../runtime/environment.ts'
import type { EnvironmentReader } from './environment-variables.ts'
import { OptionReader } from './option-reader.ts'
import type { UnbuiltOption } from './option-rules.ts'
import { wordDefaults } from './options.ts'
import { shown } from './shown.ts'

export type KafkaOptions = {
  /** Addresses to begin with, `host:port`; the cluster tells the others. @default KAFKA_BROKERS */
  readonly brokers?: string | readonly string[] | undefined
  /** Name of this application in the logs and quotas of the brokers. @default KAFKA_CLIENT_ID, else 'holdfast' */
  readonly clientId?: string | undefined
  /** Whether and how to encrypt. @default KAFKA_SSL and KAFKA_SSL_…, else false */
  readonly tls?: boolean | TlsOptions | undefined
  /** How to prove who we are; `false` ignores the environment. @default KAFKA_SASL_…, else none */
  readonly sasl?: SaslOptions | false | undefined
}

export type SaslOptions = {
  /** Only `'plain'` is built. @default KAFKA_SASL_MECHANISM, else 'plain' */
  readonly mechanism?: 'plain' | undefined
  /** @default KAFKA_SASL_USERNAME */
  readonly username?: string | undefined
  /** A function is asked before each connection. @default KAFKA_SASL_PASSWORD or the file KAFKA_SASL_PASSWORD_FILE */
  readonly password?: Credentials['password'] | undefined
}

/** A Kafka of `holdfast/testing` that lives in this process and brings its own port and clock. */
export type TestKafka = { readonly environment: Environment }

/** What an app connects to. */
export type KafkaTarget =
  | {
      readonly kind: 'network'
      readonly clientId: string
      readonly bootstrap: readonly NodeAddress[]
      readonly tls: TlsOptions | undefined
      readonly sasl: Credentials | undefined
    }
  | { readonly kind: 'inProcess'; readonly clientId: string; readonly environment: Environment }

/** Collects problems in `issues`; the result is usable only if there are none. */
export function resolveKafka(option: unknown, environment: EnvironmentReader, issues: SettingsIssue[]): KafkaTarget {
  if (isTestKafka(option)) {
    const clientId = environment.name('KAFKA_CLIENT_ID') ?? wordDefaults.clientId
    return Object.freeze({ kind: 'inProcess', clientId, environment: option.environment })
  }
  const isAddress = typeof option === 'string' || Array.isArray(option)
  const options = new OptionReader('kafka.', isAddress ? { brokers: option } : option, issues)
  options.refuseOthers(['brokers', 'clientId', 'tls', 'sasl'])
  const tls = resolveTls(options, environment, issues)
  const sasl = resolveSasl(options, environment, issues)
  const clientId = options.name('clientId') ?? environment.name('KAFKA_CLIENT_ID') ?? wordDefaults.clientId
  return Object.freeze({ kind: 'network', clientId, bootstrap: resolveBootstrap(options, environment), tls, sasl })
}

function isTestKafka(option: unknown): option is TestKafka {
  if (typeof option !== 'object' || option === null || !('environment' in option)) return false
  const { environment } = option
  return typeof environment === 'object' && environment !== null && 'openPort' in environment
}

function resolveBootstrap(options: OptionReader, environment: EnvironmentReader): readonly NodeAddress[] {
  if (!options.isReadable) return []
  const given = options.value('brokers')
  const variable = environment.text('KAFKA_BROKERS') === undefined ? 'KAFKA_BOOTSTRAP_SERVERS' : 'KAFKA_BROKERS'
  const report = (problem: string, remedy: string): void => {
    if (given === undefined && environment.text(variable) !== undefined) environment.report(variable, problem, remedy)
    else options.report('brokers', problem, remedy)
  }
  const written = given ?? environment.text(variable)
  if (written === undefined) {
    report(
      'no brokers are given',
      "Set KAFKA_BROKERS=host:9092, or pass createHoldfast({ kafka: 'host:9092' }) or an embedded broker.",
    )
    return []
  }
  const addresses = listed(written)
  if (addresses.length === 0) {
    report(`expected addresses such as 'host:9092', got ${shown(written)}`, 'Name at least one broker.')
  }
  return addresses.flatMap((address) => {
    const node = parseAddress(address)
    if (node !== undefined) return [node]
    report(`expected an address such as 'host:9092', got ${shown(address)}`, 'Write host:port, without a scheme.')
    return []
  })
}

function listed(brokers: unknown): unknown[] {
  const parts: unknown[] = Array.isArray(brokers) ? brokers : [brokers]
  return parts
    .flatMap((part: unknown) => (typeof part === 'string' ? part.split(',').map((address) => address.trim()) : [part]))
    .filter((part) => part !== '')
}

const defaultPort = 9_092
const portMax = 65_535
/** A name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
const addressForm = /^(?:\[(?<ipv6>[\da-fA-F:.]+)\]|(?<host>[\w.-]+))(?::(?<port>\d{1,5}))?$/

export function parseAddress(address: unknown): NodeAddress | undefined {
  if (typeof address !== 'string') return undefined
  const parts = addressForm.exec(address)?.groups
  const host = parts?.['ipv6'] ?? parts?.['host']
  const port = Number(parts?.['port'] ?? defaultPort)
  return host === undefined || port < 1 || port > portMax ? undefined : { host, port }
}

const tlsOptionNames = ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized']

function resolveTls(
  options: OptionReader,
  environment: EnvironmentReader,
  issues: SettingsIssue[],
): TlsOptions | undefined {
  const given = options.value('tls')
  if (given === false) return undefined
  if (given !== undefined && given !== true && (typeof given !== 'object' || given === null)) {
    options.report('tls', `expected true, false or an object, got ${shown(given)}`, 'Write `tls: true`.')
    return undefined
  }
  const isSwitchedOn = environment.flag('KAFKA_SSL')
  if (given === undefined && isSwitchedOn === false) return undefined

  const tls = new OptionReader('kafka.tls.', given === true ? {} : given, issues)
  tls.refuseOthers(tlsOptionNames)
  const ca = pemOption(tls, 'ca') ?? environment.pem('KAFKA_SSL_CA')
  const cert = pemOption(tls, 'cert') ?? environment.pem('KAFKA_SSL_CERT')
  const key = pemOption(tls, 'key') ?? environment.pem('KAFKA_SSL_KEY')
  const isMeant = given ?? isSwitchedOn ?? ca ?? cert ?? key
  if (isMeant === undefined) return undefined
  if ((cert === undefined) !== (key === undefined) && !tls.isFlawed('cert') && !tls.isFlawed('key')) {
    const [there, absent] = cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    tls.report(absent, `expected together with kafka.tls.${there}, got none`, 'Give both or neither.')
  }
  const settings: TlsOptions = {
    ca,
    cert: cert as OnePem | undefined,
    servername: textOption(tls, 'servername'),
    rejectUnauthorized: booleanOption(tls, 'rejectUnauthorized') ?? true,
  }
  return Object.freeze(Object.defineProperty(settings, 'key', { value: key, enumerable: false }))
}

type OnePem = NonNullable<TlsOptions['cert']>

function pemOption(tls: OptionReader, name: 'ca' | 'cert' | 'key'): TlsOptions['ca'] {
  const value = tls.value(name)
  const parts: unknown[] = name === 'ca' && Array.isArray(value) ? value : [value]
  if (value === undefined || (parts.length > 0 && parts.every(isPem))) return value as TlsOptions['ca']
  tls.report(
    name,
    'expected PEM text or its bytes, got something else',
    'Pass the content of the PEM file, not its path.',
  )
  return undefined
}

function isPem(value: unknown): boolean {
  return Buffer.isBuffer(value) || (typeof value === 'string' && value.includes('-----BEGIN'))
}

const saslMechanisms: Readonly<Record<string, UnbuiltOption | null>> = {
  plain: null,
  'scram-sha-256': { what: 'SCRAM', instead: 'Use plain over TLS.' },
  'scram-sha-512': { what: 'SCRAM', instead: 'Use plain over TLS.' },
  oauthbearer: { what: 'OAUTHBEARER', instead: 'Use plain over TLS.' },
  gssapi: { what: 'Kerberos (GSSAPI)', instead: 'Use plain over TLS.' },
}

function resolveSasl(
  options: OptionReader,
  environment: EnvironmentReader,
  issues: SettingsIssue[],
): Credentials | undefined {
  const given = options.value('sasl')
  if (given === false) return undefined
  const isInVariables =
    environment.text('KAFKA_SASL_USERNAME') !== undefined || environment.text('KAFKA_SASL_MECHANISM') !== undefined
  if (given === undefined && !isInVariables) return undefined

  const sasl = new OptionReader('kafka.sasl.', given, issues)
  sasl.refuseOthers(['mechanism', 'username', 'password'])
  checkMechanism(sasl, environment)
  const username = textOption(sasl, 'username') ?? environment.text('KAFKA_SASL_USERNAME')
  const password = passwordOption(sasl) ?? environment.secret('KAFKA_SASL_PASSWORD')
  const reportMissing = (name: 'username' | 'password', variables: string): void => {
    if (!sasl.isFlawed(name)) sasl.report(name, `no ${name} is given`, `Pass kafka.sasl.${name} or set ${variables}.`)
  }
  if (username === undefined) reportMissing('username', 'KAFKA_SASL_USERNAME')
  if (password === undefined) reportMissing('password', 'KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE')
  if (username === undefined || password === undefined) return undefined
  return Object.freeze({ mechanism: 'plain', username, password })
}

function checkMechanism(sasl: OptionReader, environment: EnvironmentReader): void {
  const given = sasl.value('mechanism')
  const mechanism = given ?? environment.text('KAFKA_SASL_MECHANISM') ?? 'plain'
  const name = typeof mechanism === 'string' ? mechanism.toLowerCase() : ''
  const unbuilt = Object.hasOwn(saslMechanisms, name) ? saslMechanisms[name] : undefined
  if (unbuilt === null) return
  const problem =
    unbuilt === undefined
      ? `expected 'plain', got ${shown(mechanism)}`
      : `the mechanism ${unbuilt.what} is not built yet`
  const remedy = unbuilt?.instead ?? "Write mechanism: 'plain', the only one that is built."
  if (given === undefined) environment.report('KAFKA_SASL_MECHANISM', problem, remedy)
  else sasl.report('mechanism', problem, remedy)
}

function passwordOption(sasl: OptionReader): Credentials['password'] | undefined {
  const given = sasl.value('password')
  if (typeof given === 'function') return given as () => string | Promise<string>
  const text = textOption(sasl, 'password')
  return text === undefined ? undefined : () => text
}

/** Never shows what was given: a password that came as a number is still a password. */
function textOption(options: OptionReader, name: string): string | undefined {
  const value = options.value(name)
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  options.report(name, `expected a text, got ${value === '' ? 'an empty one' : typeof value}`, 'Pass a text.')
  return undefined
}

function booleanOption(options: OptionReader, name: string): boolean | undefined {
  const value = options.value(name)
  if (value === undefined || typeof value === 'boolean') return value
  options.report(name, `expected true or false, got ${shown(value)}`, 'Pass true or false.')
  return undefined
}
