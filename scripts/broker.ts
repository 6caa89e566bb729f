/** `npm run broker -- --ports 9092,9093,9094 --topics orders:6`: serves the embedded broker by hand until it is interrupted.
 *
 *  Topics are created when a client asks for them, as Kafka does by default. Passwords are never printed. Exit code 2 means
 *  bad input, 1 that it could not start. */

import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'

import { EmbeddedKafka, type EmbeddedKafkaOptions, type MechanismName } from '@holdfast/broker'

type Login = { readonly mechanism: MechanismName; readonly user?: string; readonly password?: string }
type LogLevel = 'silent' | 'warn' | 'info'
type Options = {
  readonly ports: readonly number[]
  readonly topics: Readonly<Record<string, number>>
  readonly autoCreate: boolean
  readonly sasl?: readonly string[]
  readonly sessionLifetime?: number
  readonly tls?: true
  readonly tlsKey?: string
  readonly tlsCert?: string
  readonly host?: string
  readonly advertisedHost?: string
  readonly insecure?: true
  readonly logLevel: LogLevel
  readonly json?: true
}

const exitCodes = { cannotStart: 1, badInput: 2 } as const
const portMax = 65_535
const defaultPartitions = 1
const mechanisms: readonly MechanismName[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']
const newCertificate =
  'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost ' +
  '-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem'

function parsePorts(text: string): readonly number[] {
  return text.split(',').map((part) => {
    const port = Number(part)
    if (!/^\d+$/.test(part) || port > portMax) {
      throw new InvalidArgumentError(`expected ports like 9092,9093 (0 to ${portMax}), got '${part}'`)
    }
    return port
  })
}

function parseTopics(text: string): Readonly<Record<string, number>> {
  const topics = new Map<string, number>()
  for (const part of text.split(',')) {
    const match = /^([A-Za-z0-9._-]+)(?::([1-9]\d*))?$/.exec(part)
    if (match?.[1] === undefined) {
      throw new InvalidArgumentError(`expected topics like orders:6,payments (a name and partitions), got '${part}'`)
    }
    if (topics.has(match[1])) throw new InvalidArgumentError(`topic '${match[1]}' is named twice`)
    topics.set(match[1], Number(match[2] ?? defaultPartitions))
  }
  return Object.fromEntries(topics)
}

/** The password is all that follows the second colon. Not read by the parser of options, whose errors repeat what was given. */
function loginOf(text: string): Login {
  const [name = '', user, ...rest] = text.split(':')
  const mechanism = mechanisms.find((each) => each === name.toUpperCase())
  if (mechanism === undefined) throw new BadInput(`--sasl: expected one of ${mechanisms.join(', ').toLowerCase()}`)
  if (mechanism === 'OAUTHBEARER' && user === undefined) return { mechanism }
  const password = rest.join(':')
  if (mechanism === 'OAUTHBEARER' || user === undefined || user === '' || password === '') {
    throw new BadInput('--sasl: expected plain:user:password, scram-sha-256:user:password or oauthbearer')
  }
  return { mechanism, user, password }
}

function parseMilliseconds(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('expected milliseconds, 1 or more.')
  return Number(text)
}

/** Every user may sign in by every mechanism that is named. */
function saslOf({ sasl: given = [], sessionLifetime }: Options): EmbeddedKafkaOptions['sasl'] {
  const logins = given.map(loginOf)
  if (logins.length === 0) {
    if (sessionLifetime !== undefined) throw new BadInput('--session-lifetime needs --sasl')
    return undefined
  }
  const users = new Map<string, string>()
  for (const { user, password = '' } of logins) {
    if (user === undefined) continue
    if ((users.get(user) ?? password) !== password) throw new BadInput(`--sasl: user '${user}' has two passwords`)
    users.set(user, password)
  }
  const named = [...new Set(logins.map(({ mechanism }) => mechanism))]
  return { users: Object.fromEntries(users), mechanisms: named, sessionLifetimeMs: sessionLifetime }
}

async function tlsOf({ tls, tlsKey, tlsCert }: Options): Promise<EmbeddedKafkaOptions['tls']> {
  if (tls === undefined && tlsKey === undefined && tlsCert === undefined) return undefined
  if (tlsKey === undefined || tlsCert === undefined) {
    throw new BadInput(`TLS needs --tls-key and --tls-cert, and Node cannot make them; this does: ${newCertificate}`)
  }
  const [key, cert] = await Promise.all([readPem(tlsKey), readPem(tlsCert)])
  return { key, cert }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new BadInput(`'${file}' cannot be read: ${(error as { code?: string }).code ?? String(error)}`)
  }
}

