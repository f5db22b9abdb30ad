import { describe, expect, it } from 'vitest'
import { parseAddress, quoted } from './address.ts'

describe('an address', () => {
  it('takes what is ours out of the URL and leaves the rest to the driver', () => {
    const address = parseAddress('postgres://me:secret@host:5433/db?schema=agents&sslmode=require&journal=a%2Fb')
    expect(address).toEqual({
      urls: ['postgres://me:secret@host:5433/db?sslmode=require'],
      schema: 'agents',
      journal: 'a/b',
      pooler: false,
      label: 'postgres://me@host:5433/db?schema=agents&journal=a%2Fb',
      key: 'postgres://host:5433/db?schema=agents&journal=a%2Fb',
    })
  })

  it('has a schema and a journal of its own accord, and options win over the URL', () => {
    expect(parseAddress('postgresql://host/db')).toMatchObject({ schema: 'holdfast', journal: 'main' })
    const options = { schema: 's', journal: 'j' }
    expect(parseAddress('postgres://host/db?schema=a&journal=b', options)).toMatchObject(options)
  })

  it('may name several hosts', () => {
    const { urls, label } = parseAddress('postgres://me:pw@a:1,b:2/db?x=y')
    expect(urls).toEqual(['postgres://me:pw@a:1/db?x=y', 'postgres://me:pw@b:2/db?x=y'])
    expect(label).toBe('postgres://me@a:1,b:2/db?schema=holdfast&journal=main')
  })

  it('never shows a password, wherever it stands', () => {
    for (const url of [
      'postgres://me:secret@h/d',
      'postgres://:secret@h/d',
      'postgres://h/d?password=secret&user=me',
    ]) {
      expect(parseAddress(url).label).not.toContain('secret')
    }
  })

  it.each([
    'postgres:/host',
    'postgres://host/db?pooler=session',
    'postgres://host/db?schema=',
    'postgres://host/db?schema=pg_catalog',
    `postgres://host/db?schema=${'s'.repeat(64)}`,
    'postgres://host/db?journal=',
    'postgres://host/db?journal=%00',
    `postgres://host/db?journal=${'j'.repeat(513)}`,
  ])('refuses %s, without repeating what could hold a password', (url) => {
    expect(() => parseAddress(url)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  it('quotes an identifier so that it stays one', () => {
    expect(quoted('a"; drop table x; --')).toBe('"a""; drop table x; --"')
  })
})
