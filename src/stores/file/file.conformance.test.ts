// The file store, held to the whole store port: on a simulated disk and in a real directory.

import { holdToConformance } from '../../../test/conformance/counted.ts'
import { directoryFileTarget, simulatedFileTarget } from '../../testing/file-target.ts'

holdToConformance(simulatedFileTarget)
holdToConformance(directoryFileTarget)
