/** All rows of the contract, by area. */

import { type Row } from '../row.ts'
import { clusterRows } from './cluster.ts'
import { frameRows } from './frames.ts'

export const rows: readonly Row[] = [...clusterRows, ...frameRows]
