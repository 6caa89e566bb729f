import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { expect, test } from 'vitest'

const certificates = join(import.meta.dirname, '..', 'contract', 'certificates')
const orders = topic('orders')

/** A broker that wants both, and an app that brings what the test says. */
async function secured(): Promise<{ kafka: EmbeddedKafka; ca: string; appWith: (kafka: object) => Holdfast }> {
  const [cert, key] = await Promise.all([
    readFile(join(certificates, 'broker.cert.pem'), 'utf8'),
    readFile(join(certificates, 'broker.key.pem'), 'utf8'),
  ])
  const sasl = { users: { holdfast: 'correct horse' } }
  const kafka = await EmbeddedKafka.start({ topics: { orders: 1 }, sasl, tls: { cert, key } })
  const appWith = (options: object): Holdfast =>
    createHoldfast({
      group: 'billing',
      profile: 'test',
      log: false,
      startTimeout: '5s',
      kafka: { brokers: kafka.bootstrap, ...options },
    })
  return { kafka, ca: cert, appWith }
}

test('an app with the right certificate and password sends and consumes', async () => {
  const { kafka, ca, appWith } = await secured()
  await using _ = kafka
  await using app = appWith({ tls: { ca }, sasl: { username: 'holdfast', password: 'correct horse' } })
  const handled: string[] = []
  const consumer = app.consume(orders, {}, ({ value }) => void handled.push(Buffer.from(value).toString()))
  await app.start()
  await app.send(orders, { value: Buffer.from('first') })
  await consumer.whenCaughtUp()
  expect(handled).toEqual(['first'])
})

test('a wrong password is refused by name, without the password', async () => {
  const { kafka, ca, appWith } = await secured()
  await using _ = kafka
  await using app = appWith({ tls: { ca }, sasl: { username: 'holdfast', password: 'battery staple' } })
  const error: unknown = await app.start().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  expect(String(error)).not.toContain('battery staple')
})

test('a certificate that nobody vouches for is not accepted', async () => {
  const { kafka, appWith } = await secured()
  await using _ = kafka
  await using app = appWith({ tls: true, sasl: { username: 'holdfast', password: 'correct horse' } })
  await expect(app.start()).rejects.toMatchObject({
    code: 'BROKER_UNREACHABLE',
    message: expect.stringContaining('certificate') as string,
  })
})
