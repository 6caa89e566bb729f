/** What the codes of a coordinator mean to a member. */
import { expect, test } from 'vitest'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { isCoordinatorElsewhere, isUnknownMember } from './group-codes.ts'
import { refusals } from './refusals.ts'

test.each([
  ['FENCED_INSTANCE_ID', 'FENCED'],
  ['GROUP_AUTHORIZATION_FAILED', 'AUTHORIZATION_FAILED'],
  ['INCONSISTENT_GROUP_PROTOCOL', 'KAFKA_ERROR'],
  ['INVALID_GROUP_ID', 'KAFKA_ERROR'],
  ['INVALID_SESSION_TIMEOUT', 'KAFKA_ERROR'],
] as const)('%s ends the app, which is told what was expected and what to do', (name, code) => {
  const refusal = refusals.get(kafkaErrors[name])
  expect(refusal?.code).toBe(code)
  expect(refusal?.problem).toMatch(new RegExp(`^expected .+, got ${name}$`))
  expect(refusal?.remedy).toMatch(/^[A-Z].+\.$/)
})

test.each(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR'] as const)(
  '%s says that the coordinator is elsewhere, and nothing about the member',
  (name) => {
    expect(isCoordinatorElsewhere(kafkaErrors[name])).toBe(true)
    expect(isUnknownMember(kafkaErrors[name])).toBe(false)
  },
)

test.each(['UNKNOWN_MEMBER_ID', 'GROUP_ID_NOT_FOUND'] as const)('%s: to this coordinator we are new', (name) => {
  expect(isUnknownMember(kafkaErrors[name])).toBe(true)
  expect(isCoordinatorElsewhere(kafkaErrors[name])).toBe(false)
})

test.each(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION'] as const)('%s is no refusal for good', (name) => {
  expect([refusals.has(kafkaErrors[name]), isUnknownMember(kafkaErrors[name])]).toEqual([false, false])
  expect(isCoordinatorElsewhere(kafkaErrors[name])).toBe(false)
})
