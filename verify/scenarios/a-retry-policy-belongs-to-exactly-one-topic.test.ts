/** R18, R22, R23, B11: what happens to a failed record is said by the `consume` call of exactly its topic. Topics whose
 *  names begin alike, end alike or look like a pattern of each other never share delays, dead letters or a policy. */
import { createHoldfast, deadLetters, SettingsError, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, noting, patientApp, type Tried } from './consumer-world.ts'

const always = (): Error => new Error('away')
const [patient, strict] = [{ delays: ['1s', '1m'] }, { inPlace: [] }]
const names = ['events', 'events-audit', 'events.audit', 'my-events', 'event', 'events.retry.1s', 'Events']

test.each(names.slice(1).flatMap((other) => [['events', other] as const, [other, 'events'] as const]))(
  'the policy of %s is not used for %s, nor the other way round',
  async (delayed, direct) => {
    await using kit = await testKit({ topics: { [delayed]: 1, [direct]: 1 } })
    const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
    const diary = new Diary<Tried>()
    // In both orders, so that neither the first nor the last call wins.
    app.consume(topic(direct), { retry: strict, deadLetters: true }, noting(kit, diary, always))
    app.consume(topic(delayed), { retry: patient, deadLetters: true }, noting(kit, diary, always))
    const dead = new Diary<string>()
    app.consume(deadLetters(topic(direct)), {}, ({ valueBytes }) => dead.note(String(valueBytes)))
    kit.broker.append(direct, 0, [{ value: 'direct' }])
    kit.broker.append(delayed, 0, [{ value: 'delayed' }])
    await app.start()
    await kit.waitForRecords(`billing.${delayed}.dlq`, 1)
    await kit.waitForRecords(`billing.${direct}.dlq`, 1)

    const attemptsAt = (what: string): unknown[] =>
      diary.lines.filter((line) => line.what === what).map((line) => [line.topic, line.attempt])
    expect(attemptsAt('direct')).toEqual([[direct, 1]])
    expect(attemptsAt('delayed')).toEqual([1, 2, 3].map((attempt) => [delayed, attempt]))
    expect(kit.records(`billing.${delayed}.retry.1s`)).toHaveLength(1)
    expect(kit.broker.topics().map(({ name }) => name)).not.toContain(`billing.${direct}.retry.1s`)
    expect(dead.lines).toEqual(['direct'])
    await app.stop()
  },
)

test.each(['events*', '^events', 'events.+', 'events|audit', '(events)'])(
  '%s is no topic name and no pattern',
  async (name) => {
    await using kit = await testKit({ topics: { events: 1, 'events-audit': 1 } })
    const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
    app.consume(topic(name), { retry: patient }, () => undefined)

    const error = await app.start().catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(SettingsError)
    expect((error as SettingsError).message).toContain(name)
    expect(kit.broker.topics().map((each) => each.name)).toEqual(['events', 'events-audit'])
  },
)

test('a regular expression is refused before anything is made', async () => {
  await using kit = await testKit({ topics: { events: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  app.consume(topic(/^events/ as unknown as string), { retry: patient }, () => undefined)

  await expect(app.start()).rejects.toThrow(/pattern.*not built/)
  expect(kit.broker.topics()).toHaveLength(1)
})
