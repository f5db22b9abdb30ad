import { describe, expect, it } from 'vitest'
import { diskError } from '../../disks/disk-error.ts'
import { HoldfastError } from '../../errors.ts'
import { looking } from './disk-trouble.ts'
import { Findings } from './findings.ts'

async function found(error: unknown): Promise<readonly string[]> {
  const findings = new Findings()
  const looked = await looking(findings, 'f', () => Promise.reject(error))
  expect(looked).toEqual({ value: undefined })
  return findings.all().map(({ severity, kind, file }) => `${severity} ${kind} ${file}`)
}

describe('what a disk answers when a file is looked at', () => {
  it('is the value, when it can be read', async () => {
    const findings = new Findings()
    expect(await looking(findings, 'f', async () => 5)).toEqual({ value: 5 })
    expect(findings.all()).toEqual([])
  })

  it('is a finding, when it is an error of the disk', async () => {
    expect(await found(diskError('ENOENT', 'open', 'f'))).toEqual(['damage file-missing f'])
    for (const code of ['ENOTFILE', 'EISDIR', 'ENOTDIR', 'ELOOP'])
      expect(await found(diskError(code, 'open', 'f'))).toEqual(['damage not-a-file f'])
    expect(await found(diskError('EIO', 'read', 'f'))).toEqual(['damage io-error f'])
    expect(await found({ code: 'EACCES' })).toEqual(['damage io-error f'])
    expect(await found(new HoldfastError('NEWER_FORMAT', 'm'))).toEqual(['damage newer-format f'])
  })

  it('is thrown on, when it is neither the doing of the disk nor of the file', async () => {
    for (const error of [new HoldfastError('ABORTED', 'm'), new TypeError('m'), undefined]) {
      const findings = new Findings()
      await expect(looking(findings, 'f', () => Promise.reject(error))).rejects.toBe(error)
      expect(findings.all()).toEqual([])
    }
  })
})
