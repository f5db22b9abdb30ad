import { expect, it } from 'vitest'
import { SqlFailure } from '../sql/backend.ts'
import { failureOf, unknownOutcome } from './failure.ts'

function serverError(code: string): Error {
  return Object.assign(new Error('what the server says, in whatever language'), { code })
}

it.each([
  ['08006', 'UNAVAILABLE', true],
  ['57P01', 'UNAVAILABLE', true],
  ['57P03', 'UNAVAILABLE', true],
  ['53300', 'UNAVAILABLE', true],
  ['25006', 'UNAVAILABLE', true],
  ['25P03', 'UNAVAILABLE', true],
  ['ECONNREFUSED', 'UNAVAILABLE', true],
  ['ECONNRESET', 'UNAVAILABLE', true],
  ['40001', 'LOCKED', true],
  ['40P01', 'LOCKED', true],
  ['55P03', 'LOCKED', false],
  ['57014', 'LOCKED', false],
  ['28P01', 'NO_PERMISSION', false],
  ['42501', 'NO_PERMISSION', false],
  ['3D000', 'JOURNAL_MISSING', false],
  ['53100', 'DISK_FULL', true],
  ['XX001', 'DAMAGED', false],
  ['42P01', 'IO', false],
])('%s means %s, and that it may pass by itself: %s', (state, code, transient) => {
  const { error, facts } = failureOf(serverError(state), 'postgres://h/d')
  expect({ code: error.code, facts }).toEqual({ code, facts: { outcome: 'not-done', transient, latches: false } })
  expect(error.details).toMatchObject({ file: 'postgres://h/d', sqlState: state })
})

it('an error of the driver says that the connection is not usable, or that it has no password', () => {
  expect(failureOf(new Error('Connection terminated unexpectedly'), 'l').error.code).toBe('UNAVAILABLE')
  expect(failureOf(new Error('SASL: client password must be a string'), 'l').error.code).toBe('NO_PERMISSION')
})

it('a failure stays what it is', () => {
  const failure = unknownOutcome(new Error('gone'), 'l')
  expect(failureOf(failure, 'other')).toBe(failure)
  expect(failure).toBeInstanceOf(SqlFailure)
  expect(failure).toMatchObject({ error: { code: 'INDETERMINATE' }, facts: { outcome: 'unknown', latches: true } })
})
