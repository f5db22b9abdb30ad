// C1.12: what people see of a loop hides what is sensitive and cuts what is long, and says so.

import { describe, expect, it } from 'vitest'
import { isSensitiveKey, redactedView } from './redacted.ts'

const terms = { lengthMax: 10, isSensitive: isSensitiveKey }

describe('a sensitive key', () => {
  it.each([
    'password',
    'dbPassword',
    'API_KEY',
    'apiKey',
    'x-api-key',
    'accessToken',
    'client_secret',
    'SecretAccessKey',
    'Authorization',
    'Set-Cookie',
    'privateKey',
    'token',
  ])('is %s', (key) => {
    expect(isSensitiveKey(key)).toBe(true)
  })

  it.each(['outputTokens', 'tokens', 'key', 'keyword', 'author', 'monkey', 'passage', 'pinned', 'secretary'])(
    'is not %s',
    (key) => {
      expect(isSensitiveKey(key)).toBe(false)
    },
  )
})

describe('a view', () => {
  it('leaves alone what is short and harmless', () => {
    const value = { a: [1, 'two', null, true], when: new Date(5), n: 5n }
    expect(redactedView(value, terms)).toEqual({ value, isCut: false, isRedacted: false })
  })

  it('hides what stands under a sensitive key, however deep, and whatever it is', () => {
    const { value, isCut, isRedacted } = redactedView(
      { a: [{ token: { deep: 'x' } }], m: new Map([['pwd', 1]]) },
      terms,
    )
    expect(value).toEqual({ a: [{ token: '[redacted]' }], m: { pwd: '[redacted]' } })
    expect([isCut, isRedacted]).toEqual([false, true])
  })

  it.each([
    ['a text', 'x'.repeat(11)],
    ['a list', Array.from({ length: 11 }, () => 1)],
    ['a set', new Set(Array.from({ length: 11 }, (_, n) => n))],
    ['an object', Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`k${n}`, n]))],
    ['bytes', new Uint8Array(3)],
    ['the message of an error', new Error('x'.repeat(11))],
    ['a nest', JSON.parse(`${'['.repeat(20)}${']'.repeat(20)}`)],
  ])('cuts %s', (_name, value) => {
    expect(redactedView({ value }, terms)).toMatchObject({ isCut: true, isRedacted: false })
  })
})
