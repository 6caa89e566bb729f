import { expect, test } from 'vitest'

import { type AddressOptions, authority, resolveAddress } from './address.ts'

const sasl = { users: { alice: 'secret' } }

test.each<[AddressOptions, string, string]>([
  [{}, '127.0.0.1', '127.0.0.1'],
  [{ host: 'localhost' }, 'localhost', 'localhost'],
  [{ host: '127.9.9.9' }, '127.9.9.9', '127.9.9.9'],
  [{ host: '::1' }, '::1', '::1'],
  [{ host: '10.0.0.1', sasl }, '10.0.0.1', '10.0.0.1'],
  [{ host: '10.0.0.1', insecure: true }, '10.0.0.1', '10.0.0.1'],
  [{ host: '0.0.0.0', advertisedHost: 'kafka.test', insecure: true }, '0.0.0.0', 'kafka.test'],
  [{ advertisedHost: 'host.docker.internal' }, '127.0.0.1', 'host.docker.internal'],
])('%j listens on %s and tells clients %s', (options, host, advertisedHost) => {
  expect(resolveAddress(options)).toEqual({ host, advertisedHost })
})

test.each<[string, AddressOptions, string]>([
  ['a network address without SASL', { host: '10.0.0.1' }, 'without SASL'],
  ['all addresses without SASL', { host: '0.0.0.0', advertisedHost: 'h' }, 'without SASL'],
  ['a name that only begins like loopback', { host: '127.evil.test' }, 'without SASL'],
  [
    'a network address with unsecured tokens',
    { host: '10.0.0.1', sasl: { ...sasl, mechanisms: ['PLAIN', 'OAUTHBEARER'] } },
    'unsecured OAUTHBEARER',
  ],
  ['all addresses and no name for clients', { host: '::', sasl }, 'advertisedHost'],
  ['an empty host', { host: '' }, 'must not be empty'],
])('%s is refused with the remedy', (_name, options, reason) => {
  expect(() => resolveAddress(options)).toThrow(reason)
})

test('an IPv6 address stands in brackets before its port', () => {
  expect([authority('::1', 9092), authority('127.0.0.1', 9092)]).toEqual(['[::1]:9092', '127.0.0.1:9092'])
})
