// The file store, held to the whole store port: on a simulated disk and in a real directory.

import { describe, it } from 'vitest'
import { registerConformance } from '../../testing/conformance.ts'
import { directoryFileTarget, simulatedFileTarget } from '../../testing/file-target.ts'

registerConformance(simulatedFileTarget, { describe, it, skip: it.skip })
registerConformance(directoryFileTarget, { describe, it, skip: it.skip })
