// What a table or manifest throws when its bytes are not what was written. Internal: the owner of the tables catches
// it and rebuilds them from the log, so that damage to a cache costs time and never an answer.

import { HoldfastError } from '../../errors.ts'

export class TableDamaged extends HoldfastError {
  constructor(file: string, offset: number, why: string) {
    super('DAMAGED', `${file} at byte ${offset}: ${why}`, {
      hint: 'This file is a cache and nothing is lost: reopen() makes it anew from the log.',
      details: { file, offset },
    })
  }
}
