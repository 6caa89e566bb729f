/** The in-process port under the same contract as the sockets; its time is virtual and flows by itself here. */

import { BrokerCore } from '@holdfast/broker'
import { clusterNodes, InProcessPort } from '../../packages/holdfast/src/testing/in-process-port.ts'
import { SimulatedNetwork } from '../../packages/holdfast/src/testing/simulated-network.ts'
import { VirtualClock } from '../../packages/holdfast/src/testing/virtual-clock.ts'
import { portContract } from './port.contract.ts'

portContract('in process', () => {
  const clock = new VirtualClock({ epochMs: Date.now() })
  const nodes = clusterNodes(1)
  const core = new BrokerCore({ brokers: nodes, clock })
  const network = new SimulatedNetwork(clock.stream('network'))
  const view = clock.view('m')
  const names = { clientId: 'contract', machine: 'm', route: 'm port 1' }
  const port = new InProcessPort({ core, clock, network, nodes, view, ...names })
  const stop = clock.flow()
  const close = (): Promise<void> => {
    port.close()
    stop()
    return Promise.resolve()
  }
  return Promise.resolve({ port, nodes, close })
})
