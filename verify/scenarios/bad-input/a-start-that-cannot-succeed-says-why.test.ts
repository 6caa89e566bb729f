/** A start that cannot succeed ends within its budget, with a code, every name that matters, the cause and a remedy; run()
 *  turns it into an exit code. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, HoldfastError, topic } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { runProcess } from '../../processes.ts'
import { testApp } from '../consumer-world.ts'

const program = join(import.meta.dirname, '../../fixtures/run-app.ts')

/** Runs an app with these options in a process of its own, to its end. */
function run(options: object, consume: object = {}): ReturnType<typeof runProcess> {
  return runProcess({
    name: 'the app',
    args: [program, JSON.stringify(options), JSON.stringify(consume)],
    env: { KAFKA_BROKERS: undefined, KAFKA_GROUP_ID: undefined },
    timeoutMs: 20_000,
  })
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof HoldfastError) return error
  throw new Error('expected a HoldfastError', { cause: error })
}

describe('a broker that cannot be reached', () => {
  test('because nobody listens', async () => {
    const address = `127.0.0.1:${await closedPort()}`
    const app = createHoldfast({ ...testApp, kafka: address, startTimeout: '300ms' })

    const error = await errorOf(app.start())

    expect(error).toMatchObject({ code: 'BROKER_UNREACHABLE', retriable: true })
    expect(error.message).toContain(address)
    expect(error.message).toMatch(/within 300 ms.*refused/)
    expect(error.remedy).toMatch(/bootstrap/)
    expect(error.cause).toBeInstanceOf(AggregateError)
  })

  test('because its name does not exist', async () => {
    const app = createHoldfast({ ...testApp, kafka: 'nowhere.invalid:9092', startTimeout: '300ms' })

    const error = await errorOf(app.start())

    expect(error).toMatchObject({ code: 'BROKER_UNREACHABLE' })
    expect(error.message).toContain('nowhere.invalid:9092')
  })

  test('because it accepts and says nothing', async () => {
    const mute = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const address = `127.0.0.1:${(mute.address() as AddressInfo).port}`
    const app = createHoldfast({ ...testApp, kafka: address, startTimeout: '300ms' })

    const error = await errorOf(app.start())

    expect(error).toMatchObject({ code: 'BROKER_UNREACHABLE' })
    expect(error.message).toContain(address)
    mute.close()
  })

  test('each of several addresses is named with its own cause', async () => {
    const addresses = [`127.0.0.1:${await closedPort()}`, `127.0.0.1:${await closedPort()}`]
    const app = createHoldfast({ ...testApp, kafka: addresses, startTimeout: '300ms' })

    const error = await errorOf(app.start())

    for (const address of addresses) expect(error.message.split(address).length).toBeGreaterThan(2)
  })

  test('one address that answers is enough', async () => {
    await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
    const kafkas = [`127.0.0.1:${await closedPort()}`, kafka.bootstrap]
    await using app = createHoldfast({ ...testApp, kafka: kafkas, startTimeout: '5s' })

    await app.start()
    await app.send(topic('orders'), { value: Buffer.from('a') })

    expect(kafka.core.endOffset('orders', 0)).toBe(1)
  })

  test('run() ends with exit code 4 and prints code, address and remedy', async () => {
    const address = `127.0.0.1:${await closedPort()}`

    const { code, output } = await run({ kafka: address, group: 'billing', startTimeout: '300ms', log: false })

    expect(code).toBe(4)
    expect(output.join('\n')).toContain('BROKER_UNREACHABLE: ')
    expect(output.join('\n')).toContain(address)
    expect(output.join('\n')).toMatch(/→ Check the bootstrap addresses/)
    expect(output).toContain('stopLast')
  })

  test('a start that failed can be repeated', async () => {
    const port = await closedPort()
    const app = createHoldfast({ ...testApp, kafka: `127.0.0.1:${port}`, startTimeout: '200ms' })
    app.consume(topic('orders'), {}, () => undefined)
    await errorOf(app.start())
    await expect(app.closed).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })

    await using kafka = await EmbeddedKafka.start({ ports: [port], topics: { orders: 1 } })
    await app.start()

    expect(app.health().live).toBe(true)
    await app.stop()
    expect(kafka.core.topics()).toHaveLength(1)
  })
})

describe('wrong settings', () => {
  const options = { kafka: 'no port here', group: '', sessionTimeout: '1s', commitInterval: 'soon', colour: 'red' }
  const consume = { concurrency: 0, order: 'sometimes', retry: { inPlace: [-1] } }

  test('are told all at once, each with a remedy, before anything connects', async () => {
    const app = createHoldfast(options)
    app.consume(topic('orders/*'), consume as never, 'no function' as never)

    const error = await errorOf(app.start())

    expect(error).toMatchObject({ code: 'SETTINGS_INVALID' })
    const { issues } = error as unknown as { issues: { option: string; problem: string; remedy: string }[] }
    for (const { remedy, problem } of issues) expect([remedy, problem]).not.toContain('')
    const named = issues.map(({ option }) => option).join('\n')
    for (const option of Object.keys({ ...options, concurrency: 0, order: 0, retry: 0 }))
      expect(named).toContain(option)
    expect(issues.length).toBeGreaterThanOrEqual(10)
  })

  test('run() ends with exit code 2 and prints every one of them', async () => {
    const { code, output } = await run(options, consume)

    expect(code).toBe(2)
    const text = output.join('\n')
    expect(text).toContain('SETTINGS_INVALID: ')
    for (const option of [...Object.keys(options), ...Object.keys(consume)]) expect(text).toContain(option)
  })
})

describe('a topic that does not exist', () => {
  test('is named, together with every other that is missing, and nothing stays open', async () => {
    await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
    const app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    for (const name of ['orders', 'payments', 'refunds']) app.consume(topic(name), {}, () => undefined)

    const error = await errorOf(app.start())

    expect(error).toMatchObject({ code: 'TOPIC_MISSING', remedy: expect.stringContaining('Create') as string })
    expect(error.message).toContain('payments, refunds')
    expect(error.message).not.toContain('orders,')
    expect(kafka.core.group('billing')).toBe(undefined)
    await expect(app.send(topic('orders'), { value: Buffer.from('a') })).rejects.toMatchObject({ code: 'NOT_STARTED' })
  })

  test('run() ends with exit code 1', async () => {
    await using kafka = await EmbeddedKafka.start()

    const { code, output } = await run({ kafka: kafka.bootstrap, group: 'billing', log: false })

    expect(code).toBe(1)
    expect(output.join('\n')).toContain('TOPIC_MISSING: ')
  })
})
