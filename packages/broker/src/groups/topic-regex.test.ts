import { expect, test } from 'vitest'

import { RegexProblem, topicMatcher } from './topic-regex.ts'

test.each([
  ['orders', ['orders'], ['order', 'orders-1', 'xorders']],
  ['order', ['order'], ['orders']],
  ['a|b-[0-9]+', ['a', 'b-12'], ['b-', 'ab-1']],
  ['(?i)Orders\\..*', ['ORDERS.eu'], ['orders']],
  ['(?P<n>a)(?<m>b)(?:c)', ['abc'], ['ab']],
  ['\\Qa.b\\E+', ['a.b', 'a.bb'], ['axb']],
  ['[[:alpha:]_]{2,3}', ['ab', 'a_c'], ['a1', 'abcd']],
  ['[^a-c.]', ['d'], ['a', '.']],
  ['a{,2}', ['a{,2}'], ['aa']],
  ['\\x41\\101\\.', ['AA.'], ['AAx']],
  ['\\pL+?', ['abc'], ['a1']],
  ['\\Aab\\z', ['ab'], ['abc']],
  ['t-1|t-2', ['t-1', 't-2'], ['t-3']],
  ['[a-]x', ['ax', '-x'], ['bx']],
])('%s matches whole names', (pattern, matching, others) => {
  const matches = topicMatcher(pattern)
  expect([matching.filter((name) => !matches(name)), others.filter((name) => matches(name))]).toEqual([[], []])
})

/** As Kafka 4.3.1 answered. */
test.each([
  ['[', 'missing closing ]'],
  ['(a', 'missing closing )'],
  [')', 'regexp/syntax: internal error'],
  ['(?!x)', 'invalid or unsupported Perl syntax'],
  ['(?=x)', 'invalid or unsupported Perl syntax'],
  ['(?>a)', 'invalid or unsupported Perl syntax'],
  ['(?x)a', 'invalid or unsupported Perl syntax'],
  ['(?#c)', 'invalid or unsupported Perl syntax'],
  ['(a)\\1', 'invalid escape sequence'],
  ['\\h', 'invalid escape sequence'],
  ['\\Z', 'invalid escape sequence'],
  ['\\u0041', 'invalid escape sequence'],
  ['a{1001}', 'invalid repeat count'],
  ['a{2,1}', 'invalid repeat count'],
  ['a++', 'invalid nested repetition operator'],
  ['a**', 'invalid nested repetition operator'],
  ['*', 'missing argument to repetition operator'],
])('%s is refused', (pattern, reason) => {
  expect(() => topicMatcher(pattern)).toThrow(new RegexProblem(reason))
})