/** What the options say is wrong in itself, so trying again with the same ones is of no use. */
class BadInput extends Error {}

async function serve(options: Options): Promise<void> {
  const { ports, topics, autoCreate, host, advertisedHost, insecure, logLevel } = options
  const [sasl, tls] = [saslOf(options), await tlsOf(options)]
  const warn = (message: string): void => {
    if (logLevel !== 'silent') console.error(message)
  }
  const address = { host, advertisedHost, insecure }
  const kafka = await EmbeddedKafka.start({ ports, topics, ...address, autoCreateTopics: autoCreate, sasl, tls, warn })
  if (logLevel === 'info') kafka.core.onEvent((event) => console.error(JSON.stringify(event)))
  // Before anything is printed: who waits for that line may interrupt at once.
  const stop = (): void => void kafka.stop()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  print(kafka.bootstrap, { ...options, mechanisms: sasl?.mechanisms ?? [] })
}

function print(bootstrap: string, options: Options & { readonly mechanisms: readonly string[] }): void {
  const hasTls = options.tlsCert !== undefined
  if (options.json) return console.log(JSON.stringify({ bootstrap, tls: hasTls, sasl: options.mechanisms }))
  console.log('an in-memory Kafka for tests and demos: protocol-faithful, one process, not durable')
  if (hasTls) console.log('clients need TLS')
  if (options.mechanisms.length > 0) console.log(`clients sign in by ${options.mechanisms.join(', ')}`)
  console.log(`bootstrap ${bootstrap}`)
}

const program = new Command('broker')
  .description('Serve the in-memory Kafka until interrupted, on loopback unless --host says otherwise.')
  .option('--ports <list>', 'one port for each broker; 0 takes any free one', parsePorts, [0])
  .option('--topics <list>', 'topics that exist from the start, as name or name:partitions', parseTopics, {})
  .option('--no-auto-create', 'do not create topics that clients ask for')
  .option(
    '--sasl <login...>',
    'who may sign in: plain:user:password, scram-sha-256:…, scram-sha-512:…, or oauthbearer; may be repeated',
  )
  .option('--session-lifetime <ms>', 'clients must sign in again after so long (KIP-368)', parseMilliseconds)
  .option('--tls', 'speak TLS; needs the next two, and follows from them')
  .option('--tls-key <file>', 'private key, PEM')
  .option('--tls-cert <file>', 'certificate, PEM')
  .option('--host <host>', 'where to listen; outside loopback only with --sasl or --insecure')
  .option('--advertised-host <host>', 'what clients are told to connect to; needed for --host 0.0.0.0')
  .option('--insecure', 'listen outside loopback although nobody has to sign in')
  .addOption(
    new Option('--log-level <level>', 'info tells every change of state')
      .choices(['silent', 'warn', 'info'])
      .default('warn'),
  )
  .option('--json', 'print one JSON line with the bootstrap address and nothing else')
  .allowExcessArguments(false)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCodes.badInput))

try {
  await serve(program.parse().opts<Options>())
} catch (error) {
  console.error(`cannot start: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode =
    error instanceof BadInput || error instanceof RangeError ? exitCodes.badInput : exitCodes.cannotStart
}
